import { referentialTopic } from '@myelin/contracts';
import { until, type Service } from '@myelin/testing';
import { call, change, load, type RecordView } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { readTopic } from '../libs/messaging/test/bed.js';
import { deleteEntries, setByHand, versions, readDirectory, type Entry } from './directory.js';
import { metric, TestInstallation, type OtherDirectory } from './installation.js';
import { itemsOf, jobWhen, order, resync } from './jobs.js';
import { university } from './university.js';

const SIZE = { structures: 40, persons: 300 };
const RECORDS = SIZE.structures + SIZE.persons;
const { structures, persons } = university(SIZE);

let hub: TestInstallation;
let structure: Service;
let person: Service;
/** The connector that is resynchronised and switched off. */
let connector: Service;
/** The one that must not notice. */
let other: OtherDirectory;

beforeAll(async () => {
  hub = await TestInstallation.create('two');
}, 60_000);
afterAll(() => hub.drop(), 180_000);

const same = () => ({ entries: RECORDS, differences: [] });
const written = (service: Service) => metric(service, 'myelin_deliveries_total', { outcome: 'modified' });
const deliveries = (service: Service) => metric(service, 'myelin_deliveries_total');
const isLearner = (entry: Entry) => entry.supannEtuId !== undefined;

it('FR-52 a referential alone serves and publishes; the others are not there', async () => {
  [structure] = await hub.start('structure');
  expect(await load(structure.url, 'open-data', ndjson(structures))).toMatchObject({ created: SIZE.structures });
  const topic = referentialTopic('structure').name;
  await until('the structures should be published', async () => (await readTopic(hub.kafka, topic)).length > 0);
  const { items } = await call<{ items: RecordView[] }>('GET', `${structure.url}/structures?limit=200`);
  expect(items).toHaveLength(SIZE.structures);

  const admin = hub.kafka.kafka.admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((name) => name.startsWith(hub.names.topicPrefix));
  await admin.disconnect();
  expect(topics.filter((name) => name.includes('person'))).toEqual([]);
  expect((await fetch(`${structure.url}/persons`)).status).toBe(404);

  // A connector works on what there is, and takes the persons when their referential is put in service.
  [connector] = await hub.start('connector-ldap');
  const entries = async () => (await readDirectory(hub.directory)).size;
  await until('the structures should be in the directory', async () => (await entries()) === SIZE.structures);
  [person] = await hub.start('person');
  other = await hub.addDirectory('campus');
  await other.connector.start();
  await load(person.url, 'registry', ndjson(persons));
  expect(await hub.converged(RECORDS)).toEqual(same());
  expect(await hub.converged(RECORDS, other)).toEqual(same());
}, 240_000);

it('FR-52 one of two connectors is disabled: the other goes on, and it catches up, each entity written once', async () => {
  const { items } = await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=30`);
  await order(connector, 'control/disable', { reason: 'the directory is moved' });
  const before = await versions(hub.directory);
  const [modified, looked] = [await written(connector), await deliveries(connector)];
  for (const listing of ['private', 'public', 'private']) {
    for (const { id } of items)
      await change(person.url, 'persons', id, { listing, usageGivenName: `Camille ${listing}` });
  }
  expect(await hub.converged(RECORDS, other)).toEqual(same());
  await hub.taken();
  expect((await call<{ work: string }>('GET', `${connector.url}/control`)).work).toBe('disabled');
  expect(await deliveries(connector)).toBe(looked);
  expect(await versions(hub.directory)).toEqual(before);

  await order(connector, 'control/enable');
  expect(await hub.converged(RECORDS)).toEqual(same());
  expect((await written(connector)) - modified).toBe(items.length);
}, 240_000);

describe('FR-25 a resynchronisation launched for one consumer with filters', () => {
  /** The entries of both directories are falsified by hand in the same way. */
  async function falsify(wanted: (entry: Entry) => boolean): Promise<number> {
    const counts: number[] = [];
    for (const directory of [hub.directory, other.directory]) {
      const dns = [...(await readDirectory(directory))].filter(([, entry]) => wanted(entry)).map(([dn]) => dn);
      await setByHand(directory, dns, 'labeledURI', 'https://by-hand.example/');
      counts.push(dns.length);
    }
    expect(counts[0]).toBe(counts[1]);
    return counts[0] as number;
  }
  const isFalse = ({ labeledURI }: Entry) => labeledURI?.includes('https://by-hand.example/') ?? false;
  const falseOnes = async (wanted: (entry: Entry) => boolean) =>
    [...(await readDirectory(hub.directory)).values()].filter((entry) => isFalse(entry) && wanted(entry)).length;

  it('by population: progress, pause, resume and report; the other consumer receives nothing', async () => {
    const all = await falsify(({ uid }) => uid !== undefined);
    const untouched = await versions(other.directory);
    const silent = await deliveries(other.connector);
    const job = await resync(connector, {
      mode: 'verify',
      scope: { entities: ['person'], population: 'learner' },
      rate: 40,
      reason: 'the learners were falsified',
    });
    const learners = await learnerIds();
    const some = await jobWhen(connector, job, ({ progress }) => progress.done >= 20);
    expect(some).toMatchObject({ status: 'running', plan: { total: learners.length } });

    expect(await order(connector, `resyncs/${job.id}/pause`)).toMatchObject({ status: 'paused' });
    await until('what has begun should be finished', async () => (await hub.work()).due === 0);
    const paused = await versions(hub.directory);
    const { progress } = await jobWhen(connector, job, 'paused');
    expect(progress.outcomes).toEqual({ modified: progress.done, open: learners.length - progress.done });
    expect(all - (await falseOnes(() => true))).toBe(progress.done);
    expect(await versions(hub.directory)).toEqual(paused);

    expect(await order(connector, `resyncs/${job.id}/resume`)).toMatchObject({ status: 'running' });
    const report = await jobWhen(connector, job, 'done');
    expect(report.plan.actions).toEqual([{ entity: 'person', action: 'change', count: learners.length }]);
    expect(report.progress).toMatchObject({ done: learners.length, outcomes: { modified: learners.length } });
    expect((await itemsOf(connector, job)).map(({ id }) => id).sort()).toEqual(learners);
    // The other populations are as they were falsified, and so is everybody in the other directory.
    expect(await falseOnes(() => true)).toBe(all - learners.length);
    expect(await falseOnes(isLearner)).toBe(0);
    expect(await versions(other.directory)).toEqual(untouched);
    expect(await deliveries(other.connector)).toBe(silent);
    expect(await call('GET', `${other.connector.url}/resyncs`)).toEqual({ items: [] });
  }, 240_000);

  it('by structure, then without a filter; the other consumer receives nothing', async () => {
    const [untouched, silent] = [await versions(other.directory), await deliveries(other.connector)];
    const { items } = await call<{ items: RecordView[] }>('GET', `${structure.url}/structures?limit=200`);
    const code = String(items.find(({ type }) => type === 'S230' || type === 'S231')?.code ?? items[5]?.code);
    expect(
      await deleteEntries(hub.directory, ({ supannCodeEntite }) => supannCodeEntite?.includes(code) ?? false),
    ).toBe(1);
    const narrow = await resync(connector, { mode: 'verify', scope: { structure: `code:${code}` } });
    const { plan } = await jobWhen(connector, narrow, 'done');
    expect(plan.actions).toContainEqual({ entity: 'structure', action: 'create', count: 1 });
    expect(plan.total).toBeLessThan(RECORDS);

    await jobWhen(connector, await resync(connector, { mode: 'verify' }), 'done');
    expect(await hub.compare()).toEqual(same());
    expect(await versions(other.directory)).toEqual(untouched);
    expect(await deliveries(other.connector)).toBe(silent);
  }, 240_000);

  async function learnerIds(): Promise<string[]> {
    const ids: string[] = [];
    let cursor = '';
    do {
      const query = cursor && `&cursor=${cursor}`;
      const page = await call<{ items: RecordView[]; next: string | null }>(
        'GET',
        `${person.url}/persons?limit=200${query}`,
      );
      ids.push(...page.items.filter(({ roles }) => (roles as { learner?: [] })?.learner?.length).map(({ id }) => id));
      cursor = page.next ?? '';
    } while (cursor !== '');
    return ids.sort();
  }
});
