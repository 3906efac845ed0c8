import fc from 'fast-check';
import { numberOf, shortName } from './number.js';

describe('the short name of a record', () => {
  it.each([
    [1, 'P-00001-Y'],
    [20_000, 'P-00KH0-8'],
  ])('of %i', (number, name) => expect(shortName('P', number)).toBe(name));

  it('gives the number back, however it is written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (number) => {
        const name = shortName('P', number);
        for (const text of [
          name,
          name.toLowerCase(),
          name.replaceAll('-', ''),
          name.replaceAll('0', 'O').replaceAll('1', 'l'),
        ]) {
          expect(numberOf('P', text)).toBe(number);
        }
      }),
    );
  });

  it('is refused with one wrong character', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.nat(),
        fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'),
        (number, at, wrong) => {
          const name = shortName('P', number).replaceAll('-', '');
          const place = 1 + (at % (name.length - 1));
          fc.pre(name[place] !== wrong);
          expect(numberOf('P', name.slice(0, place) + wrong + name.slice(place + 1))).toBeUndefined();
        },
      ),
    );
  });

  it.each(['S-00001-Y', 'P', 'P-1', '', 'P-00001-Z', 'Pé0001Y'])('is not %j', (text) =>
    expect(numberOf('P', text)).toBeUndefined(),
  );
});
