import { referentialTopic } from '@myelin/contracts';
import { until, type Service } from '@myelin/testing';
import { call, change, load, type RecordView } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { deleteTopics } from '../libs/messaging/test/bed.js';
import { findEntry, readDirectory, versions } from './directory.js';
import { health, metric, query, TestInstallation } from './installation.js';
import { university } from './university.js';

const SIZE = { structures: 30, persons: 120 };
const RECORDS = SIZE.structures + SIZE.persons;
const PERSONS = referentialTopic('person').name;
const TOPICS = [PERSONS, referentialTopic('structure').name].sort();
const order = { author: 'operator', reason: 'recovery exercise' };

let hub: TestInstallation;
let person: Service;
let structure: Service;
let connector: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('recovery');
  ({ person, structure, connector } = await hub.startUniversity(SIZE));
}, 240_000);
afterAll(() => hub.drop(), 180_000);

const post = <T>(service: Service, path: string, body: object) => call<T>('POST', service.url + path, body);
const detail = async (service: Service, check: string) => (await health(service)).checks[check]?.detail ?? '';
const told = (service: Service, check: string, what: RegExp) =>
  until(`${service.name} should tell ${what}`, async () => what.test(await detail(service, check)), {
    deadlineMs: 60_000,
    everyMs: 200,
  });
const well = (service: Service) =>
  until(`${service.name} should be well`, async () => (await health(service)).status === 'ok', { deadlineMs: 60_000 });

interface Topics {
  items: { topic: string; state: string }[];
}
const stoppedTopics = async () => {
  const { items } = await call<Topics>('GET', `${connector.url}/topics`);
  return items.filter(({ state }) => state === 'stopped').map(({ topic }) => topic);
};

it('recovers from lost topics by a republish, without a call to the directory', async () => {
  const before = await versions(hub.directory);
  const writes = () => metric(connector, 'myelin_target_call_seconds_count');
  const written = await writes();
  await deleteTopics(hub.kafka);
  for (const referential of [person, structure])
    await told(referential, 'topic', /^the topic was lost.*POST \/republish/);

  expect(await post(structure, '/republish', order)).toEqual({ records: SIZE.structures, queued: SIZE.structures });
  expect(await post(person, '/republish', order)).toEqual({ records: SIZE.persons, queued: SIZE.persons });
  // A slice that is stopped holds the consumer: the topics stop one after the other.
  const accepted: string[] = [];
  while (accepted.length < TOPICS.length) {
    await told(connector, 'topics', /is another one than was read so far.*POST \/topics\/.*accept/);
    const [topic = ''] = await stoppedTopics();
    await post(connector, `/topics/${topic}/accept`, order);
    accepted.push(topic);
  }
  expect(accepted.sort()).toEqual(TOPICS);
  await until(
    'the connector should take all again',
    async () => (await metric(connector, 'myelin_consumer_events_total')) >= 2 * RECORDS,
    { deadlineMs: 60_000 },
  );
  expect(await hub.converged(RECORDS)).toEqual({ entries: RECORDS, differences: [] });
  expect(await versions(hub.directory)).toEqual(before);
  expect(await writes()).toBe(written);
  for (const service of [person, structure, connector]) await well(service);

  // And the flow is whole.
  const { items } = await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=1`);
  await change(person.url, 'persons', items[0]?.id ?? '', { usageName: 'Delaunay' });
  expect(await hub.converged(RECORDS)).toEqual({ entries: RECORDS, differences: [] });
}, 300_000);

it('brings the directory back to the state of a restored database, and ends what that does not know on demand only', async () => {
  const { items } = await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=200`);
  const changing = items.filter(({ status }) => status === 'active').slice(0, 5);
  const restored = (await versions(hub.directory)).size;

  // A backup, and changes after it.
  await person.stop();
  const [server, database] = [hub.names.servers.DATABASE_URL ?? '', hub.databaseName('person')];
  await query(server, `create database ${database}_backup template ${database}`);
  await person.start();
  for (const { id } of changing) await change(person.url, 'persons', id, { usageName: 'Ajalbert' });
  const later = university({ structures: SIZE.structures, persons: SIZE.persons + 3 }).persons;
  const report = await load(person.url, 'registry', ndjson(later));
  const created = report.created;
  expect(created).toBeGreaterThan(0);
  expect(await hub.converged(RECORDS + created)).toEqual({ entries: RECORDS + created, differences: [] });
  const known = new Set(items.map(({ id }) => id));
  const after = await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=200`);
  const lost = after.items.map(({ id }) => id).filter((id) => !known.has(id));
  expect(lost).toHaveLength(created);

  // The database is restored.
  await person.stop();
  await query(server, `drop database ${database} with (force)`);
  await query(server, `alter database ${database}_backup rename to ${database}`);
  await person.start();
  await told(person, 'relay', /^the database is behind its topic .*POST \/restored/);

  const answer = await post<{ epoch: number; unknown: number; records: number }>(person, '/restored', order);
  expect(answer).toMatchObject({ epoch: 2, unknown: created, records: SIZE.persons });
  await well(person);
  await until(
    'changed entries should come back',
    async () => ![...(await readDirectory(hub.directory)).values()].some(({ sn }) => sn?.includes('Ajalbert')),
    { deadlineMs: 60_000 },
  );
  // Nothing is ended silently.
  expect((await readDirectory(hub.directory)).size).toBe(restored + created);
  const unknown = await call<{ count: number; items: RecordView[] }>('GET', `${person.url}/restored/unknown`);
  expect(unknown.items.map(({ id }) => id)).toEqual(lost.sort());
  await expect(post(person, '/restored/end-unknown', { ...order, expected: created + 1 })).rejects.toThrow('409');
  for (const id of lost) expect(await findEntry(hub.directory, id)).toBeDefined();

  expect(await post(person, '/restored/end-unknown', { ...order, expected: created })).toEqual({ ended: created });
  // A tombstone is carried out like any end: the entry is closed, and stays for its grace.
  const suspended = async () => {
    const troubles = await call<{ items: { id: string }[] }>('GET', `${connector.url}/troubles?kind=suspended`);
    return troubles.items.map(({ id }) => id);
  };
  await until('what the database does not know should be ended', async () => (await suspended()).length === created, {
    deadlineMs: 60_000,
  });
  expect(await suspended()).toEqual(lost.sort());
  for (const id of lost)
    expect((await findEntry(hub.directory, id))?.supannRessourceEtat).toContain('{COMPTE}I:SupannSupprCompte');
  const { differences } = await hub.compare();
  expect(differences.filter((one) => !one.startsWith('extra entry'))).toEqual([]);
  expect(differences).toHaveLength(created);
}, 300_000);
