import { changedAttributes, type Row } from '@myelin/connector';
import { person, TestConnector } from './connector.testing.js';
import { TestDirectory } from './directory.testing.js';

const directory = new TestDirectory();
const plain = new TestConnector(directory);
const overlaid = new TestConnector(directory);
const NAMES = ['description', 'employeeType', 'roomNumber'];
const CLASSES = ['posixAccount'];
const POSIX = { uidNumber: ['7'], gidNumber: ['7'], homeDirectory: ['/home/a'] };

beforeAll(() =>
  overlaid.sync('person').overlay!.own({ attributes: [...NAMES, ...Object.keys(POSIX)], classes: CLASSES }),
);

const classed = (row: Row, more: Row): Row => ({
  ...row,
  ...more,
  objectClass: [...new Set([...(row.objectClass as string[]), ...CLASSES])].sort(),
});

it('reads, compares and writes the attributes and classes of an overlay as its own, once', async () => {
  const master = person();
  const { targetId, row, etag } = await plain.create(master, 'overlaid');
  const more = { description: ['one', 'two'], employeeType: ['staff'], roomNumber: ['12'], ...POSIX };
  const after = classed(row, more);
  const written = await overlaid.write(master.id, targetId, row, after, { etag });
  expect((await overlaid.read(master.id, targetId))!.row).toEqual(after);
  expect(changedAttributes((await overlaid.read(master.id, targetId))!.row, after)).toEqual([]);
  const mark = await directory.entryCsn(targetId);
  await overlaid.write(master.id, targetId, after, after, { etag: written.etag });
  expect(await directory.entryCsn(targetId)).toBe(mark);

  const next = { ...after, description: ['two', 'three'].sort(), employeeType: ['guest'] };
  await overlaid.write(master.id, targetId, after, next, { etag: written.etag });
  expect((await overlaid.read(master.id, targetId))!.row).toEqual(next);
});

it.each<[string, boolean]>([
  ['as the last write left the entry', true],
  ['where others have written to the entry since', false],
])('takes away what an overlay gave that is no more in force, %s', async (name, isAsLeft) => {
  const master = person();
  const login = isAsLeft ? 'asleft' : 'since';
  const { targetId, row } = await plain.create(master, login);
  const more = { description: ['one'], employeeType: ['staff'], roomNumber: ['12'], ...POSIX };
  const overlay = classed(row, more);
  const { etag } = await overlaid.write(master.id, targetId, row, overlay);
  if (!isAsLeft) await directory.ldap.modify(targetId, [{ op: 'add', attribute: 'title', values: [name] }]);
  const mark = await directory.entryCsn(targetId);
  await plain.write(master.id, targetId, overlay, row, { etag });
  expect(await directory.entryCsn(targetId)).not.toBe(mark);
  expect(await plain.attributes(targetId, 'title', 'objectClass', ...Object.keys(more))).toEqual({
    objectClass: expect.not.arrayContaining(CLASSES),
    ...(!isAsLeft && { title: [name] }),
  });
  expect((await plain.read(master.id, targetId))!.row).toEqual(row);
});

it('leaves those attributes alone without an overlay', async () => {
  const master = person();
  const { targetId, row } = await plain.create(master, 'alone');
  await directory.ldap.modify(targetId, [{ op: 'add', attribute: 'description', values: ['by hand'] }]);
  expect((await plain.read(master.id, targetId))!.row).toEqual(row);
  const after = plain.map({ ...master, usageName: 'Martin' }, 'alone').row;
  await plain.write(master.id, targetId, row, after);
  expect((await plain.attributes(targetId, 'description'))!.description).toEqual(['by hand']);
});

it('refuses what the schema does not have, by name', async () => {
  const master = person();
  const { targetId, row } = await plain.create(master, 'noschema');
  const write = overlaid.write(master.id, targetId, row, { ...row, notInAnySchema: ['x'] });
  await expect(write).rejects.toMatchObject({ name: 'Rejected' });
});
