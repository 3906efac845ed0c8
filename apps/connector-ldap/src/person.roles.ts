import type { Reference } from '@myelin/connector';
import type { Enrolment, ExternalRole, Master, ResourceRole, Validity } from '@myelin/contracts';
import type { Grace } from './ldap.settings.js';
import { addDays, common, LAST_DAY, type Period } from './supann/days.js';

interface Held<Kind extends string, Role> {
  readonly kind: Kind;
  readonly role: Role;
  /** Where it stands in the record (`roles.resource[0]`). */
  readonly field: string;
  /** The days on which the population is held. */
  readonly period: Period;
  /** The days of the role as a whole: a learner's spans several enrolments. */
  readonly whole: Period;
  /** Last day of grace after the period; `LAST_DAY` when it has no end. */
  readonly graceEnd: string;
}

/** One population held by a person over a period: staff, external, or one enrolment of a learner. */
export type Tenure = Held<'staff', ResourceRole> | Held<'external', ExternalRole> | Held<'learner', Enrolment>;

/** Everything the person was, is and will be; what has no valid day is left out. */
export function tenures({ roles }: Master<'person'>, grace: Grace): Tenure[] {
  const found: Tenure[] = [];
  const graceEnd = ({ to }: Period, kind: Tenure['kind']) => addDays(to, grace[kind]);
  roles?.resource?.forEach((role, i) => {
    const period = common(role);
    if (!period) return;
    const field = `roles.resource[${i}]`;
    found.push({ kind: 'staff', role, field, period, whole: period, graceEnd: graceEnd(period, 'staff') });
  });
  roles?.external?.forEach((role, i) => {
    const period = common(role);
    if (!period) return;
    const field = `roles.external[${i}]`;
    found.push({ kind: 'external', role, field, period, whole: period, graceEnd: graceEnd(period, 'external') });
  });
  roles?.learner?.forEach((learner, i) => {
    learner.enrolments?.forEach((role, j) => {
      const [whole, period] = [common(learner), common(learner, yearOf(role, learner), role)];
      const field = `roles.learner[${i}].enrolments[${j}]`;
      if (!whole || !period) return;
      found.push({ kind: 'learner', role, field, period, whole, graceEnd: graceEnd(period, 'learner') });
    });
  });
  return found;
}

// An enrolment is for one academic year: without dates it lasts as long, and without any end it ends with it.
function yearOf({ year, from, to }: Enrolment, learner: Validity): Validity {
  const end = `${year + 1}-08-31`;
  if (from == null && to == null) return { from: `${year}-09-01`, to: end };
  return to == null && learner.to == null ? { to: end } : {};
}

/** The records that a person's entry names: the structures of what is not over, required; sponsors and the home, when known. */
export function personReferences(
  master: Master<'person'>,
  today: string,
  { grace, homeEstablishment }: { readonly grace: Grace; readonly homeEstablishment: string },
): Reference[] {
  if (master.status !== 'active') return [];
  const current = tenures(master, grace).filter(({ graceEnd }) => graceEnd >= today);
  const structures = new Set<string>();
  const sponsors = new Set<string>();
  for (const tenure of current) {
    const isOver = ({ to }: { to?: string | null }) => addDays(to ?? LAST_DAY, grace[tenure.kind]) < today;
    if (tenure.kind === 'staff') {
      const places = [...(tenure.role.affectations ?? []), ...(tenure.role.functions ?? [])];
      for (const place of places) if (!isOver(place)) structures.add(place.structure);
    } else if (tenure.role.structure != null) structures.add(tenure.role.structure);
    if (tenure.kind === 'external' && tenure.role.sponsor != null) sponsors.add(tenure.role.sponsor);
  }
  const home = `uai:${homeEstablishment}`;
  if (current.length > 0 && !structures.has(home)) {
    return [
      ...required(structures),
      ...optional('person', sponsors),
      { entity: 'structure', key: home, required: false },
    ];
  }
  return [...required(structures), ...optional('person', sponsors)];
}

const required = (keys: Iterable<string>) =>
  [...keys].map((key): Reference => ({ entity: 'structure', key, required: true }));
const optional = (entity: Reference['entity'], keys: Iterable<string>) =>
  [...keys].map((key): Reference => ({ entity, key, required: false }));
