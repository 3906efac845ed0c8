import fc from 'fast-check';
import type { Master } from '@myelin/contracts';
import { POPULATIONS } from './supann/populations.js';

const optional = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: value as fc.Arbitrary<T | null | undefined> }, fc.constantFrom(undefined, null));
const text = (maxLength: number) =>
  fc
    .oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength }),
      fc.string({ unit: fc.constantFrom(...'[]{}=$\\,;+"#<> \'’-œßđłøéÉà1aZ\u0301\u00ad'), minLength: 1, maxLength }),
      fc.constantFrom('Fontaine', 'Le Goff', 'Nováková', 'Œuvrard-Straße', 'Đặng', '王', 'Ωμέγα', "O'Neill"),
    )
    .filter((value) => value.trim() !== '' && !value.includes('\0') && value.isWellFormed());
const day = fc
  .date({ min: new Date('2024-01-01'), max: new Date('2028-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const validity = { from: optional(day), to: optional(fc.oneof(day, fc.constant('9999-12-31'))) };
const code = text(12);
const population = fc.oneof(fc.constantFrom(...Object.keys(POPULATIONS)), code);

/** References that the arbitrary persons use. */
export const STRUCTURES = ['code:UFR', 'code:LAB', 'uai:0999001W', 'code:ABSENT'] as const;
const structure = fc.constantFrom(...STRUCTURES);

const identifier = fc.record({
  scheme: fc.constantFrom(
    'uid',
    'eppn',
    'siham',
    'apogee',
    'pegase',
    'ine',
    'orcid',
    'idref',
    'isni',
    'x-local',
    'x-other',
  ),
  value: text(20),
  ...validity,
});
const uid = fc.record({
  scheme: fc.constant('uid'),
  value: fc.stringMatching(/^[a-z][a-z0-9._-]{0,20}$/),
  ...validity,
});
const contact = fc.record({
  kind: fc.constantFrom(
    ...([
      'workMail',
      'privateMail',
      'workPhone',
      'workMobile',
      'workFax',
      'privatePhone',
      'privateMobile',
      'website',
    ] as const),
  ),
  value: fc.oneof(text(40), fc.emailAddress(), fc.constant('+33 1 23 45 67 89'), fc.constant('+33-1 2345 6789')),
  ...validity,
});
const address = fc.record({
  kind: fc.constantFrom(...(['work', 'home', 'term', 'billing', 'site'] as const)),
  lines: optional(fc.array(text(30), { maxLength: 3 })),
  postcode: optional(code),
  town: optional(text(20)),
  country: optional(fc.constantFrom('FR', 'DE', 'ZZ')),
  ...validity,
});
const resource = fc.record({
  population,
  ...validity,
  affectations: optional(
    fc.array(fc.record({ structure, quota: optional(fc.integer({ min: 0, max: 100 })), ...validity }), {
      maxLength: 3,
    }),
  ),
  functions: optional(
    fc.array(fc.record({ code: fc.oneof(code, fc.constant('D30')), structure, ...validity }), { maxLength: 2 }),
  ),
  career: optional(
    fc.array(
      fc.record({
        corps: optional(code),
        bap: optional(code),
        cnu: optional(code),
        referens: optional(code),
        ...validity,
      }),
      { maxLength: 2 },
    ),
  ),
});
const external = fc.record({
  population,
  structure,
  employer: optional(fc.constantFrom('siret:99999900600011', 'uai:0751717J', 'siren:999999006')),
  sponsor: optional(fc.constantFrom('siham:1', 'siham:2')),
  ...validity,
});
const enrolment = fc.record({
  year: fc.integer({ min: 2024, max: 2028 }),
  population,
  structure: optional(structure),
  diploma: optional(code),
  diplomaType: optional(code),
  courseYear: optional(fc.oneof(code, fc.constantFrom('L1', 'M2', 'X'))),
  discipline: optional(code),
  regime: optional(code),
  stage: optional(code),
  courseUnits: optional(fc.array(code, { maxLength: 3 })),
  ...validity,
});
const learner = fc.record({ ...validity, enrolments: optional(fc.array(enrolment, { maxLength: 3 })) });

/** Any person of the contract, odd characters, empty lists and open dates included. */
export const anyPerson: fc.Arbitrary<Master<'person'>> = fc.record({
  id: fc.uuid({ version: 7 }),
  status: fc.oneof(
    { weight: 8, arbitrary: fc.constant('active' as const) },
    fc.constantFrom('inactive', 'merged', 'deleted'),
  ),
  birthName: text(60),
  usageName: optional(text(60)),
  givenNames: fc.array(text(30), { maxLength: 3 }),
  usageGivenName: optional(text(30)),
  civility: optional(fc.constantFrom('M' as const, 'MME' as const)),
  sex: optional(fc.constantFrom('F' as const, 'M' as const, 'X' as const)),
  birth: optional(
    fc.record({
      date: optional(day),
      townCode: optional(fc.constantFrom('2A004', '2B033', '75056')),
      country: optional(fc.constantFrom('FR', 'DZ')),
    }),
  ),
  identifiers: optional(fc.array(fc.oneof(identifier, uid), { maxLength: 4 })),
  contacts: optional(fc.array(contact, { maxLength: 5 })),
  addresses: optional(fc.array(address, { maxLength: 3 })),
  listing: optional(fc.constantFrom('public' as const, 'private' as const)),
  roles: optional(
    fc.record({
      resource: optional(fc.array(resource, { maxLength: 2 })),
      external: optional(fc.array(external, { maxLength: 2 })),
      learner: optional(fc.array(learner, { maxLength: 2 })),
    }),
  ),
});
