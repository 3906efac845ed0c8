import { createLogger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Wakeup } from '../work/wakeup.js';
import { Control, type ControlState } from './control.js';

const control = new Control(new DataSource({ type: 'postgres' }), new Wakeup(), createLogger('test', 'fatal'));
const free: ControlState = {
  enabled: true,
  observe: false,
  populations: [],
  pause: null,
  maintenance: [],
  stoppedJobs: [],
};
const blocked = (changes: Partial<ControlState>, at: string) => control.blocked({ ...free, ...changes }, new Date(at));

it('a pause lasts until it is ended, or until its end', () => {
  const pause = { author: 'olga', at: '2026-11-24T10:00:00Z' };
  expect(blocked({ pause }, '2036-11-24T10:00:00Z')).toBe('paused');
  const ending = { pause: { ...pause, until: '2026-11-24T12:00:00+01:00' } };
  expect(blocked(ending, '2026-11-24T10:59:59.999Z')).toBe('paused');
  expect(blocked(ending, '2026-11-24T11:00:00Z')).toBeUndefined();
});

describe('maintenance', () => {
  it.each([
    // 2026-11-22 is a Sunday, 2026-07-05 too: Paris is one hour ahead of UTC in winter, two in summer.
    ['2026-11-22T20:59:59Z', undefined],
    ['2026-11-22T21:00:00Z', 'maintenance'],
    ['2026-11-22T23:30:00Z', 'maintenance'],
    ['2026-11-23T00:59:59Z', 'maintenance'],
    ['2026-11-23T01:00:00Z', undefined],
    ['2026-11-23T21:30:00Z', undefined],
    ['2026-11-22T00:30:00Z', undefined],
    ['2026-07-05T19:59:59Z', undefined],
    ['2026-07-05T20:00:00Z', 'maintenance'],
    ['2026-07-05T23:59:59Z', 'maintenance'],
    ['2026-07-06T00:00:00Z', undefined],
  ])('on Sundays from 22:00 to 02:00 in Paris: %s is %s', (at, expected) => {
    expect(blocked({ maintenance: [{ days: [7], from: '22:00', to: '02:00' }] }, at)).toBe(expected);
  });

  it.each([
    ['2026-11-24T04:59:59Z', undefined],
    ['2026-11-24T05:00:00Z', 'maintenance'],
    ['2026-11-24T06:29:59Z', 'maintenance'],
    ['2026-11-24T06:30:00Z', undefined],
    ['2026-11-25T05:30:00Z', undefined],
    ['2026-11-26T05:30:00Z', 'maintenance'],
  ])('on Tuesdays and Thursdays from 06:00 to 07:30: %s is %s', (at, expected) => {
    expect(blocked({ maintenance: [{ days: [2, 4], from: '06:00', to: '07:30' }] }, at)).toBe(expected);
  });

  it.each([
    ['2026-11-24T09:59:59Z', undefined],
    ['2026-11-24T10:00:00Z', 'maintenance'],
    ['2026-11-24T11:00:00Z', undefined],
  ])('once: %s is %s', (at, expected) => {
    const once = { starts: '2026-11-24T10:00:00Z', ends: '2026-11-24T12:00:00+01:00' };
    expect(blocked({ maintenance: [once] }, at)).toBe(expected);
  });
});

it('a connector that is switched off does not work, whatever else holds it back', () => {
  const pause = { author: 'olga', at: '2026-11-24T10:00:00Z' };
  expect(blocked({ enabled: false, pause }, '2026-11-24T10:00:00Z')).toBe('disabled');
});
