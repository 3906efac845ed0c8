import type { Enrolment, LearnerRole, Person, Validity } from '@myelin/contracts';
import type { Period } from '@myelin/referential';

/** When a person holds which role: a learner over the enrolments, each for one academic year. */
export function rolePeriods({ roles }: Pick<Person, 'roles'>): Record<string, readonly Period[]> {
  const held: Record<string, readonly Period[]> = {};
  if (roles?.resource) held['resource'] = roles.resource;
  if (roles?.external) held['external'] = roles.external;
  if (roles?.learner) held['learner'] = roles.learner.flatMap(learning);
  return held;
}

function learning(role: LearnerRole): Period[] {
  if (!role.enrolments || role.enrolments.length === 0) return [role];
  return role.enrolments.map((one) => common(role, academicYear(one, role), one));
}

// Without dates an enrolment lasts an academic year, and without any end it ends with it.
function academicYear({ year, from, to }: Enrolment, role: Validity): Period {
  const end = `${year + 1}-08-31`;
  if (from == null && to == null) return { from: `${year}-09-01`, to: end };
  return to == null && role.to == null ? { to: end } : {};
}

/** The days that lie in all periods. */
function common(...periods: readonly Period[]): Period {
  const days = (name: 'from' | 'to') => periods.flatMap((one) => one[name] ?? []).sort();
  return { from: days('from').at(-1) ?? null, to: days('to')[0] ?? null };
}
