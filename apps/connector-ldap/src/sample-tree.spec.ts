import type { Mapped } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { contextWith } from './directory.testing.js';
import { directorySettings } from './ldap.settings.js';
import { mapPerson } from './person.mapping.js';
import { SAMPLE_TREE } from './sample-tree.testing.js';
import { mapStructure } from './structure.mapping.js';

const settings = directorySettings({
  url: 'ldap://localhost',
  bindDn: '',
  password: '',
  baseDn: 'dc=univ-exemple,dc=fr',
  homeEstablishment: '0999001W',
  eppnScope: 'univ-exemple.fr',
});

const structure = (
  id: string,
  code: string,
  type: string,
  rest: Partial<Master<'structure'>> = {},
): Master<'structure'> => ({
  ...{ id, status: 'active', code, type, shortLabel: code, longLabel: code },
  ...rest,
});
const person = (
  id: string,
  birthName: string,
  givenName: string,
  rest: Partial<Master<'person'>>,
): Master<'person'> => ({
  ...{ id, status: 'active', birthName, givenNames: [givenName], listing: 'public' },
  ...rest,
});
const mail = (value: string) => ({ kind: 'workMail' as const, value });

const uex = structure('S000001', 'UEX', 'S102', {
  shortLabel: 'Univ-Exemple',
  longLabel: 'Université Exemple',
  identifiers: [
    { scheme: 'code', value: 'UEX' },
    { scheme: 'uai', value: '0999001W' },
    { scheme: 'siret', value: '19999001100017' },
  ],
  contacts: [{ kind: 'workPhone', value: '+33 9 99 00 10 00' }],
  addresses: [{ kind: 'site', lines: ['1 place du Marché'], postcode: '99000', town: 'Exempleville', country: 'FR' }],
});
const ufr = structure('S000010', 'UFRSCI', 'S201');
const dsi = structure('S000020', 'DSI', 'S230');
const liex = structure('S000011', 'LIEX', 'S203', {
  longLabel: 'Laboratoire d’informatique d’Exempleville',
  identifiers: [{ scheme: 'rnsr', value: '209999901A' }],
  parents: [
    { kind: 'hierarchy', structure: 'code:UFRSCI' },
    { kind: 'supervision', structure: 'uai:0999001W' },
    { kind: 'supervision', structure: 'code:GONE', to: '2026-10-14' },
    { kind: 'supervision', structure: 'code:UNKNOWN' },
  ],
  contacts: [{ kind: 'website', value: 'https://liex.univ-exemple.fr' }],
});
const dsiDev = structure('S000021', 'DSI-DEV', 'S302', {
  shortLabel: 'DSI Développement',
  longLabel: 'Pôle études et développements',
  parents: [{ kind: 'hierarchy', structure: 'code:DSI' }],
});

const cfontaine = person('P000101', 'Fontaine', 'Cécile', {
  civility: 'MME',
  contacts: [mail('cecile.fontaine@univ-exemple.fr'), { kind: 'workPhone', value: '+33 9 99 00 12 34' }],
  identifiers: [
    { scheme: 'siham', value: '40101' },
    { scheme: 'orcid', value: '0000-0002-1825-0097' },
  ],
  roles: {
    resource: [
      {
        population: 'RGPFT',
        from: '2026-09-01',
        affectations: [
          { structure: 'code:LIEX', quota: 40 },
          { structure: 'code:UFRSCI', quota: 60 },
        ],
        functions: [{ code: 'D30', structure: 'code:LIEX' }],
        career: [
          { corps: '301', cnu: '2700', to: '2026-09-30' },
          { corps: '300', cnu: '2700', from: '2026-10-01' },
        ],
      },
    ],
  },
});
const bkone = person('P000102', 'Koné', 'Bakary', {
  civility: 'M',
  contacts: [mail('bakary.kone@univ-exemple.fr')],
  identifiers: [{ scheme: 'siham', value: '40102' }],
  roles: {
    resource: [
      {
        population: 'RGPST',
        from: '2026-09-01',
        affectations: [{ structure: 'code:DSI-DEV', quota: 100 }],
        career: [{ corps: '833', bap: 'E', referens: 'E2C45' }],
      },
    ],
  },
});
const ztremblay = person('P000103', 'Tremblay', 'Zoé', {
  civility: 'MME',
  contacts: [mail('zoe.tremblay@etu.univ-exemple.fr'), { kind: 'privateMail', value: 'zoe.t@example.org' }],
  identifiers: [
    { scheme: 'apogee', value: '22600103' },
    { scheme: 'ine', value: '999000103AB' },
  ],
  roles: {
    learner: [
      {
        from: '2026-09-01',
        enrolments: [
          {
            ...{
              year: 2026,
              population: 'AGEI',
              structure: 'code:UFRSCI',
              to: '2027-09-30',
              courseYear: 'L3',
              stage: 'L3INFO',
            },
            ...{ diploma: '2100010', diplomaType: 'XA', discipline: '14', regime: '10' },
          },
        ],
      },
    ],
  },
});
const onovakova = person('P000104', 'Nováková', 'Olga', {
  civility: 'MME',
  listing: 'private',
  contacts: [mail('o.novakova@prestataire.example')],
  roles: {
    external: [
      {
        ...{ population: 'PXSS', structure: 'code:DSI', employer: 'siret:99999900600011', sponsor: 'siham:40102' },
        ...{ from: '2026-09-01', to: '2026-12-31' },
      },
    ],
  },
});
const agarnier = person('P000105', 'Garnier', 'André', {
  civility: 'M',
  identifiers: [{ scheme: 'siham', value: '40105' }],
  roles: {
    resource: [
      { population: 'RGPST', from: '2010-09-01', to: '2026-09-30', affectations: [{ structure: 'code:DSI' }] },
    ],
  },
});

const structureDn = (code: string) => `supannCodeEntite=${code},${settings.structuresBranch}`;
const references = {
  ...Object.fromEntries(
    [ufr, liex, dsi, dsiDev].map((master) => [`code:${master.code}`, { master, targetId: structureDn(master.code) }]),
  ),
  'uai:0999001W': { master: uex, targetId: structureDn('UEX') },
  'siham:40102': { master: bkone, targetId: `uid=bkone,${settings.peopleBranch}` },
};

function rowOf(mapped: Mapped | null): object {
  expect(mapped?.unrepresentable).toBeUndefined();
  const { rdn: _, ...attributes } = mapped!.row;
  return attributes;
}

describe('the sample tree of 15 October 2026', () => {
  it.each([
    ['cfontaine', cfontaine],
    ['bkone', bkone],
    ['ztremblay', ztremblay],
    ['onovakova', onovakova],
  ] as const)('has %s', (name, master) => {
    expect(rowOf(mapPerson(master, contextWith(references, { name }), settings))).toEqual(SAMPLE_TREE[name]);
  });

  it('has agarnier, in grace', () => {
    // The sample gives this account three months and a mailbox; the day count follows the settings.
    const given = { ...settings, grace: { ...settings.grace, staff: 92 }, resources: ['COMPTE', 'MAIL'] };
    const mapped = mapPerson(agarnier, contextWith(references, { name: 'agarnier' }), given);
    expect(rowOf(mapped)).toEqual(SAMPLE_TREE.agarnier);
    expect(mapped?.validUntil).toBe('2027-01-01');
  });

  it.each([
    ['UEX', uex],
    ['LIEX', liex],
    ['DSI-DEV', dsiDev],
  ] as const)('has %s', (code, master) => {
    expect(rowOf(mapStructure(master, contextWith(references), settings))).toEqual(SAMPLE_TREE[code]);
  });
});
