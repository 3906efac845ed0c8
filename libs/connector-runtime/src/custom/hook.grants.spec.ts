import { granted, isPathOf } from './hook.grants.js';

const record = {
  id: 'x',
  birthName: 'Lefèvre',
  birth: { date: '1990-01-02', town: 'Lyon' },
  nationalities: ['FR', 'IT'],
  identifiers: [{ scheme: 'siham', value: '1', from: '2020-01-01' }],
  roles: {
    resource: [
      { population: 'RGPST', affectations: [{ structure: 'code:DSI', quota: 100 }], from: '2026-09-01' },
      { population: 'RGPFT' },
    ],
    external: [{ population: 'PXSS', structure: 'code:A' }],
  },
  extensions: { local: { badge: 'B1', note: 'secret' } },
};

it.each([
  [[], {}],
  [['birthName'], { birthName: 'Lefèvre' }],
  [['birth.date'], { birth: { date: '1990-01-02' } }],
  [['identifiers'], { identifiers: record.identifiers }],
  [['identifiers[].value'], { identifiers: [{ value: '1' }] }],
  [['nationalities[]'], { nationalities: ['FR', 'IT'] }],
  [
    ['roles.resource[].population', 'roles.resource[].affectations[].structure'],
    {
      roles: {
        resource: [{ population: 'RGPST', affectations: [{ structure: 'code:DSI' }] }, { population: 'RGPFT' }],
      },
    },
  ],
  [['roles.resource[].population', 'roles.resource'], { roles: { resource: record.roles.resource } }],
  [['extensions.local.badge'], { extensions: { local: { badge: 'B1' } } }],
])('grants %j and nothing else', (paths, part) => expect(granted(record, paths)).toEqual(part));

it.each(['nothing', 'birthName.length', 'identifiers.value', 'birth[].date', 'constructor.name', '__proto__', ''])(
  'grants nothing where a record has no %j',
  (path) => expect(granted(record, [path])).toEqual({}),
);

it('grants nothing of what is no record', () =>
  expect([granted(null, ['id']), granted(['id'], ['id'])]).toEqual([{}, {}]));

it('knows what a record can have', () => {
  const paths = [
    'id',
    'status',
    'birth.date',
    'identifiers[].value',
    'nationalities[]',
    'roles.resource[].affectations[].quota',
  ];
  expect(paths.filter((path) => !isPathOf('person', path))).toEqual([]);
  expect(isPathOf('person', 'extensions.local.badge')).toBe(true);
  expect(isPathOf('structure', 'parents[].structure')).toBe(true);
});

it.each([
  '',
  'nothing',
  'birth.nothing',
  'identifiers.value',
  'birth[].date',
  'id.length',
  'constructor',
  'bankAccounts',
])('knows that a person cannot have %j', (path) => expect(isPathOf('person', path)).toBe(false));
