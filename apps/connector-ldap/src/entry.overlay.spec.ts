import type { Mapped, Row } from '@myelin/connector';
import { ldapConnector } from './ldap.connector.js';
import { context, master, settings } from './person.mapping.testing.js';

const sync = async (entity: 'person' | 'structure') => {
  const session = await ldapConnector(settings).open();
  await session.close();
  return session.syncs.find((one) => one.entity === entity)!;
};

describe('what an overlay may do to an entry', () => {
  it.each<[string, 'set' | 'drop' | 'class', RegExp | undefined]>([
    ['description', 'set', undefined],
    ['employeeType', 'set', undefined],
    ['mail', 'set', undefined],
    ['mobile', 'drop', undefined],
    ['supannMailPrive', 'drop', undefined],
    ['univPerson', 'class', undefined],
    ['rdn', 'set', /alone sets it/],
    ['uid', 'set', /alone sets it/],
    ['UID', 'drop', /alone sets it/],
    ['objectClass', 'set', /alone sets it/],
    ['supannRefId', 'set', /alone sets it/],
    ['supannRessourceEtat', 'drop', /alone sets it/],
    ['supannRessourceEtatDate', 'set', /alone sets it/],
    ['entryCSN', 'set', /directory itself/],
    ['modifytimestamp', 'set', /directory itself/],
    ['pwdAccountLockedTime', 'set', /directory itself/],
    ['userPassword', 'set', /no text/],
    ['jpegPhoto', 'set', /no text/],
    ['description;lang-fr', 'set', /no name/],
    ['2.5.4.13', 'set', /no name/],
    ['Mail', 'set', /is called mail/],
    ['surname', 'set', /is called sn/],
    ['homeTelephoneNumber', 'set', /is called homePhone/],
    ['employeeType', 'drop', /none that the mapping writes/],
    ['sn', 'drop', /required/],
    ['supannPerson', 'class', /given by the mapping/],
  ])('%s, to %s', async (name, as, message) => {
    const found = (await sync('person')).overlay!.refuse(name, as);
    if (message === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(message);
  });

  it('depends on the kind of entry', async () => {
    const { refuse } = (await sync('structure')).overlay!;
    const { overlay } = await sync('structure');
    expect(refuse.call(overlay, 'supannCodeEntite', 'set')).toMatch(/alone sets it/);
    expect(refuse.call(overlay, 'uid', 'set')).toBeUndefined();
  });
});

describe('the shape of what an overlay gives', () => {
  it.each<[string, unknown, object]>([
    ['description', ' Café ', { value: ['Café'] }],
    ['description', ['b', 'a', 'A'], { value: ['a', 'b'] }],
    ['employeeType', ['b', 'a', 'A', 'a'], { value: ['A', 'a', 'b'] }],
    ['supannListeRouge', true, { value: ['TRUE'] }],
    ['roomNumber', 12, { value: ['12'] }],
    ['displayName', ['first', 'second'], { value: ['first'] }],
    ['manager', 'UID=ada, OU=people', { value: ['uid=ada,ou=people'] }],
    ['title', '', {}],
    ['mail', 'é@x', { unrepresentable: ['cannot be held by mail: not an ASCII text'] }],
    ['telephoneNumber', ['1', 'é'], { value: ['1'], unrepresentable: [expect.stringMatching(/not a telephone/)] }],
    ['manager', 'nobody', { unrepresentable: [expect.stringMatching(/not a distinguished name/)] }],
    ['title', { a: 1 }, { unrepresentable: [expect.stringMatching(/must be a text/)] }],
  ])('%s: %j', async (name, value, expected) =>
    expect((await sync('person')).overlay!.shape(name, value as never)).toEqual(expected),
  );
});

it('gives every entry the classes of the overlay, and leaves them out of one that is suspended', async () => {
  const person = await sync('person');
  const map = () => (person.map(master(), context) as Mapped).row;
  const before: Row = map();
  person.overlay!.own({ attributes: [], classes: ['univPerson'] });
  expect(map()).toEqual({ ...before, objectClass: [...(before.objectClass as string[]), 'univPerson'].sort() });
  expect(person.removal!.suspend(map()).objectClass).toEqual(before.objectClass);
});
