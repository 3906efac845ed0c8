import fc from 'fast-check';
import type { Mapped } from '@myelin/connector';
import type { Master, Status } from '@myelin/contracts';
import { contextWith } from './directory.testing.js';
import { directorySettings } from './ldap.settings.js';
import { loginRequest, mapPerson } from './person.mapping.js';
import { personReferences } from './person.roles.js';
import { anyPerson } from './person.testing.js';
import { COMPOSITE_KEYS, parseComposite } from './supann/composite.js';
import type { AttributeName } from './supann/schema.js';
import { equalityKey, syntaxFault } from './supann/syntax.js';

const settings = directorySettings({
  url: 'ldap://localhost',
  bindDn: '',
  password: '',
  baseDn: 'dc=univ-exemple,dc=fr',
  homeEstablishment: '0999001W',
  eppnScope: 'univ-exemple.fr',
  localSchemes: ['x-local'],
  birthData: true,
});
const today = '2026-10-15';
const structure = (code: string, type: string): Master<'structure'> => ({
  ...{ id: code, status: 'active', code, type, shortLabel: code, longLabel: code },
});
const references = {
  'code:UFR': { master: structure('UFR', 'S201'), targetId: `supannCodeEntite=UFR,${settings.structuresBranch}` },
  'code:LAB': { master: structure('LAB', 'S203'), targetId: `supannCodeEntite=LAB,${settings.structuresBranch}` },
  'uai:0999001W': { master: structure('UEX', 'S102'), targetId: `supannCodeEntite=UEX,${settings.structuresBranch}` },
  'siham:1': { master: structure('unused', ''), targetId: `uid=sponsor,${settings.peopleBranch}` },
};
const context = contextWith(references, { today, name: 'cfontaine' });
const master = (rest: Partial<Master<'person'>> = {}): Master<'person'> => ({
  ...{ id: 'P1', status: 'active', birthName: 'Fontaine', givenNames: ['Cécile'] },
  ...rest,
});
const mapped = (rest: Partial<Master<'person'>>, on = context) => mapPerson(master(rest), on, settings)!;
const values = ({ row }: Mapped, attribute: AttributeName) => (row[attribute] ?? []) as readonly string[];
const staff = { population: 'RGPFT' };

describe('any person', () => {
  const check = (verify: (result: Mapped, person: Master<'person'>) => void) =>
    fc.assert(
      fc.property(anyPerson, (person) => verify(mapPerson(person, context, settings)!, person)),
      { numRuns: 200 },
    );

  it('maps to values that the schema holds, once each and in order', () =>
    check(({ row }) => {
      for (const [name, found] of Object.entries(row)) {
        if (name === 'rdn') continue;
        const [attribute, list] = [name as AttributeName, found as readonly string[]];
        expect(list.map((value) => syntaxFault(attribute, value)).filter((fault) => fault !== undefined)).toEqual([]);
        expect(new Set(list.map((value) => equalityKey(attribute, value))).size).toBe(list.length);
        expect(list).toEqual([...list].sort());
      }
    }));

  it('has what every entry must have', () =>
    check((result) => {
      for (const attribute of [
        'cn',
        'sn',
        'displayName',
        'uid',
        'eduPersonPrincipalName',
        'supannListeRouge',
      ] as const) {
        expect(values(result, attribute)).toHaveLength(1);
      }
    }));

  it('maps to the same row whenever it is mapped', () =>
    check(({ row }, person) => expect(mapPerson(structuredClone(person), context, settings)!.row).toEqual(row)));

  it('has composites that can be read back, and elementary attributes that repeat them', () =>
    check((result) => {
      for (const name of Object.keys(COMPOSITE_KEYS) as (keyof typeof COMPOSITE_KEYS)[]) {
        for (const value of values(result, name)) {
          const fields = parseComposite(value)!;
          const keys = fields.map(([key]) => key);
          expect(keys).toEqual(COMPOSITE_KEYS[name].filter((key) => keys.includes(key)));
          for (const [key, field] of fields) {
            if (field !== '{INCONNU}') expect(values(result, elementary(name, key)!)).toContain(field);
          }
        }
      }
    }));

  it('is never a member and an affiliate at once, and its primary affiliation is one of its affiliations', () =>
    check((result) => {
      const affiliations = values(result, 'eduPersonAffiliation');
      expect(affiliations.includes('member') && affiliations.includes('affiliate')).toBe(false);
      for (const primary of values(result, 'eduPersonPrimaryAffiliation')) expect(affiliations).toContain(primary);
    }));

  it('is due again on a later day, and until then maps to the same row', () =>
    check(({ row, validUntil }, person) => {
      if (validUntil !== undefined) expect(validUntil > today).toBe(true);
      const eve = new Date(`${validUntil ?? '2029-12-31'}T00:00:00Z`);
      eve.setUTCDate(eve.getUTCDate() - 1);
      const later = { ...context, today: eve.toISOString().slice(0, 10) };
      expect(mapPerson(person, later, settings)!.row).toEqual(row);
    }));

  it('names fields and never values in its report', () =>
    check(({ unrepresentable = [] }) => {
      for (const { field, message } of unrepresentable) {
        expect(field).toMatch(/^[a-zA-Z]+(\[\d+\])?(\.[a-zA-Z]+(\[\d+\])?)*$/);
        expect(message).toMatch(/^(cannot be held by \w+: [\w '()+,./:?=,-]+|has no INSEE code here)$/);
      }
    }));

  it('asks for a login that a directory takes', () =>
    fc.assert(
      fc.property(anyPerson, (person) => {
        const request = loginRequest(person, today);
        if (request) expect(request.base).toMatch(/^[a-z][a-z0-9]{0,19}$/);
      }),
    ));
});

/** The attribute that repeats a field of a composite (SupAnn, composites). */
function elementary(composite: keyof typeof COMPOSITE_KEYS, key: string): AttributeName | undefined {
  const end = { supannEmpProfil: 'supannEmpDateFin', supannExtProfil: 'supannExtDateFin' } as const;
  const common: Record<string, AttributeName> = {
    etab: 'supannEtablissement',
    affil: 'eduPersonAffiliation',
    corps: 'supannEmpCorps',
    typeaffect: 'supannTypeEntiteAffectation',
    type: 'supannTypeEntiteAffectation',
    affect: 'supannEntiteAffectation',
    code: 'supannEntiteAffectation',
    activite: 'supannActivite',
    parrain: 'supannParrainDN',
    population: 'supannCodePopulation',
    role: 'supannRoleGenerique',
    anneeinsc: 'supannEtuAnneeInscription',
    regimeinsc: 'supannEtuRegimeInscription',
    sectdisc: 'supannEtuSecteurDisciplinaire',
    typedip: 'supannEtuTypeDiplome',
    cursusann: 'supannEtuCursusAnnee',
    diplome: 'supannEtuDiplome',
    etape: 'supannEtuEtape',
    eltpedago: 'supannEtuElementPedagogique',
  };
  return key === 'datefin' ? ((end as Record<string, AttributeName>)[composite] ?? 'supannEtuDateFin') : common[key];
}

describe('names', () => {
  it.each([
    [{ birthName: 'Le Goff', givenNames: ['Jean-Noël'] }, 'Le Goff Jean-Noel', 'Jean-Noël Le Goff', 'jlegoff'],
    [
      { birthName: 'Martin', usageName: 'Œuvrard', givenNames: ['Anne', 'Marie'], usageGivenName: 'Marie' },
      'OEuvrard Marie',
      'Marie Œuvrard',
      'moeuvrard',
    ],
    [{ birthName: 'O’Neill', givenNames: ['Đura'] }, "O'Neill Dura", 'Đura O’Neill', 'doneill'],
    [{ birthName: 'Weiß-Łoś', givenNames: ['Bjørn'] }, 'Weiss-Los Bjorn', 'Bjørn Weiß-Łoś', 'bweisslos'],
    [{ birthName: 'Sukarno', givenNames: [] }, 'Sukarno', 'Sukarno', 'sukarno'],
    [
      { birthName: 'Vandenbroeck-Montmorency', givenNames: ['Éa'] },
      'Vandenbroeck-Montmorency Ea',
      'Éa Vandenbroeck-Montmorency',
      'evandenbroeckmontmor',
    ],
  ])('%j', (names, cn, displayName, base) => {
    const result = mapped(names);
    expect(values(result, 'cn')).toEqual([cn]);
    expect(values(result, 'displayName')).toEqual([displayName]);
    expect(loginRequest(master(names), today)).toEqual({ base, maxLength: 20 });
  });

  it('makes a login of the id when the name has no Latin letter, and lets none begin with a digit', () => {
    const id = '01938c5e-0000-7000-8000-0000abcd0101';
    expect(loginRequest(master({ id, birthName: '王', givenNames: ['芳'] }), today)?.base).toBe('uabcd0101');
    expect(loginRequest(master({ birthName: '3M', givenNames: [] }), today)?.base).toBe('u3m');
  });

  it('takes the login of the record when it is valid', () => {
    const identifiers = [
      { scheme: 'uid', value: 'old', to: '2026-10-14' },
      { scheme: 'uid', value: 'jdoe' },
    ];
    const result = mapped({ identifiers });
    expect(result.row.rdn).toBe('uid=jdoe');
    expect(values(result, 'eduPersonPrincipalName')).toEqual(['jdoe@univ-exemple.fr']);
    expect(loginRequest(master({ identifiers }), today)).toBeUndefined();
  });
});

describe('state of the account', () => {
  const state = (rest: Partial<Master<'person'>>) => values(mapped(rest), 'supannRessourceEtatDate')[0];
  const role = (from: string | undefined, to: string | undefined) => ({
    roles: { resource: [{ ...staff, from, to }] },
  });

  it.each<[string, Partial<Master<'person'>>, string, string | undefined]>([
    ['active without an end', role('2020-09-01', undefined), 'A:SupannActif:20200901:', undefined],
    ['active on its last day', role('2020-09-01', today), 'A:SupannActif:20200901:20261015', '2026-10-16'],
    ['in grace the day after', role('2020-09-01', '2026-10-14'), 'A:SupannSursis:20261015:20270112', '2027-01-13'],
    ['in grace on its last day', role('2020-09-01', '2026-07-17'), 'A:SupannSursis:20260718:20261015', '2026-10-16'],
    ['expired after grace', role('2020-09-01', '2026-07-16'), 'I:SupannExpire:20261015:', undefined],
    ['to come', role('2027-01-01', undefined), 'I:SupannCree::', '2027-01-01'],
    ['without any role', {}, 'I:SupannCree::', undefined],
    ['open on both sides', role(undefined, '9999-12-31'), 'A:SupannActif::', undefined],
    ['inactive', { ...role('2020-09-01', undefined), status: 'inactive' }, 'I:SupannInactif::', undefined],
    ['merged', { ...role('2020-09-01', undefined), status: 'merged' }, 'I:SupannSupprCompte::', undefined],
    ['deleted', { ...role('2020-09-01', undefined), status: 'deleted' }, 'I:SupannSupprCompte::', undefined],
  ])('%s', (_name, rest, expected, validUntil) => {
    expect(state(rest)).toBe(`{COMPTE}${expected}`);
    expect(values(mapped(rest), 'supannRessourceEtat')).toEqual([
      `{COMPTE}${expected.split(':').slice(0, 2).join(':')}`,
    ]);
    expect(mapped(rest).validUntil).toBe(validUntil);
  });

  it('gives learners 180 days and externals none', () => {
    const enrolment = { year: 2025, population: 'AGEI', to: '2026-08-31' };
    expect(state({ roles: { learner: [{ enrolments: [enrolment] }] } })).toBe(
      '{COMPTE}A:SupannSursis:20260901:20270227',
    );
    const external = { population: 'PXSS', structure: 'code:UFR', to: '2026-10-14' };
    expect(state({ roles: { external: [external] } })).toBe('{COMPTE}I:SupannExpire:20261015:');
  });

  it('ends an enrolment without an end with its academic year', () => {
    const enrolment = { year: 2025, population: 'AGEI', from: '2025-10-01' };
    expect(state({ roles: { learner: [{ from: '2025-09-01', enrolments: [enrolment] }] } })).toMatch(
      /A:SupannSursis:20260901:/,
    );
    expect(state({ roles: { learner: [{ to: '2026-12-31', enrolments: [enrolment] }] } })).toBe(
      '{COMPTE}A:SupannActif::20261231',
    );
  });

  it('leaves populations of leavers and no profile in grace', () => {
    const result = mapped({ roles: { resource: [{ ...staff, to: '2026-09-30', career: [{ corps: '300' }] }] } });
    expect(values(result, 'supannCodePopulation')).toEqual(['{SUPANN}TSR']);
    for (const gone of ['supannEmpProfil', 'supannEmpCorps', 'eduPersonAffiliation', 'eduPersonOrgDN'] as const) {
      expect(values(result, gone)).toEqual([]);
    }
    expect(values(result, 'supannEtablissement')).toEqual(['{UAI}0999001W']);
  });

  it.each<[Status, boolean]>([
    ['inactive', true],
    ['merged', false],
    ['deleted', false],
  ])('%s: no role; identifiers and contacts kept: %s', (status, kept) => {
    const result = mapped({
      status,
      identifiers: [{ scheme: 'siham', value: '1' }],
      contacts: [{ kind: 'workMail', value: 'a@b.fr' }],
      roles: { resource: [staff] },
    });
    expect(values(result, 'eduPersonAffiliation')).toEqual([]);
    expect(values(result, 'supannCodePopulation')).toEqual([]);
    expect(values(result, 'supannEmpId')).toHaveLength(kept ? 1 : 0);
    expect(values(result, 'mail')).toHaveLength(kept ? 1 : 0);
    expect(values(result, 'supannRefId')).toEqual(['{UAI:0999001W:HUB}P1']);
  });

  it('does not want an erased person', () => {
    expect(mapPerson(master({ status: 'erased' }), context, settings)).toBeNull();
    expect(loginRequest(master({ status: 'erased' }), today)).toBeUndefined();
  });
});

describe('roles', () => {
  it('drops affiliate beside member, in the profile too', () => {
    const external = { population: 'PXI', structure: 'code:LAB', employer: 'uai:0751717J' };
    const result = mapped({ roles: { resource: [staff], external: [external] } });
    expect(values(result, 'eduPersonAffiliation')).not.toContain('affiliate');
    expect(values(result, 'supannExtProfil')[0]).not.toContain('affil=');
    expect(values(result, 'supannEtablissement')).toEqual(['{UAI}0751717J', '{UAI}0999001W']);
  });

  it.each([
    [
      'the highest quota',
      [
        ['UFR', 40, '2020-01-01'],
        ['LAB', 60, '2021-01-01'],
      ],
      'LAB',
    ],
    [
      'the eldest at equal quotas',
      [
        ['UFR', 50, '2021-01-01'],
        ['LAB', 50, '2020-01-01'],
      ],
      'LAB',
    ],
    [
      'a current one',
      [
        ['UFR', 50, '2020-01-01'],
        ['LAB', 100, '2027-01-01'],
      ],
      'UFR',
    ],
  ] as const)('takes %s for the main affectation', (_name, places, main) => {
    const affectations = places.map(([code, quota, from]) => ({ structure: `code:${code}`, quota, from }));
    expect(
      values(mapped({ roles: { resource: [{ ...staff, affectations }] } }), 'supannEntiteAffectationPrincipale'),
    ).toEqual([main]);
  });

  it('counts a registration after an assignment without a quota', () => {
    const enrolments = [{ year: 2026, population: 'AGAD', structure: 'code:UFR' }];
    const resource = [{ population: 'RGNFD', affectations: [{ structure: 'code:LAB' }] }];
    const result = mapped({ roles: { resource, learner: [{ enrolments }] } });
    expect(values(result, 'supannEntiteAffectationPrincipale')).toEqual(['LAB']);
    expect(values(result, 'supannEntiteAffectation')).toEqual(['LAB', 'UFR']);
  });

  it('writes what is not known of a registration as such, in the composite only', () => {
    const result = mapped({
      roles: { learner: [{ enrolments: [{ year: 2026, population: 'AGEI', courseUnits: ['U1', 'U2'] }] }] },
    });
    expect(values(result, 'supannEtuInscription')).toEqual([
      '[etab={UAI}0999001W][anneeinsc=2026][regimeinsc={INCONNU}][sectdisc={INCONNU}][typedip={INCONNU}]' +
        '[cursusann={INCONNU}][population={SUPANN}AGEI][datefin=20270831235959Z]',
    ]);
    expect(values(result, 'supannEtuRegimeInscription')).toEqual([]);
    expect(values(result, 'supannEtuElementPedagogique')).toEqual(['{UAI:0999001W}U1', '{UAI:0999001W}U2']);
  });

  it('writes only the registrations of the academic year', () => {
    const enrolments = [2025, 2026].map((year) => ({
      year,
      population: 'AGEI',
      from: `${year}-07-01`,
      to: `${year + 1}-10-31`,
    }));
    const result = mapped({ roles: { learner: [{ enrolments }] } });
    expect(values(result, 'supannEtuAnneeInscription')).toEqual(['2026']);
    expect(result.validUntil).toBe('2026-11-01');
  });

  it('labels codes that SupAnn does not know as local', () => {
    const result = mapped({
      roles: { resource: [{ population: 'MOBILE', functions: [{ code: '532', structure: 'code:LAB' }] }] },
    });
    expect(values(result, 'supannCodePopulation')).toEqual(['{UAI:0999001W}MOBILE']);
    expect(values(result, 'supannRoleEntite')).toEqual(['[role={UAI:0999001W}532][type={SUPANN}S203][code=LAB]']);
  });

  it('leaves the sponsor out until it is in the directory', () => {
    const external = { population: 'PXSS', structure: 'code:UFR', sponsor: 'siham:2' };
    expect(values(mapped({ roles: { external: [external] } }), 'supannParrainDN')).toEqual([]);
  });
});

describe('what the schema cannot hold', () => {
  it('is left out and reported by the field of the record', () => {
    const result = mapped({
      birth: { townCode: '2A004', country: 'FR' },
      contacts: [
        { kind: 'privateMail', value: 'zoé@exemple.fr' },
        { kind: 'workPhone', value: '+33 1 23 45 67 89' },
      ],
      roles: { resource: [{ ...staff, career: [{ corps: '3[0]0', cnu: '2700' }] }] },
    });
    expect(result.unrepresentable).toEqual([
      { field: 'contacts[0].value', message: 'cannot be held by supannMailPerso: not an ASCII text' },
      {
        field: 'birth.townCode',
        message: 'cannot be held by supannCodeINSEEVilleDeNaissance: not a number of digits only',
      },
      {
        field: 'roles.resource[0].career[0].corps',
        message: 'cannot be held by supannEmpCorps: has a brace or a bracket',
      },
    ]);
    expect(values(result, 'supannCodeINSEEPaysDeNaissance')).toEqual(['99100']);
    expect(values(result, 'supannEmpProfil')).toEqual([
      '[etab={UAI}0999001W][affil=faculty][activite={CNU}2700][population={SUPANN}RGPFT]',
    ]);
    expect(values(result, 'telephoneNumber')).toHaveLength(1);
  });
});

describe('references', () => {
  const of = (rest: Partial<Master<'person'>>) =>
    personReferences(master(rest), today, settings).map(({ key, required }) => `${key} ${required}`);

  it('needs the structures of what is, will be or has just been, and hopes for the sponsor and the home', () => {
    const affectations = [
      { structure: 'code:A' },
      { structure: 'code:B', to: '2026-01-01' },
      { structure: 'code:C', from: '2027-01-01' },
      { structure: 'code:D', to: '2026-10-01' },
    ];
    const external = { population: 'PXSS', structure: 'code:E', sponsor: 'siham:9' };
    const over = { population: 'PXSS', structure: 'code:F', sponsor: 'siham:8', to: '2026-10-14' };
    expect(of({ roles: { resource: [{ ...staff, affectations }], external: [external, over] } })).toEqual([
      'code:A true',
      'code:C true',
      'code:D true',
      'code:E true',
      'siham:9 false',
      'uai:0999001W false',
    ]);
  });

  it('needs nothing for those who are gone', () => {
    expect(
      of({ status: 'inactive', roles: { resource: [{ ...staff, affectations: [{ structure: 'code:A' }] }] } }),
    ).toEqual([]);
    expect(
      of({ roles: { resource: [{ ...staff, to: '2020-01-01', affectations: [{ structure: 'code:A' }] }] } }),
    ).toEqual([]);
  });
});
