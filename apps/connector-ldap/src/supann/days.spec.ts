import { academicYear, addDays, common, isValidOn, LAST_DAY, nextChange } from './days.js';

describe('days', () => {
  it.each([
    ['2026-09-30', 1, '2026-10-01'],
    ['2024-02-28', 1, '2024-02-29'],
    ['2026-10-14', 90, '2027-01-12'],
    // A night of 25 hours in France.
    ['2026-10-25', 1, '2026-10-26'],
    ['9999-12-30', 5, LAST_DAY],
    [LAST_DAY, 1, LAST_DAY],
    ['0004-02-28', 1, '0004-02-29'],
  ])('%s plus %i is %s', (day, days, expected) => expect(addDays(day, days)).toBe(expected));

  it('knows the days that validities have in common', () => {
    expect(common({ from: '2026-01-01' }, { to: '2026-12-31' }, {})).toEqual({ from: '2026-01-01', to: '2026-12-31' });
    expect(common({ from: '2026-01-02' }, { to: '2026-01-01' })).toBeUndefined();
  });

  it('counts the first and the last day', () => {
    const validity = { from: '2026-01-01', to: '2026-01-31' };
    expect(['2025-12-31', '2026-01-01', '2026-01-31', '2026-02-01'].map((day) => isValidOn(day, validity))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it.each([
    ['2026-08-31', 2025],
    ['2026-09-01', 2026],
    ['2027-01-01', 2026],
  ])('%s is in the academic year %i', (day, year) => expect(academicYear(day)).toBe(year));

  it('finds the next day on which something begins or has ended', () => {
    const today = '2026-10-15';
    expect(nextChange(today, [[{ from: '2027-01-01' }, { to: today }], null, [{ to: '2020-01-01' }]])).toBe(
      '2026-10-16',
    );
    expect(nextChange(today, [[{ from: today }, { to: null }, { to: '9999-12-31' }]])).toBeUndefined();
  });
});
