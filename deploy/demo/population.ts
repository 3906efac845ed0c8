import type { ExternalRole, Identifier, Person, Roles, Validity } from '@myelin/contracts';
import { dayNumber, dayOf, period, yearOf, type Stage } from './population/calendar.js';
import { addresses, contacts } from './population/contacts.js';
import { apogeeNumber, identifier, ineNumber, orcid, sihamNumber } from './population/identifiers.js';
import { identity } from './population/identity.js';
import { learner } from './population/learners.js';
import { Names } from './population/names.js';
import { Places, type PopulationStructure } from './population/places.js';
import { Random, Weighted } from './population/random.js';
import { doctoralContract, professor, staffMember } from './population/staff.js';

export type { PopulationStructure } from './population/places.js';

/** What a population is made from; the same options give the same persons. */
export interface PopulationOptions {
  seed: number;
  count: number;
  structures: readonly PopulationStructure[];
  /** The day on which roles are active, ended or to come; 2026-11-24 unless told. */
  today?: string;
  /**
   * `person` (unless told): one record a person, with all roles. `source`: a person known to several applications
   * comes once from each, with the same civil status and no identifier in common.
   */
  records?: 'person' | 'source';
}

/** A person as one application knows it. */
export interface PersonRecord {
  source: 'siham' | 'apogee' | 'externals';
  sourceId: string;
  document: Person;
}

/** In twenty persons: five members of staff (S), two externals (E), thirteen learners (L). */
const PATTERN = 'SLLLELLSLLLSLLSLELLS';

/** Persons of one university, one after the other: the memory used does not grow with their number. */
export function* population(options: PopulationOptions): Generator<PersonRecord> {
  const { seed, count, records = 'person' } = options;
  const setting: Setting = {
    seed,
    names: new Names(),
    places: new Places(options.structures),
    today: dayNumber(options.today ?? '2026-11-24'),
  };
  for (let index = 0; index < count; index++) {
    const known = person(setting, index);
    if (records === 'source') yield* bySource(known);
    else yield known;
  }
}

interface Setting {
  seed: number;
  names: Names;
  places: Places;
  today: number;
}

function person(setting: Setting, index: number): PersonRecord {
  const random = new Random(setting.seed, index);
  switch (PATTERN[index % PATTERN.length]) {
    case 'S':
      return staff(setting, index, random);
    case 'L':
      return student(setting, index, random);
    default:
      return external(setting, index, random);
  }
}

function staff({ seed, names, places, today }: Setting, index: number, random: Random): PersonRecord {
  const age = random.integer(index % PATTERN.length === 0 ? 36 : 27, 64);
  const block = index / PATTERN.length;
  // The first of each twenty answers for externals; while there are laboratories, it directs the next one.
  const member =
    index % PATTERN.length === 0
      ? professor(random, places, today, age, places.laboratories[block])
      : staffMember(random, places, today, age);
  const siham = sihamNumber(seed, index);
  const identifiers = [identifier('siham', siham)];
  if (member.researcher && random.chance(0.8)) identifiers.push(identifier('orcid', orcid(seed, index)));
  const roles: Roles = { resource: [member.role] };
  const birthYear = bornBy(today, age, member.role);
  // Some of the staff study, in continuing education.
  if (member.stage === 'active' && random.chance(0.03)) {
    const course = learner(random, places, today);
    roles.learner = [course.role];
    identifiers.push(...studentIdentifiers(seed, index, course.firstYear, birthYear));
  }
  const document = assemble(random, names, index, { birthYear, foreign: 0.1, identifiers, roles, as: 'staff' });
  if (member.stage === 'gone' && random.chance(0.03)) document.deathDate = dayOf(today - random.integer(20, 190));
  return { source: 'siham', sourceId: siham, document };
}

function student({ seed, names, places, today }: Setting, index: number, random: Random): PersonRecord {
  const { role, stage, doctoral, birthYear, firstYear } = learner(random, places, today);
  const identifiers = studentIdentifiers(seed, index, firstYear, birthYear);
  const roles: Roles = { learner: [role] };
  if (doctoral && random.chance(0.6)) {
    roles.resource = [doctoralContract(random, places, { from: role.from, to: role.to })];
    identifiers.push(identifier('siham', sihamNumber(seed, index)));
    if (random.chance(0.7)) identifiers.push(identifier('orcid', orcid(seed, index)));
  } else if (stage === 'active' && random.chance(0.02)) {
    // Students work for the library, the reception, other students.
    const validity = period(random, 'active', today, 0.5, false);
    const affectations = [{ structure: places.service(random), quota: random.pick([10, 20, 30]), ...validity }];
    roles.resource = [{ population: random.pick(['RGRSN', 'RGRER', 'RGRSQ']), ...validity, affectations }];
    identifiers.push(identifier('siham', sihamNumber(seed, index)));
  }
  const foreign = doctoral ? 0.4 : 0.11;
  const document = assemble(random, names, index, { birthYear, foreign, identifiers, roles, as: 'learner' });
  return { source: 'apogee', sourceId: identifiers[0]?.value ?? '', document };
}

const VISITORS = new Weighted<Pick<ExternalRole, 'population'> & { place: 'laboratory' | 'service' | 'component' }>([
  [{ population: 'PXSS', place: 'service' }, 28],
  [{ population: 'PXSP', place: 'service' }, 10],
  [{ population: 'PXSE', place: 'component' }, 14],
  [{ population: 'PXI', place: 'laboratory' }, 20],
  [{ population: 'PXU', place: 'laboratory' }, 14],
  [{ population: 'PXIG', place: 'laboratory' }, 8],
  [{ population: 'PXP', place: 'component' }, 6],
]);
const VISITS = new Weighted<Stage>([
  ['active', 60],
  ['grace', 12],
  ['gone', 20],
  ['future', 8],
]);

function external({ seed, names, places, today }: Setting, index: number, random: Random): PersonRecord {
  const { population, place } = VISITORS.draw(random);
  const sponsor = random.integer(0, Math.floor(index / PATTERN.length)) * PATTERN.length;
  const role: ExternalRole = {
    population,
    ...period(random, VISITS.draw(random), today, 2, false),
    structure: places[place](random),
    ...(random.chance(0.7) && { employer: places.partner(random) }),
    sponsor: `siham:${sihamNumber(seed, sponsor)}`,
  };
  const researcher = place === 'laboratory' && random.chance(0.6);
  const identifiers = researcher ? [identifier('orcid', orcid(seed, index))] : [];
  const birthYear = bornBy(today, random.integer(22, 66), role);
  const roles: Roles = { external: [role] };
  const document = assemble(random, names, index, { birthYear, foreign: 0.2, identifiers, roles, as: 'external' });
  return { source: 'externals', sourceId: `EXT${String(index).padStart(7, '0')}`, document };
}

/** Year of birth of a person of that age, old enough to have begun the role. */
function bornBy(today: number, age: number, { from }: Validity): number {
  return Math.min(yearOf(today) - age, yearOf(from == null ? today : dayNumber(from)) - 22);
}

function studentIdentifiers(seed: number, index: number, firstYear: number, birthYear: number): Identifier[] {
  return [identifier('apogee', apogeeNumber(index, firstYear)), identifier('ine', ineNumber(seed, index, birthYear))];
}

interface Parts {
  birthYear: number;
  /** Probability of a birth abroad. */
  foreign: number;
  identifiers: Identifier[];
  roles: Roles;
  as: 'staff' | 'learner' | 'external';
}

function assemble(random: Random, names: Names, index: number, parts: Parts): Person {
  const civil = identity(random, names, parts.birthYear, parts.foreign);
  return {
    ...civil,
    ...(parts.identifiers.length > 0 && { identifiers: parts.identifiers }),
    contacts: contacts(random, civil, index, parts.as),
    addresses: addresses(random, names, parts.as),
    listing: random.chance(0.03) ? 'private' : 'public',
    roles: parts.roles,
  };
}

const STUDENT_SCHEMES = ['apogee', 'ine'];

/** The records of a person, one for each application that knows it. */
function* bySource(known: PersonRecord): Generator<PersonRecord> {
  const { roles, identifiers, ...rest } = known.document;
  if (!roles?.resource || !roles.learner) {
    yield known;
    return;
  }
  const siham = (identifiers ?? []).filter(({ scheme }) => !STUDENT_SCHEMES.includes(scheme));
  const apogee = (identifiers ?? []).filter(({ scheme }) => STUDENT_SCHEMES.includes(scheme));
  const idOf = (list: Identifier[], name: string) => list.find(({ scheme }) => scheme === name)?.value ?? '';
  const resource = { ...rest, identifiers: siham, roles: { resource: roles.resource } };
  const learning = { ...rest, identifiers: apogee, roles: { learner: roles.learner } };
  yield { source: 'siham', sourceId: idOf(siham, 'siham'), document: resource };
  yield { source: 'apogee', sourceId: idOf(apogee, 'apogee'), document: learning };
}
