import fc from 'fast-check';
import { fact, independent } from './fact.js';

const says = (sourceId: string, ...values: string[]) =>
  fact(sourceId, null, { identifiers: values.map((value) => ({ scheme: 'uid', value })) });

describe('independent', () => {
  const none = () => [];

  it('keeps facts that have nothing in common together', () => {
    const facts = [says('1', 'a'), says('2', 'b'), says('3')];
    expect(independent(facts, none)).toEqual(facts);
  });

  it('does not take a key for an identifier', () =>
    expect(independent([says('uid:a'), says('1', 'a')], none)).toHaveLength(2));

  it('leaves for later what shares a record with one before', () => {
    const [first, second, third] = [says('1'), says('2'), says('3')];
    expect(independent([first, second, third], (one) => (one === third ? [] : ['r1']))).toEqual([first, third]);
  });

  it('leaves for later what shares something with one that is left for later', () => {
    const [first, second, third] = [says('1', 'a'), says('1', 'b'), says('2', 'b')];
    expect(independent([first, second, third], none)).toEqual([first]);
  });

  it('taken again and again never breaks the order of facts that share a key or an identifier, and loses none', () => {
    const facts = fc.array(
      fc
        .tuple(fc.constantFrom('1', '2', '3'), fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 }))
        .map(([sourceId, values]) => says(sourceId, ...values)),
    );
    const keys = (one: ReturnType<typeof says>) => [
      `key ${one.sourceId}`,
      ...(one.payload.identifiers as { value: string }[]).map(({ value }) => value),
    ];
    fc.assert(
      fc.property(facts, (given) => {
        const roundOf = new Map<(typeof given)[number], number>();
        for (let round = 0, waiting = given; waiting.length > 0; round++) {
          for (const one of independent(waiting, none)) roundOf.set(one, round);
          waiting = waiting.filter((one) => !roundOf.has(one));
        }
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
    expect(fact('1', null, { a: 1, b: 2 }).hash).toBe(fact('2', 7, { b: 2, a: 1 }).hash));
});
