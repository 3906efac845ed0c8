import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { generatedContracts } from './generate.js';
import { ENTITIES, type Entity } from './master.js';
import { masterValidator, pivotFaults, pivotValidator } from './schema.js';

const GENERATED = join(__dirname, '../generated');

const person = {
  birthName: 'Dupré',
  givenNames: ['Éloïse'],
  identifiers: [{ scheme: 'uai', value: '0751717J' }],
  roles: { resource: [{ population: 'RGPFT', affectations: [{ structure: 'rnsr:199513612X', quota: 100 }] }] },
};

describe('generated contracts', () => {
  it('are committed as the classes say (run `npm run contracts` after a change)', () => {
    const committed = Object.fromEntries(
      readdirSync(GENERATED)
        .filter((name) => name.endsWith('.schema.json'))
        .map((name) => [name, readFileSync(join(GENERATED, name), 'utf8')]),
    );
    expect(generatedContracts()).toEqual(committed);
  });
});

describe('a pivot document', () => {
  const fields = (document: unknown, entity: Entity = 'person') => [
    pivotValidator(entity)(document).map(({ field }) => field)[0],
    pivotFaults(entity, document).map(({ field }) => field)[0],
  ];

  it('passes when it is right', () => expect(fields(person)).toEqual([undefined, undefined]));

  it.each([
    ['an unknown field', { ...person, shoeSize: 38 }, 'shoeSize'],
    [
      'a UAI with a wrong key letter',
      { ...person, identifiers: [{ scheme: 'uai', value: '0751717A' }] },
      'identifiers[0].value',
    ],
    ['an unknown scheme', { ...person, identifiers: [{ scheme: 'nope', value: '1' }] }, 'identifiers[0].value'],
    ['a day that does not exist', { ...person, birth: { date: '2001-02-30' } }, 'birth.date'],
    ['a missing name', { givenNames: ['A'] }, 'birthName'],
    ['a NUL character', { ...person, usageName: 'a\0b' }, 'usageName'],
    ['half of a surrogate pair', { ...person, extensions: { badge: ['\ud800'] } }, 'extensions.badge[0]'],
    ['bank accounts', { ...person, bankAccounts: [{ iban: 'FR1420041010050500013M02606' }] }, 'bankAccounts'],
    [
      'a reference without a scheme',
      { ...person, roles: { external: [{ population: 'PXSS', structure: 'DSI' }] } },
      'roles.external[0].structure',
    ],
  ])('names the field of %s', (_, document, field) => expect(fields(document)).toEqual([field, field]));

  it('gets the same verdict from class-validator and from Ajv, whatever is broken in it', () => {
    const validate = pivotValidator('person');
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constant([]),
      fc.constant({}),
      fc.constant('2001-02-03'),
    );
    const paths = [
      'birthName',
      'givenNames',
      'givenNames.0',
      'birth',
      'birth.date',
      'civility',
      'identifiers',
      'identifiers.0.value',
      'identifiers.0.scheme',
      'roles',
      'roles.resource',
      'roles.resource.0.population',
      'roles.resource.0.affectations.0.quota',
      'roles.resource.0.affectations.0.structure',
      'extensions',
      'contacts',
      'listing',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), value, (path, broken) => {
        const document = structuredClone(person) as Record<string, unknown>;
        set(document, path.split('.'), broken);
        expect(pivotFaults('person', document).length === 0).toBe(validate(document).length === 0);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(ENTITIES)('of a %s that is no object is refused', (entity) => {
    for (const document of [null, [], 'x', 1]) expect(fields(document, entity)).toEqual(['', '']);
  });
});

describe('a master state', () => {
  it('may hold fields of a later minor version', () => {
    const state = { ...person, id: '01a20d47-542c-725a-9723-3bcc7f0ed3f7', status: 'active', later: { x: 1 } };
    expect(masterValidator('person')(state)).toEqual([]);
    expect(masterValidator('person')({ ...state, status: 'gone' })[0]?.field).toBe('status');
  });
});

function set(holder: Record<string, unknown>, path: string[], value: unknown): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) holder[first] = value;
  else set((holder[first] ??= {}) as Record<string, unknown>, rest, value);
}
