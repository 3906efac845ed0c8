import { contentOf, decodeEntry, encodeFilter, encodeSelection } from './ldap.ber';
import { and, equal, present } from './filter';

const text = () => false;

describe('filters and selections', () => {
  it('are written as RFC 4511 says', () => {
    expect(encodeFilter(equal('cn', 'é')).toString('hex')).toBe('a3080402636e0402c3a9');
    expect(encodeFilter(present('cn')).toString('hex')).toBe('8702636e');
    expect(encodeFilter(and(present('cn'), present('sn'))).toString('hex')).toBe('a0088702636e8702736e');
    expect(encodeSelection(['cn', 'sn']).toString('hex')).toBe('30080402636e0402736e');
  });

  it('may be long', () => {
    const value = 'x'.repeat(70_000);
    const written = encodeFilter(equal('cn', value));
    expect(written.subarray(0, 4).toString('hex')).toBe('a3830111');
    expect(contentOf(written).includes(value)).toBe(true);
  });
});

describe('entries', () => {
  const entry = Buffer.from(
    '0406636e3d61c3a9301a30180409 6465736372697074 69310b0403efbbbf0404c3a9c3a9'.replaceAll(' ', ''),
    'hex',
  );

  it('are read as text, a leading U+FEFF included, or as bytes', () => {
    const read = (isBinary: (type: string) => boolean) => decodeEntry(entry, isBinary).attributes[0]?.values;
    expect(decodeEntry(entry, text).dn).toBe('cn=aé');
    expect(read(text)).toEqual(['\ufeff', 'éé']);
    expect(read((type) => type === 'descripti')).toEqual([Buffer.from('\ufeff'), Buffer.from('éé')]);
  });

  it.each(Array.from({ length: entry.length - 1 }, (_, i) => i + 1))(
    'are refused when cut after %d bytes',
    (length) => {
      expect(() => decodeEntry(entry.subarray(0, length), text)).toThrow(RangeError);
    },
  );
});
