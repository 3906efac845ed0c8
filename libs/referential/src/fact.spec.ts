import fc from 'fast-check';
import { fact, rounds } from './fact.js';

const says = (sourceId: string, ...values: string[]) =>
  fact(sourceId, null, { identifiers: values.map((value) => ({ scheme: 'uid', value })) });

describe('rounds', () => {
  it('keeps facts that have nothing in common together', () =>
    expect(rounds([says('1', 'a'), says('2', 'b'), says('3')])).toHaveLength(1));

  it('takes what one source record says twice one after the other', () => {
    const [first, second] = [says('1', 'a'), says('1', 'b')];
    expect(rounds([first, second])).toEqual([[first], [second]]);
  });

  it('does not take a key for an identifier', () => expect(rounds([says('uid:a'), says('1', 'a')])).toHaveLength(1));

  it('never breaks the order of facts that share a key or an identifier, and loses none', () => {
    const facts = fc.array(
      fc
        .tuple(fc.constantFrom('1', '2', '3'), fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 }))
        .map(([sourceId, values]) => says(sourceId, ...values)),
    );
    fc.assert(
      fc.property(facts, (given) => {
        const result = rounds(given);
        expect(new Set(result.flat())).toEqual(new Set(given));
        const roundOf = new Map(result.flatMap((round, index) => round.map((one) => [one, index] as const)));
        const keys = (one: (typeof given)[number]) => [
          `key ${one.sourceId}`,
          ...(one.payload.identifiers as { value: string }[]).map(({ value }) => value),
        ];
        given.forEach((later, index) => {
          for (const earlier of given.slice(0, index)) {
            if (!keys(earlier).some((key) => keys(later).includes(key))) continue;
            expect(roundOf.get(earlier)).toBeLessThan(roundOf.get(later) as number);
          }
        });
      }),
    );
  });
});

describe('fact', () => {
  it('has the same hash whatever the order of keys', () =>
    expect(fact('1', null, { a: 1, b: 2 }).hash.equals(fact('2', 7, { b: 2, a: 1 }).hash)).toBe(true));
});
