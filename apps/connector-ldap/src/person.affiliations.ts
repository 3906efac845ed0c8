import { POPULATIONS, type Population } from './supann/populations.js';

/** Order in which one affiliation stands for the person or the profile. */
const ORDER = [
  'faculty',
  'student',
  'staff',
  'researcher',
  'teacher',
  'affiliate',
  'retired',
  'alum',
  'registered-reader',
  'library-walk-in',
  'employee',
  'member',
];

/** A code that is in no table: a category of the establishment, which says nothing of affiliations. */
const LOCAL: Population = { affiliations: [], weight: 0, establishment: 'I' };

/** What SupAnn says of that population code. */
export function population(code: string): Population {
  return Object.hasOwn(POPULATIONS, code) ? POPULATIONS[code]! : LOCAL;
}

/** Affiliations of all the populations; `member` and `affiliate` exclude each other (SupAnn, eduPersonAffiliation). */
export function affiliations(codes: readonly string[]): Set<string> {
  const all = new Set(codes.flatMap((code) => population(code).affiliations));
  if (all.has('member')) all.delete('affiliate');
  return all;
}

/** The affiliation that stands for the person: the first in order among those of the heaviest population. */
export function primaryAffiliation(codes: readonly string[], held: ReadonlySet<string>): string | undefined {
  const weight = Math.max(...codes.map((code) => population(code).weight));
  return first(
    codes.filter((code) => population(code).weight === weight),
    held,
  );
}

/** The affiliation that stands for a profile: the first in order among those of its own population that the person keeps. */
export function profileAffiliation(code: string, held: ReadonlySet<string>): string | undefined {
  return first([code], held);
}

function first(codes: readonly string[], held: ReadonlySet<string>): string | undefined {
  const own = codes.flatMap((code) => population(code).affiliations);
  return ORDER.find((affiliation) => own.includes(affiliation) && held.has(affiliation));
}
