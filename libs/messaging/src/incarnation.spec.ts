import fc from 'fast-check';
import { newestIncarnation, nextIncarnation } from './incarnation.js';
import type { Received } from './message.js';

const events = (...incarnations: (string | undefined)[]) =>
  incarnations.map((incarnation) => ({ attributes: { incarnation } }) as unknown as Received);

describe('incarnations', () => {
  it('grow, even when the clock goes back', () => {
    const first = nextIncarnation(null);
    expect(nextIncarnation(first) > first).toBe(true);
    const ahead = 'fffffffe-0000-7000-8000-000000000000';
    expect(nextIncarnation(ahead) > ahead).toBe(true);
    fc.assert(
      fc.property(fc.uuid({ version: 7 }), (previous) => {
        const next = nextIncarnation(previous);
        return next > previous && /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(next);
      }),
    );
  });

  it('of messages are none, or the newest', () => {
    expect(newestIncarnation(events(undefined, undefined))).toBeUndefined();
    expect(newestIncarnation(events('a', undefined, 'c', 'b'))).toBe('c');
  });
});
