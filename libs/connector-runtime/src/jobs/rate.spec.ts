import { Rates, windowOf } from './rate.js';

describe('the rate of a job', () => {
  /** Asks every `everyMs` for `seconds`; answers how many were given, of what `room` leaves each time. */
  function given(rate: number, seconds: number, everyMs: number, room = (_: number) => Infinity): number {
    const rates = new Rates();
    let sum = 0;
    for (let now = 5_000; now < 5_000 + seconds * 1000; now += everyMs) {
      const count = Math.min(rates.allowance('a', rate, now), room(now));
      rates.use('a', rate, now, count);
      sum += count;
    }
    return sum;
  }

  it.each([
    [1, 200],
    [7, 200],
    [20, 200],
    [20, 1000],
    [333, 130],
  ])('is kept to at %d a second when asked every %d ms', (rate, everyMs) => {
    const sum = given(rate, 60, everyMs);
    expect(sum).toBeLessThanOrEqual(60 * rate + 1);
    expect(sum).toBeGreaterThan(58 * rate);
  });

  it('loses nothing of what it allows while there is little room', () => {
    expect(given(20, 60, 200, () => 4)).toBe(given(20, 60, 200));
    expect(given(20, 60, 200, (now) => (now % 1000 === 0 ? 20 : 0))).toBeGreaterThan(58 * 20);
  });

  it('is no burst after a pause, and begins with one entity', () => {
    const rates = new Rates();
    expect(rates.allowance('a', 20, 1_000)).toBe(1);
    rates.use('a', 20, 1_000, 1);
    expect(rates.allowance('a', 20, 600_000)).toBe(20);
    rates.use('a', 20, 600_000, 20);
    expect(rates.allowance('a', 20, 600_000)).toBe(0);
    expect(rates.allowance('a', 20, 600_200)).toBe(4);
    rates.forget('a');
    expect(rates.allowance('a', 20, 600_200)).toBe(1);
  });

  it('bounds what is due to what is done in three seconds', () => {
    expect([windowOf(1, 1000), windowOf(20, 1000), windowOf(5000, 1000)]).toEqual([3, 60, 1000]);
  });
});
