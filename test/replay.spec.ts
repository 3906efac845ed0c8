import { until, type Service } from '@myelin/testing';
import { change, type RecordView, call } from '../deploy/demo/hub.js';
import { readDirectory, versions } from './directory.js';
import { metric, query, TestInstallation } from './installation.js';

const SIZE = { structures: 60, persons: 300 };
const RECORDS = SIZE.structures + SIZE.persons;

let hub: TestInstallation;
let person: Service;
let connector: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('replay');
  ({ person, connector } = await hub.startUniversity(SIZE));
}, 240_000);
afterAll(() => hub.drop(), 180_000);

/** Marks every record as not published: the same revisions are sent once more. */
const republish = (name: 'person' | 'structure') =>
  query(
    hub.databaseUrl(name),
    `insert into outbox (entity_id, revision, kind, cause, changed_at) select id, revision, 'updated', '{}', now() from record`,
  );

/** Forgets how far the connector has read, so that it begins at the first message again; it must not run. */
async function rewind(): Promise<void> {
  const admin = hub.kafka.kafka.admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  const own = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(hub.names.topicPrefix + 'connector'));
  expect(own).toHaveLength(1);
  await admin.deleteGroups(own);
  await admin.disconnect();
}

/** Waits until the connector has taken every message and has nothing left to do. */
async function quiet(): Promise<void> {
  await hub.taken();
  await until('nothing should be due', async () => (await hub.work()).due === 0, { deadlineMs: 60_000 });
}

it('touches no entry when every message comes twice', async () => {
  const before = await versions(hub.directory);
  expect(before.size).toBe(RECORDS);
  await republish('structure');
  await republish('person');
  await quiet();
  expect(await versions(hub.directory)).toEqual(before);
}, 240_000);

it('touches no entry when all messages are read again from the first one', async () => {
  const before = await versions(hub.directory);
  await connector.stop();
  await rewind();
  await connector.start();
  await quiet();
  expect(await versions(hub.directory)).toEqual(before);
  expect(await metric(connector, 'myelin_deliveries_total')).toBe(0);
}, 240_000);

it('writes one changed field as one change of that one attribute', async () => {
  const { items } = await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=200`);
  const record = items.find(({ listing }) => listing === 'public');
  const before = await readDirectory(hub.directory);
  const modified = await metric(connector, 'myelin_deliveries_total', { outcome: 'modified' });
  const looked = await metric(connector, 'myelin_deliveries_total', { outcome: 'unchanged' });
  const all = await metric(connector, 'myelin_deliveries_total');

  await change(person.url, 'persons', record?.id ?? '', { listing: 'private' });
  expect(await hub.converged(RECORDS)).toEqual({ entries: RECORDS, differences: [] });

  const after = await readDirectory(hub.directory);
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
  const differences = [...after].flatMap(([dn, entry]) => {
    const names = [...new Set([...Object.keys(entry), ...Object.keys(before.get(dn) ?? {})])];
    const changed = names.filter((name) => String(entry[name]) !== String(before.get(dn)?.[name]));
    return changed.length > 0 ? [changed.sort()] : [];
  });
  expect(differences).toEqual([['entryCSN', 'supannListeRouge']]);
  expect(await metric(connector, 'myelin_deliveries_total', { outcome: 'modified' })).toBe(modified + 1);
  // Those for whom this person answers are looked at, too, and are as they must be.
  const alsoLooked = (await metric(connector, 'myelin_deliveries_total', { outcome: 'unchanged' })) - looked;
  expect(await metric(connector, 'myelin_deliveries_total')).toBe(all + 1 + alsoLooked);
}, 240_000);
