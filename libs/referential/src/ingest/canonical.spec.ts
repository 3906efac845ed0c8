import fc from 'fast-check';
import { canonicalJson, digest, unfit } from './canonical.js';

/** The same JSON value with the keys of every object in another order. */
function shuffled(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  const entries = Object.entries(value).map(([key, child]) => [key, shuffled(child)] as const);
  return Object.fromEntries(entries.reverse());
}

describe('canonicalJson', () => {
  it('does not depend on the order of keys, at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value))),
    );
  });

  it('says all that the document says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });

  it('keeps the order of lists', () => expect(canonicalJson([2, 1])).not.toBe(canonicalJson([1, 2])));

  it('tells null from absent', () => expect(canonicalJson({ a: null })).not.toBe(canonicalJson({})));
});

describe('digest', () => {
  it('is 16 bytes that differ when the text differs', () => {
    expect(digest('a')).toMatch(/^[0-9a-f]{32}$/);
    expect(digest('a')).toBe(digest('a'));
    expect(digest('a')).not.toBe(digest('b'));
  });
});

describe('unfit', () => {
  const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

  it('lets through every ordinary document', () => {
    const ordinary = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));
    fc.assert(fc.property(ordinary, (value) => expect(unfit({ extensions: value })).toBeUndefined()));
    expect(unfit({ extensions: nested(90) })).toBeUndefined();
  });

  it.each([
    ['goes too deep', { extensions: { a: nested(10_000) } }, 'extensions'],
    ['has a field that hides', JSON.parse('{"a":1,"__proto__":{"sex":"F"}}'), '__proto__'],
    ['has such a field inside', JSON.parse('{"extensions":{"a":[{"__proto__":1}]}}'), 'extensions'],
    ['has a field named as every object has one', { birth: { constructor: 'x' } }, 'birth'],
  ])('names the attribute that %s', (_, document: unknown, field) => expect(unfit(document)?.field).toBe(field));
});
