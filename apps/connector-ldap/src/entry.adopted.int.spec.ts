import { randomUUID } from 'node:crypto';
import { changedAttributes, NameTaken, Rejected, type Listed, type Row } from '@myelin/connector';
import { person, rejection, TestConnector } from './connector.testing.js';
import { TestDirectory } from './directory.testing.js';

const photo = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00]);
const directory = new TestDirectory({ localSchemes: ['x-local'] });
const connector = new TestConnector(directory);
const sync = () => connector.sync('person');
const hubId = (id: string) => `{UAI:0999001W:HUB}${id}`;

beforeAll(() =>
  directory.ldap.add(directory.settings.peopleBranch, { objectClass: 'organizationalUnit', ou: 'people' }),
);

/** An entry that somebody has made, and its DN as the connector spells it. */
async function byHand(uid: string, attributes: Record<string, string | string[]> = {}): Promise<string> {
  const dn = directory.person(uid);
  await directory.ldap.add(dn, {
    ...{
      objectClass: ['inetOrgPerson', 'supannPerson', 'posixAccount'],
      uid,
      cn: uid,
      sn: 'By Hand',
      jpegPhoto: photo,
    },
    ...{ uidNumber: '7', gidNumber: '7', homeDirectory: '/home/x' },
    ...attributes,
  });
  return dn;
}

async function listed(dn: string): Promise<Listed | undefined> {
  for await (const page of sync().list!()) for (const one of page) if (one.targetId === dn) return one;
  return undefined;
}

const change = (id: string, targetId: string, before: Row | null, after: Row | null, name: string, etag?: string) => ({
  ...{ id, targetId, before, after, name, etag, adopted: true, epoch: 1, revision: 1, correlationId: undefined },
  changed: changedAttributes(before, after),
});

it('tells by what strong identifiers and login an entry of others may be known, and nothing that two may share', async () => {
  const dn = await byHand('Strong', {
    objectClass: ['inetOrgPerson', 'supannPerson', 'eduPerson'],
    supannEmpId: 'E1',
    supannEtuId: 'N1',
    supannCodeINE: '0123456789A',
    eduPersonOrcid: 'https://orcid.org/0000-0002-1825-0097',
    supannRefId: ['{IDREF}123456789', '{UAI:0999001W:LOCAL}L1', '{UAI:0999001W:BIB}B1', 'bare'],
    mail: 'shared@example.org',
    uidNumber: [],
    gidNumber: [],
    homeDirectory: [],
  });
  const one = await listed(dn);
  expect(one).toMatchObject({ id: null, name: 'Strong' });
  expect([...one!.keys!].sort()).toEqual(
    [
      ...['siham:E1', 'apogee:N1', 'pegase:N1', 'ine:0123456789A', 'orcid:0000-0002-1825-0097'],
      ...['idref:123456789', 'x-local:L1'],
    ].sort(),
  );
});

it('finds an adopted entry by its DN, alone and among many, until another record has it', async () => {
  const [id, other] = [randomUUID(), randomUUID()];
  const targetId = await byHand('adopted1');
  const ref = { id, targetId };
  expect(await sync().read(ref)).toBeNull();
  const found = await sync().read({ ...ref, adopted: true });
  expect(found).toMatchObject({ targetId, etag: expect.any(String) });
  expect(await sync().readMany!([ref, { ...ref, adopted: true }])).toEqual([null, found]);
  expect(await sync().readVersions!([ref, { ...ref, adopted: true }])).toEqual([null, found!.etag]);
  await directory.ldap.modify(targetId, [{ op: 'add', attribute: 'supannRefId', values: hubId(other) }]);
  expect(await sync().read({ ...ref, adopted: true })).toBeNull();
  expect(await sync().readVersions!([{ ...ref, adopted: true }])).toEqual([null]);
});

it('writes it once, with the id by which it is found from then on, and leaves what is not ours', async () => {
  const master = person({ id: randomUUID() });
  const targetId = await byHand('adopted2');
  const { row: before, etag } = (await sync().read({ id: master.id, targetId, adopted: true }))!;
  const own = await connector.attributes(targetId, 'entryUUID', 'jpegPhoto', 'uidNumber', 'homeDirectory');
  const { row } = connector.map(master, 'adopted2');
  const first = change(master.id, targetId, before, row, 'adopted2', etag);
  const written = await sync().write(first);
  expect(written.targetId).toBe(targetId);
  expect(await sync().read({ id: master.id, targetId: null })).toMatchObject({ targetId, row, etag: written.etag });
  const mark = await directory.entryCsn(targetId);
  await sync().write(first);
  expect(await directory.entryCsn(targetId)).toBe(mark);
  expect(await connector.attributes(targetId, 'entryUUID', 'jpegPhoto', 'uidNumber', 'homeDirectory')).toEqual(own);
});

it('can be found again wherever a first write that renames it breaks off', async () => {
  const master = person({ id: randomUUID() });
  const targetId = await byHand('adopted3');
  const { row: before } = (await sync().read({ id: master.id, targetId, adopted: true }))!;
  const { row } = connector.map(master, 'renamed3');
  // The name is taken: the last step but the first is refused.
  await byHand('renamed3');
  await expect(sync().write(change(master.id, targetId, before, row, 'renamed3'))).rejects.toThrow(/already used/);
  expect(await sync().read({ id: master.id, targetId: null })).toMatchObject({ targetId });
  await directory.ldap.remove(directory.person('renamed3'));
  const written = await sync().write(change(master.id, targetId, before, row, 'renamed3'));
  expect(written.targetId).toBe(directory.person('renamed3'));
  expect(await sync().read({ id: master.id, targetId: null })).toMatchObject({ targetId: written.targetId, row });
});

it('does not take what stands in its own place for the entry of somebody else', async () => {
  const master = person({ id: randomUUID() });
  const targetId = await byHand('adopted4');
  const { row } = connector.map(master, 'adopted4');
  const { row: before } = (await sync().read({ id: master.id, targetId, adopted: true }))!;
  // Refused by a rule of the schema, not because of the login.
  const after = { ...row, displayName: ['one', 'another'] };
  const refusal = await rejection(sync().write(change(master.id, targetId, before, after, 'adopted4')));
  expect(refusal).toBeInstanceOf(Rejected);
  expect(refusal).not.toBeInstanceOf(NameTaken);
});

it('removes an adopted entry that must not be there', async () => {
  const targetId = await byHand('adopted5');
  const id = randomUUID();
  const { row: before } = (await sync().read({ id, targetId, adopted: true }))!;
  await sync().write({ ...change(id, targetId, before, null, 'adopted5'), name: undefined });
  expect(await directory.ldap.read(targetId, [])).toBeNull();
});

it('leaves the id with an entry that stays, also where it is suspended before anything else is written, or put back', async () => {
  const id = randomUUID();
  const targetId = await byHand('adopted6');
  const { row: before } = (await sync().read({ id, targetId, adopted: true }))!;
  const suspended = sync().removal!.suspend(before);
  await sync().write(change(id, targetId, before, suspended, 'adopted6'));
  const found = await sync().read({ id, targetId: null });
  expect(found?.targetId).toBe(targetId);
  await sync().write({ ...change(id, targetId, found!.row, before, 'adopted6'), adopted: false });
  expect(await sync().read({ id, targetId: null })).toMatchObject({ targetId, row: { sn: ['By Hand'] } });
});
