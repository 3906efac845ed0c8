import { mergePatch } from './merge-patch.js';

describe('mergePatch', () => {
  it.each([
    ['sets an attribute', { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
    ['replaces an attribute', { a: 1 }, { a: 2 }, { a: 2 }],
    ['keeps null at the top: known to be empty', { a: 1 }, { a: null }, { a: null }],
    ['removes inside an attribute', { a: { x: 1, y: 2 } }, { a: { x: null } }, { a: { y: 2 } }],
    ['merges deeply', { a: { x: { p: 1 }, y: 2 } }, { a: { x: { q: 3 } } }, { a: { x: { p: 1, q: 3 }, y: 2 } }],
    ['replaces lists whole', { a: [1, 2] }, { a: [3] }, { a: [3] }],
    ['makes an object of what was none', { a: 'x' }, { a: { b: { c: null } } }, { a: { b: {} } }],
    ['does nothing when empty', { a: 1 }, {}, { a: 1 }],
  ])('%s', (_, target, patch, result) => expect(mergePatch(target, patch)).toEqual(result));

  it('leaves what it was given as it was', () => {
    const target = { a: { x: 1 } };
    const patch = { a: { y: { z: 2 } } };
    mergePatch(target, patch);
    expect({ target, patch }).toEqual({ target: { a: { x: 1 } }, patch: { a: { y: { z: 2 } } } });
  });
});
