import { nextDay } from './days.js';

describe('nextDay', () => {
  it.each<[string, unknown, string | undefined]>([
    ['none', { name: 'Fontaine', since: '1999-01-01' }, undefined],
    ['a first day', { roles: [{ from: '2026-11-01' }] }, '2026-11-01'],
    ['a last day that is today', { roles: [{ to: '2026-10-15' }] }, '2026-10-16'],
    ['the day after a first day that has begun today', ['2026-10-15', '2027-01-01'], '2026-10-16'],
    ['the earliest', { a: ['2027-01-01', { b: '2026-12-31' }] }, '2026-12-31'],
    ['an instant', { at: '2026-11-01T10:00:00Z' }, '2026-11-01'],
    ['no day of the calendar', { code: '2026-99-99', other: '2026-11-011' }, undefined],
    ['the end of time', { to: '9999-12-31' }, undefined],
  ])('%s', (_, document, expected) => expect(nextDay('2026-10-15', [document])).toBe(expected));
});
