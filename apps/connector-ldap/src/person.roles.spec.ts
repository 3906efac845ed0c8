import type { Master } from '@myelin/contracts';
import { mapped, master, settings, staff, today, values } from './person.mapping.testing.js';
import { personReferences } from './person.roles.js';

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
