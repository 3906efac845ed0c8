import { transliterate, loginLetters } from './transliterate.js';
import { endOfDay, labelled, postalAddress } from './values.js';

describe('transliterate', () => {
  it.each([
    ['Œuvrard-Straße', 'OEuvrard-Strasse'],
    ['Łukasz Đặng', 'Lukasz Dang'],
    ['Søren Æbelø', 'Soren AEbelo'],
    ['L’Haÿ', "L'Hay"],
    ['Koné', 'Kone'],
    ['Kone\u0301', 'Kone'],
    ['Þór', 'THor'],
    ['ﬁnch', 'finch'],
    ['Ωμέγα 王', 'Ωμέγα 王'],
  ])('%s is %s', (text, expected) => expect(transliterate(text)).toBe(expected));

  it('leaves letters and digits of ASCII to logins', () => {
    expect(loginLetters("D'Œuvre-Łoś 2 王")).toBe('doeuvrelos2');
  });
});

describe('values', () => {
  it('are labelled unless they could not be read back', () => {
    expect(labelled('UAI', '0999001W')).toBe('{UAI}0999001W');
    expect(['a{', '}b', '[c', 'd]'].map((value) => labelled('X', value))).toEqual(Array(4).fill(undefined));
  });

  it('of days end with the day, without conversion', () => expect(endOfDay('2027-09-30')).toBe('20270930235959Z'));

  it.each([
    [{ lines: ['1 rue $ \\'], postcode: '75005', town: 'Paris', country: 'FR' }, '1 rue \\24 \\5C$75005 Paris$FRANCE'],
    [{ lines: [' a ', ' '], country: 'DE' }, 'a$ALLEMAGNE'],
    [{ lines: null, town: 'Paris' }, 'Paris'],
    [{ country: 'QQ' }, 'QQ'],
    [{}, ''],
  ])('of the address %j: %j', (address, expected) => {
    expect(postalAddress({ kind: 'work', ...address })).toBe(expected);
  });
});
