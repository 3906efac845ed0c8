import { and, attributeName, equal, or, present } from './filter';

it('builds filters as data', () => {
  expect(and(present('objectClass'), or(equal('uid', '*)(uid=u1'), equal('jpegPhoto', Buffer.of(0))))).toEqual({
    kind: 'and',
    filters: [
      { kind: 'present', attribute: 'objectClass' },
      {
        kind: 'or',
        filters: [
          { kind: 'equal', attribute: 'uid', value: '*)(uid=u1' },
          { kind: 'equal', attribute: 'jpegPhoto', value: Buffer.of(0) },
        ],
      },
    ],
  });
});

it.each(['uid', 'cn;lang-fr', '2.5.4.3', 'userCertificate;binary'])('takes %j for an attribute', (name) => {
  expect(attributeName(name)).toBe(name);
});

it.each(['', 'uid=', '*)(uid', 'a b', '1', 'cn;', 'é'])('does not take %j for an attribute', (name) => {
  expect(() => equal(name, 'x')).toThrow(TypeError);
  expect(() => present(name)).toThrow(TypeError);
});

it('refuses a group of nothing, which would match everything', () => {
  expect(() => and()).toThrow(TypeError);
  expect(() => or()).toThrow(TypeError);
});
