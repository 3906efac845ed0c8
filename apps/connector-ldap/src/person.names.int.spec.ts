import { NameTaken, Rejected } from '@myelin/connector';
import { person, rejection, TestConnector } from './connector.testing.js';
import { TestDirectory } from './directory.testing.js';

const directory = new TestDirectory();
const connector = new TestConnector(directory);

describe('names that are taken', () => {
  it('asks for another when the login was allocated, and refuses when the record brings it', async () => {
    await connector.create(person(), 'taken');
    const other = person({ birthName: 'Autre' });
    const error = (await rejection(connector.create(other, 'taken'))) as NameTaken;
    expect(error).toBeInstanceOf(NameTaken);
    expect(error.taken).toBe('taken');
    const given = await rejection(
      connector.create(person({ identifiers: [{ scheme: 'uid', value: 'taken' }] }), 'unused'),
    );
    expect(given).toBeInstanceOf(Rejected);
    expect(given).not.toBeInstanceOf(NameTaken);
    expect((given as Rejected).attributes).toEqual(['uid']);
  });

  it('says so when a rename meets one, and leaves the entry as it was', async () => {
    await connector.create(person(), 'occupied');
    const master = person();
    const { targetId, row } = await connector.create(master, 'renaming');
    const after = connector.map({ ...master, listing: 'private' }, 'occupied').row;
    expect(await rejection(connector.write(master.id, targetId, row, after, { name: 'occupied' }))).toBeInstanceOf(
      NameTaken,
    );
    expect((await connector.read(master.id, targetId))!.row).toEqual(row);
  });

  it('finds the entry again when the ledger was lost, whatever its name', async () => {
    const master = person();
    const { targetId } = await connector.create(master, 'found');
    const { targetId: again } = await connector.create(master, 'found2');
    expect(again).toBe(directory.person('found2'));
    expect(await directory.ldap.read(targetId, [])).toBeNull();
  });

  it('does not choose between two entries that carry the id', async () => {
    const master = person();
    await connector.create(master, 'twin1');
    await directory.ldap.add(directory.person('twin2'), {
      ...{ objectClass: ['inetOrgPerson', 'supannPerson'], uid: 'twin2', cn: 'x', sn: 'x' },
      supannRefId: `{UAI:0999001W:HUB}${master.id}`,
    });
    expect(await rejection(connector.read(master.id, null))).toBeInstanceOf(Rejected);
  });

  it('removes nothing that has become the entry of somebody else', async () => {
    const [one, two] = [person(), person()];
    const { targetId, row } = await connector.create(one, 'reused');
    await connector.write(one.id, targetId, row, null);
    await connector.create(two, 'reused');
    await connector.write(one.id, targetId, row, null);
    expect(await directory.ldap.read(targetId, [])).not.toBeNull();
  });
});

describe('a directory in which logins and principal names are unique', () => {
  const own = new TestConnector(new TestDirectory({}, `ou=people,${process.env.LDAP_BASE_DN}`));
  const eppn = (value: string) => ({ identifiers: [{ scheme: 'eppn', value }] });

  beforeAll(() => own.create(person(eppn('zoe@univ-exemple.fr')), 'unique1'));

  it('asks for another login when the login is taken, or the principal name made of it', async () => {
    expect(await rejection(own.create(person(), 'unique1'))).toMatchObject({ name: 'NameTaken', taken: 'unique1' });
    expect(await rejection(own.create(person(), 'zoe'))).toMatchObject({ name: 'NameTaken', taken: 'zoe' });
  });

  it('refuses a record that brings a principal name which is taken', async () => {
    const error = await rejection(own.create(person(eppn('ZOE@univ-exemple.fr')), 'unique2'));
    expect(error).toMatchObject({ name: 'Rejected', attributes: ['eduPersonPrincipalName'] });
  });

  it('renames the version that was seen, though the check of uniqueness fails every assertion', async () => {
    const master = person();
    const { targetId, row, etag } = await own.create(master, 'unique3');
    const after = own.map(master, 'unique4').row;
    const renamed = await own.write(master.id, targetId, row, after, { etag, name: 'unique4' });
    expect(renamed.targetId).toMatch(/^uid=unique4,/);
    expect(await own.read(master.id, null)).toEqual({ targetId: renamed.targetId, row: after });
  });
});

describe('deliveries at the same time', () => {
  it('leave one entry', async () => {
    const master = person();
    const { row } = connector.map(master, 'atonce');
    const targets = await Promise.all(Array.from({ length: 8 }, () => connector.write(master.id, null, null, row)));
    expect(new Set(targets.map(({ targetId }) => targetId))).toEqual(new Set([directory.person('atonce')]));
    expect((await connector.read(master.id, null))!.row).toEqual(row);
  });
});
