import { rolePeriods } from './person.roles.js';

describe('the periods of the roles of a person', () => {
  it('are those of staff and externals as they stand', () => {
    const resource = [{ population: 'RGPFT', from: '2020-09-01', to: null }];
    const external = [{ population: 'PXSS', structure: 'code:DSI', to: '2026-12-31' }];
    expect(rolePeriods({ roles: { resource, external } })).toEqual({ resource, external });
  });

  it.each([
    ['an academic year without dates', {}, { year: 2025 }, { from: '2025-09-01', to: '2026-08-31' }],
    [
      'until the end of the year without an end',
      {},
      { year: 2025, from: '2025-11-03' },
      { from: '2025-11-03', to: '2026-08-31' },
    ],
    [
      'its own dates',
      {},
      { year: 2025, from: '2025-11-03', to: '2026-01-31' },
      { from: '2025-11-03', to: '2026-01-31' },
    ],
    ['no longer than the role', { to: '2025-12-24' }, { year: 2025 }, { from: '2025-09-01', to: '2025-12-24' }],
  ])('of an enrolment are %s', (_, role, enrolment, period) =>
    expect(
      rolePeriods({ roles: { learner: [{ ...role, enrolments: [{ population: 'AGEI', ...enrolment }] }] } }),
    ).toEqual({
      learner: [period],
    }),
  );

  it('of a learner without enrolments are those of the role', () =>
    expect(rolePeriods({ roles: { learner: [{ from: '2025-09-01' }] } })).toEqual({
      learner: [{ from: '2025-09-01' }],
    }));

  it('are none without roles', () => expect(rolePeriods({ roles: null })).toEqual({}));
});
