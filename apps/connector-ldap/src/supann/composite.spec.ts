import fc from 'fast-check';
import { COMPOSITE_KEYS, formatComposite, parseComposite } from './composite.js';

const value = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[[\]]/.test(text));

describe('composites', () => {
  it('read back as they were written, in the order of SupAnn, whatever the values', () => {
    const fields = fc.record(
      Object.fromEntries(COMPOSITE_KEYS.supannExtProfil.map((key) => [key, fc.option(value, { nil: undefined })])),
    );
    fc.assert(
      fc.property(fields, (given) => {
        const text = formatComposite('supannExtProfil', given);
        const written = COMPOSITE_KEYS.supannExtProfil.filter((key) => given[key] !== undefined);
        expect(parseComposite(text) ?? []).toEqual(written.map((key) => [key, given[key]]));
      }),
    );
  });

  it('split a field at its first equals sign', () => {
    expect(parseComposite('[parrain=uid=b,ou=people][affect=DSI]')).toEqual([
      ['parrain', 'uid=b,ou=people'],
      ['affect', 'DSI'],
    ]);
  });

  it('leave a value with a bracket out', () => {
    expect(formatComposite('supannRoleEntite', { role: '{SUPANN}D30', type: 'a]b', code: 'X' })).toBe(
      '[role={SUPANN}D30][code=X]',
    );
  });

  it.each(['', 'x', '[a]', '[a=]', '[A=1]', '[a=1] [b=2]', '[a=1][a=2]', '[a=[b]]', '[a=1]x'])('are not %j', (text) => {
    expect(parseComposite(text)).toBeUndefined();
  });
});
