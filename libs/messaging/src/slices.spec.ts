import fc from 'fast-check';
import { slices } from './slices.js';

describe('slices', () => {
  it('keeps every message in order, within the limits', () => {
    const messages = fc
      .array(fc.option(fc.nat({ max: 50 })))
      .map((sizes) => sizes.map((size) => ({ value: size === null ? null : Buffer.alloc(size) })));
    fc.assert(
      fc.property(messages, (list) => {
        const cut = [...slices(list, { messages: 5, bytes: 60 })];
        expect(cut.flat()).toEqual(list);
        for (const slice of cut) {
          expect(slice.length).toBeGreaterThan(0);
          expect(slice.length).toBeLessThanOrEqual(5);
          const bytes = slice.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
          expect(slice.length === 1 || bytes <= 60).toBe(true);
        }
      }),
    );
  });
});
