import fc from 'fast-check';
import { childDn, escapeDnValue, formatDn, isTidyDn, normaliseDn, parentDn, parseDn, rdn, sameDn, tidyDn } from './dn';

const text = fc.string({ unit: 'binary' });

describe('parseDn', () => {
  it.each([
    ['', []],
    [
      'uid=jdupont,ou=people',
      [
        ['uid', 'jdupont'],
        ['ou', 'people'],
      ],
    ],
    ['cn=\\C3\\89lo\\C3\\AFse Dupr\\C3\\A9', [['cn', 'Éloïse Dupré']]],
    [
      'cn=FC\\2BALT\\2C 1,ou=x',
      [
        ['cn', 'FC+ALT, 1'],
        ['ou', 'x'],
      ],
    ],
    ['CN=R\\+D\\, Design', [['CN', 'R+D, Design']]],
    ['cn=a\\\\b', [['cn', 'a\\b']]],
    [
      'cn= padded , ou = x ',
      [
        ['cn', 'padded'],
        ['ou', 'x'],
      ],
    ],
    [
      'cn=\\20padded\\ ,ou=x',
      [
        ['cn', ' padded '],
        ['ou', 'x'],
      ],
    ],
    [
      'cn="Dupont, Jean" ; ou=x',
      [
        ['cn', 'Dupont, Jean'],
        ['ou', 'x'],
      ],
    ],
    ['2.5.4.3=x', [['2.5.4.3', 'x']]],
    ['cn=', [['cn', '']]],
    ['cn=a=b', [['cn', 'a=b']]],
  ])('reads %j', (dn, names) => {
    expect(parseDn(dn).map(([part]) => [part!.type, part!.value])).toEqual(names);
  });

  it('reads several values in one name, and values given as BER', () => {
    expect(parseDn('cn=a+uid=b,ou=#0403616263')).toEqual([
      [
        { type: 'cn', value: 'a' },
        { type: 'uid', value: 'b' },
      ],
      [{ type: 'ou', value: Buffer.from('0403616263', 'hex') }],
    ]);
  });

  it.each(['x', 'cn', '=x', 'cn=x,', 'cn=x,,ou=y', 'cn=a\\', 'cn=a\\zz', 'cn="a', 'cn="a"b', 'cn=#4', '3cn=x'])(
    'refuses %j',
    (dn) => expect(() => parseDn(dn)).toThrow(TypeError),
  );
});

describe('formatDn', () => {
  it('gives back any value', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (values) => {
        const dn = values.map((value) => rdn('cn', value)).join(',');
        expect(parseDn(dn).map(([part]) => part!.value)).toEqual(values);
        expect(formatDn(parseDn(dn))).toBe(dn);
      }),
    );
  });

  it('leaves no separator in a value', () => {
    fc.assert(fc.property(text, (value) => expect(escapeDnValue(value)).not.toMatch(/[,+;"<>=\0]|\\[^0-9A-F]/)));
  });
});

describe('sameDn', () => {
  it.each([
    ['UID=JDupont,OU=People', 'uid=jdupont,ou=people'],
    ['cn=\\c3\\89lo\\c3\\afse', 'cn=Éloïse'],
    ['cn=e\u0301', 'cn=\u00e9'],
    ['cn=FC\\2BALT\\2C 1', 'cn=FC\\+ALT\\, 1'],
    ['cn=a  b, ou=x', 'cn=a b,ou=x'],
    ['cn=a+uid=b', 'uid=b+cn=a'],
  ])('%j is %j', (a, b) => expect(sameDn(a, b)).toBe(true));

  it.each([
    ['cn=a,ou=x', 'cn=a'],
    ['cn=a\\,ou\\=x', 'cn=a,ou=x'],
    ['cn=a b', 'cn=ab'],
  ])('%j is not %j', (a, b) => expect(sameDn(a, b)).toBe(false));

  it('normalises once and for all', () => {
    fc.assert(
      fc.property(text, (value) => {
        const key = normaliseDn(rdn('CN', value));
        expect(normaliseDn(key)).toBe(key);
      }),
    );
  });
});

it('walks up and down the tree', () => {
  expect(childDn(rdn('cn', 'a, b'), 'ou=x')).toBe('cn=a\\2C b,ou=x');
  expect(childDn('dc=fr', '')).toBe('dc=fr');
  expect(parentDn('cn=a\\2C b,ou=x,dc=fr')).toBe('ou=x,dc=fr');
  expect(parentDn('dc=fr')).toBe('');
});

describe('a DN in which nothing is escaped', () => {
  const plain = fc.string({ unit: fc.constantFrom(...'aZé1 -_.@#\\,=+"\u0301'), minLength: 1, maxLength: 6 });
  const written = fc.oneof(plain, plain.map(escapeDnValue));
  const dn = fc
    .array(fc.tuple(fc.constantFrom('uid', 'CN', 'ou'), written), { minLength: 1, maxLength: 3 })
    .map((names) => names.map(([type, value]) => `${type}=${value}`).join(','));

  it('is written and compared as when it is taken apart', () => {
    let tidy = 0;
    fc.assert(
      fc.property(dn, (text) => {
        if (!isTidyDn(text)) return;
        tidy += 1;
        expect(tidyDn(text)).toBe(formatDn(parseDn(text)));
        // A space after the equals sign means nothing, and sends it the long way.
        expect(normaliseDn(text)).toBe(normaliseDn(text.replace('=', '= ')));
      }),
      { numRuns: 2000 },
    );
    expect(tidy).toBeGreaterThan(100);
  });

  it.each([
    '',
    'uid',
    'uid=',
    'uid= a',
    'uid=a ',
    'uid=#41',
    'uid=a+cn=b',
    'uid=a\\2Cb',
    'uid="a"',
    'uid=a,',
    'uid=a;ou=b',
  ])('%j is none', (text) => expect(isTidyDn(text)).toBe(false));
});
