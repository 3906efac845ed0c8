import { entryReader, toChanges, toWireAttributes, wanted } from './ldap.values';

it('drops empty values, then attributes without values', () => {
  const attributes = { cn: 'a', sn: ['b', '', null, undefined], mail: '', telephoneNumber: null, description: [''] };
  expect(toWireAttributes(attributes)).toEqual([
    { type: 'cn', values: [Buffer.from('a')] },
    { type: 'sn', values: [Buffer.from('b')] },
  ]);
});

it('keeps the order of a modify and leaves out the steps with nothing to do', () => {
  const changes = toChanges([
    { op: 'delete', attribute: 'cn', values: 'old' },
    { op: 'add', attribute: 'cn', values: ['new', ''] },
    { op: 'add', attribute: 'mail', values: '' },
    { op: 'delete', attribute: 'sn', values: [null] },
    { op: 'delete', attribute: 'title', values: null },
    { op: 'delete', attribute: 'description' },
    { op: 'replace', attribute: 'ou', values: '' },
  ]);
  expect(changes.map(({ op, attribute }) => [op, attribute.type, attribute.values.map(String)])).toEqual([
    ['delete', 'cn', ['old']],
    ['add', 'cn', ['new']],
    ['delete', 'description', []],
    ['replace', 'ou', []],
  ]);
});

it('asks for no attribute when none is wanted', () => {
  expect(wanted([])).toEqual(['1.1']);
  expect(wanted(['*', '+', 'cn'], ['jpegPhoto'])).toEqual(['*', '+', 'cn', 'jpegPhoto']);
  expect(() => wanted(['c n'])).toThrow(TypeError);
});

it('gives attributes under the names they were asked by', () => {
  const entry = {
    dn: 'cn=\\c3\\89lo\\C3\\AFse,dc=fr',
    attributes: [
      { type: 'givenName', values: ['Éloïse'] },
      { type: 'jpegPhoto', values: [Buffer.of(0xff, 0)] },
      { type: 'cn;lang-fr', values: ['x'] },
      { type: 'sn', values: [] },
    ],
  };
  expect(entryReader(['GIVENNAME', 'cn', 'sn', 'jpegphoto'])(entry)).toEqual({
    dn: 'cn=Éloïse,dc=fr',
    attributes: { GIVENNAME: ['Éloïse'], 'cn;lang-fr': ['x'] },
    binary: { jpegphoto: [Buffer.of(0xff, 0)] },
  });
});
