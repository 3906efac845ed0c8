import { Fatal, NameTaken, Rejected, TargetDown, TryLater } from '@myelin/connector';
import fc from 'fast-check';
import { HookFailed } from '../custom/hook.errors.js';
import { backoff, consequenceOf, fingerprintOf, ledgerErrorOf, newTicket } from './outcome.js';

const HOUR_MS = 3_600_000;

describe('what follows an error', () => {
  it.each([true, false])(
    'TargetDown: the connector pauses for as long as it is asked to (unknown outcome: %s)',
    (unknownOutcome) => {
      expect(consequenceOf(new TargetDown('away', { unknownOutcome, retryAfterMs: 7000 }), 3)).toEqual({
        ...{ then: 'pause', fatal: false, unknownOutcome, askedMs: 7000 },
      });
      expect(consequenceOf(new TargetDown('away', { unknownOutcome }), 3)).toMatchObject({ askedMs: undefined });
    },
  );

  it.each([true, false])('Fatal: the connector stops (unknown outcome: %s)', (unknownOutcome) => {
    expect(consequenceOf(new Fatal('wrong password', { unknownOutcome }), 0)).toEqual({
      ...{ then: 'pause', fatal: true, unknownOutcome, askedMs: undefined },
    });
  });

  it.each([true, false])(
    'TryLater: the entity comes back when it is asked to (unknown outcome: %s)',
    (unknownOutcome) => {
      expect(consequenceOf(new TryLater('locked', { unknownOutcome, retryAfterMs: 7000 }), 9)).toEqual({
        ...{ then: 'retry', inMs: 7000, askedMs: 7000, unknownOutcome },
        error: { name: 'TryLater', message: 'locked' },
      });
    },
  );

  it('TryLater: without a time the entity comes back after a while of its own, longer with every attempt', () => {
    const most = (attempts: number) =>
      Math.max(
        ...Array.from({ length: 200 }, () => {
          const consequence = consequenceOf(new TryLater('locked'), attempts);
          if (consequence.then !== 'retry') throw new Error('it must come back');
          expect(consequence.askedMs).toBeUndefined();
          return consequence.inMs;
        }),
      );
    expect(most(0)).toBeLessThanOrEqual(1000);
    expect(most(3)).toBeGreaterThan(1000);
    expect(most(30)).toBeLessThanOrEqual(300_000);
  });

  it('HookFailed: the entity comes back after a while, or is parked, and the target has nothing to do with it', () => {
    const error = { name: 'HookFailed', message: 'the hook answered 500' };
    expect(consequenceOf(new HookFailed(error.message, 'wait'), 3)).toEqual({
      ...{ then: 'later', inMs: expect.any(Number), error },
    });
    expect(consequenceOf(new HookFailed(error.message, 'park'), 3)).toEqual({ then: 'park', error });
  });

  it.each([0, -5, NaN])('a time that is none (%s) is no pause at all: it is not kept to', (retryAfterMs) => {
    expect(consequenceOf(new TargetDown('away', { retryAfterMs }), 0)).toMatchObject({ askedMs: undefined });
    const late = consequenceOf(new TryLater('locked', { retryAfterMs }), 20);
    expect(late).toMatchObject({ then: 'retry', askedMs: undefined });
    expect(late.then === 'retry' && late.inMs).toBeGreaterThan(0);
  });

  it.each([Infinity, 1e12])('a time that nobody would wait for (%s) is an hour', (retryAfterMs) => {
    expect(consequenceOf(new TargetDown('away', { retryAfterMs }), 0)).toMatchObject({ askedMs: HOUR_MS });
    expect(consequenceOf(new TryLater('locked', { retryAfterMs }), 0)).toMatchObject({ inMs: HOUR_MS });
  });

  it('Rejected: the entity is parked with the reason and the attributes', () => {
    expect(consequenceOf(new Rejected('no such type', { attributes: ['type'] }), 0)).toEqual({
      then: 'park',
      error: { name: 'Rejected', message: 'no such type', attributes: ['type'] },
    });
    expect(consequenceOf(new Rejected('no'), 0)).toEqual({ then: 'park', error: { name: 'Rejected', message: 'no' } });
  });

  it('NameTaken: the entity gets another name', () => {
    expect(consequenceOf(new NameTaken('mdurand'), 0)).toEqual({ then: 'rename', taken: 'mdurand' });
  });

  it('a defect of the connector parks its entity, and the others flow', () => {
    expect(consequenceOf(new TypeError('x is not a function'), 0)).toMatchObject({
      then: 'park',
      error: { name: 'TypeError', message: expect.stringMatching(/^the connector failed unexpectedly in /) },
    });
    const long = consequenceOf(new Rejected('x'.repeat(9999)), 0);
    expect(long.then === 'park' && long.error.message).toHaveLength(500);
  });
});

it('back-off lies between nothing and twice the time of the last attempt, 5 min at most', () => {
  expect([0, 1, 2, 8, 9, 1000].map((attempts) => backoff(attempts, 1))).toEqual([
    1000, 2000, 4000, 256_000, 300_000, 300_000,
  ]);
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
      const wait = backoff(attempts, random);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(Math.min(1000 * 2 ** attempts, 300_000));
      expect(wait).toBeCloseTo(backoff(attempts, 1) * random);
    }),
  );
});

describe('the fingerprint', () => {
  const of = (message: string, name = 'Rejected', attributes?: string[]) =>
    fingerprintOf({ name, message, ...(attributes && { attributes }) });

  it('is the same whatever record, number or value the error speaks of', () => {
    const same = [
      'entry 17 of 01938c5e-0000-7000-8000-000000000011 has "Durand"',
      'entry 4 of 01938c5e-0000-7000-8000-0000000000ff has "Lefèvre"',
    ];
    expect(new Set(same.map((message) => of(message))).size).toBe(1);
    expect(of(same[0]!)).toMatch(/^[0-9a-f]{12}$/);
  });

  it('tells kinds of errors apart', () => {
    const all = [
      of('no'),
      of('not'),
      of('no', 'TypeError'),
      of('no', 'Rejected', ['mail']),
      of('no', 'Rejected', ['sn']),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

it('a ticket has eight letters and digits that nobody takes for others', () => {
  const tickets = Array.from({ length: 500 }, () => newTicket('ldap'));
  for (const ticket of tickets) expect(ticket).toMatch(/^LDAP-[2-9A-HJKMNP-TV-Z]{8}$/);
  expect(new Set(tickets).size).toBe(500);
});

/** Fails as a defect of a mapping would, with a value of the record in the message. */
function mapWrongly(value: string): Error {
  try {
    return JSON.parse(value) as Error;
  } catch (error) {
    return error as Error;
  }
}

describe('what is kept of an error', () => {
  it('is what the connector says of it', () =>
    expect(ledgerErrorOf(new Rejected('the target refuses it', { attributes: ['mail'] }))).toEqual({
      name: 'Rejected',
      message: 'the target refuses it',
      attributes: ['mail'],
    }));

  it('is class and place of one that nobody expected, and nothing of its message', () => {
    const known = ledgerErrorOf(mapWrongly('Lefèvre\n    at Nantes (1990:05)'));
    expect(known.name).toBe('SyntaxError');
    expect(known.message).toMatch(/^the connector failed unexpectedly in .*\(\S+\)$/);
    expect(known.message).not.toMatch(/Lef|Nantes|1990|\//);
    const own = ledgerErrorOf(new TypeError('Maëlle has no mail'));
    expect(own.message).toMatch(/^the connector failed unexpectedly in .*\(outcome\.spec\.ts:\d+\)$/);
    expect(fingerprintOf(own)).toMatch(/^[0-9a-f]{12}$/);
  });

  it('is little where something else was thrown', () =>
    expect([ledgerErrorOf('Lefèvre'), ledgerErrorOf(Object.assign(new Error('Lefèvre'), { stack: 'gone' }))]).toEqual([
      { name: 'Error', message: 'the connector failed without an error' },
      { name: 'Error', message: 'the connector failed unexpectedly' },
    ]));
});
