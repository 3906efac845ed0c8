import { addRecord, comment, deleteRecord, modifyRecord, renameRecord } from './ldif.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const linesOf = (value: string) => addRecord('uid=a,dc=x', { cn: value }).split('\n').slice(2, -2);

it.each([
  ['plain text', 'Cécile'.normalize('NFD').replace(/[^ -~]/g, ''), 'cn: Cecile'],
  ['a colon within', 'a: b', 'cn: a: b'],
  ['a comma', 'a, b', 'cn: a, b'],
  ['a leading space', ' a', `cn:: ${base64(' a')}`],
  ['a leading colon', ':a', `cn:: ${base64(':a')}`],
  ['a leading angle', '<a', `cn:: ${base64('<a')}`],
  ['a trailing space', 'a ', `cn:: ${base64('a ')}`],
  ['other letters than ASCII', 'é', `cn:: ${base64('é')}`],
  ['a line end', 'a\nb', `cn:: ${base64('a\nb')}`],
  ['what would be another line', 'a\ndn: cn=b', `cn:: ${base64('a\ndn: cn=b')}`],
  ['a carriage return', 'a\rb', `cn:: ${base64('a\rb')}`],
  ['a NUL', 'a\0b', `cn:: ${base64('a\0b')}`],
])('writes %s so that it is read back as it is', (_, value, line) => expect(linesOf(value)).toEqual([line]));

it('goes on in the next line after 76 columns', () => {
  const lines = linesOf('x'.repeat(300));
  expect(lines.map((line) => line.length)).toEqual([76, 76, 76, 76, 4]);
  expect(lines.slice(1).every((line) => line.startsWith(' '))).toBe(true);
  expect(lines.map((line, index) => (index === 0 ? line : line.slice(1))).join('')).toBe(`cn: ${'x'.repeat(300)}`);
});

it('writes names of entries as it writes values', () =>
  expect([deleteRecord('uid=a\\2Cb,dc=x'), deleteRecord('uid=é,dc=x')]).toEqual([
    'dn: uid=a\\2Cb,dc=x\nchangetype: delete\n\n',
    `dn:: ${base64('uid=é,dc=x')}\nchangetype: delete\n\n`,
  ]));

it('writes modifications in their order, and nothing that would not be sent', () => {
  expect(
    modifyRecord('uid=a', [
      { op: 'delete', attribute: 'mail', values: ['a@x', null, ''] },
      { op: 'add', attribute: 'mail', values: 'b@x' },
      { op: 'replace', attribute: 'fax', values: [] },
    ]),
  ).toBe('dn: uid=a\nchangetype: modify\ndelete: mail\nmail: a@x\n-\nadd: mail\nmail: b@x\n-\nreplace: fax\n-\n\n');
});

it('renames an entry where it is', () =>
  expect(renameRecord('uid=a,dc=x', 'uid= b')).toBe(
    `dn: uid=a,dc=x\nchangetype: modrdn\nnewrdn: uid= b\ndeleteoldrdn: 1\n\n`,
  ));

it('keeps a comment on lines of its own', () => expect(comment('a\nb é')).toBe('# a?b ?\n\n'));
