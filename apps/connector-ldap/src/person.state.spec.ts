import type { Master, Status } from '@myelin/contracts';
import { loginRequest, mapPerson } from './person.mapping.js';
import { closesPerson } from './person.state.js';
import { context, mapped, master, settings, staff, today, values } from './person.mapping.testing.js';

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

  it.each<[string, Partial<Master<'person'>>, boolean]>([
    ['is deactivated', { roles: { resource: [staff] }, status: 'inactive' }, true],
    ['is merged', { roles: { resource: [staff] }, status: 'merged' }, true],
    ['is deleted', { roles: { resource: [staff] }, status: 'deleted' }, true],
    ['has lost every role', {}, true],
    ['has roles to come only', { roles: { resource: [{ ...staff, from: '2027-01-01' }] } }, true],
    ['has nothing but roles that ended long ago', { roles: { resource: [{ ...staff, to: '2026-01-01' }] } }, true],
    ['enters the grace', { roles: { resource: [{ ...staff, to: '2026-10-14' }] } }, false],
    ['has another role', { roles: { external: [{ population: 'PXSS', structure: 'code:UFR' }] } }, false],
  ])('is closed when a person %s, and then no more', (_name, rest, closes) => {
    const [before, after] = [mapped({ roles: { resource: [staff] } }).row, mapped(rest).row];
    expect([closesPerson(before, after), closesPerson(after, after)]).toEqual([closes, false]);
    expect(closesPerson(after, before)).toBe(false);
  });

  it('does not want an erased person', () => {
    expect(mapPerson(master({ status: 'erased' }), context, settings)).toBeNull();
    expect(loginRequest(master({ status: 'erased' }), today)).toBeUndefined();
  });
});
