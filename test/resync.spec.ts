import { until, type Service } from '@myelin/testing';
import { call, change, type RecordView } from '../deploy/demo/hub.js';
import { deleteEntries, dumpDirectory, findEntry, readDirectory, versions } from './directory.js';
import { metric, TestInstallation } from './installation.js';
import { itemsOf, jobWhen, order, readJob, resync } from './jobs.js';

const SIZE = { structures: 40, persons: 2000 };
const RECORDS = SIZE.structures + SIZE.persons;
/** Entities per second of the jobs that are stopped. */
const RATE = 400;

let hub: TestInstallation;
let person: Service;
let connector: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('resync');
  ({ person, connector } = await hub.startUniversity(SIZE));
}, 240_000);
afterAll(() => hub.drop(), 180_000);

const same = () => ({ entries: RECORDS, differences: [] });
const size = async () => (await readDirectory(hub.directory)).size;
const written = async () =>
  (await metric(connector, 'myelin_deliveries_total', { outcome: 'created' })) +
  (await metric(connector, 'myelin_deliveries_total', { outcome: 'modified' }));

it('FR-26 repeated diffusion needs no referential, and is suppressed where nothing changed', async () => {
  const { items } = await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=200`);
  // Nobody names a learner as a sponsor, whom the directory would forget with the entry.
  const subject = items.find(({ listing, roles }) => listing === 'public' && !(roles as { resource?: [] }).resource)!;
  const [before, writes] = [await versions(hub.directory), await written()];
  await person.stop();
  for (const mode of ['trust', 'verify', 'trust']) {
    const { plan, progress } = await jobWhen(connector, await resync(connector, { mode }), 'done');
    expect(plan).toMatchObject({ total: RECORDS, unchanged: RECORDS, actions: [] });
    expect(progress).toMatchObject({ done: 0 });
  }
  expect(await versions(hub.directory)).toEqual(before);
  expect(await written()).toBe(writes);

  // What was lost in the target is served from what the connector keeps.
  const dump = await dumpDirectory(hub.directory);
  expect(await deleteEntries(hub.directory, (entry) => entry.uid !== undefined && hasId(entry, subject.id))).toBe(1);
  const { plan } = await jobWhen(connector, await resync(connector, { mode: 'verify' }), 'done');
  expect(plan).toMatchObject({ actions: [{ entity: 'person', action: 'create', count: 1 }] });
  expect(await dumpDirectory(hub.directory)).toEqual(dump);

  await person.start();
  await change(person.url, 'persons', subject.id, { listing: 'private' });
  await until('the change should arrive', async () => {
    const entry = await findEntry(hub.directory, subject.id);
    return entry?.supannListeRouge?.[0] === 'TRUE';
  });
  const next = await jobWhen(connector, await resync(connector, { mode: 'verify' }), 'done');
  expect(next.plan).toMatchObject({ total: RECORDS, unchanged: RECORDS, actions: [] });
  expect(await hub.compare()).toEqual(same());
}, 240_000);

it('pauses, resumes with the rest and nothing twice; cancels within two seconds and says exactly what was applied', async () => {
  expect(await deleteEntries(hub.directory)).toBe(RECORDS);
  const writes = await written();
  const job = await resync(connector, { mode: 'verify', rate: RATE });
  await jobWhen(connector, job, ({ progress }) => progress.done >= 300);
  await order(connector, `resyncs/${job.id}/pause`);
  await until('what has begun should be finished', async () => (await hub.work()).due === 0);
  const paused = await size();
  expect(paused).toBeLessThan(RECORDS);
  expect((await readJob(connector, job)).progress.outcomes).toEqual({ created: paused, open: RECORDS - paused });
  const first = await versions(hub.directory);

  await order(connector, `resyncs/${job.id}/resume`);
  await jobWhen(connector, job, ({ progress }) => progress.done >= paused + 300);
  const asked = Date.now();
  const cancelled = await order(connector, `resyncs/${job.id}/cancel`);
  expect(Date.now() - asked).toBeLessThan(2000);
  const applied = await size();
  expect(applied).toBeLessThan(RECORDS);
  expect(cancelled).toMatchObject({ status: 'cancelled', endedAt: expect.any(String) });
  expect(cancelled.progress.outcomes).toEqual({ created: applied, cancelled: RECORDS - applied });
  expect((await itemsOf(connector, job, 'created')).length).toBe(applied);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(await size()).toBe(applied);

  // Whoever asks again gets the rest; nothing was written twice.
  const rest = await jobWhen(connector, await resync(connector, { mode: 'verify' }), 'done');
  expect(rest.progress.outcomes).toEqual({ created: RECORDS - applied });
  expect((await written()) - writes).toBe(RECORDS);
  const last = await versions(hub.directory);
  expect([...first].filter(([dn, version]) => last.get(dn) !== version)).toEqual([]);
  expect(await hub.compare()).toEqual(same());
}, 240_000);

const hasId = ({ supannRefId }: Record<string, readonly string[]>, id: string) =>
  supannRefId?.some((value) => value.endsWith(`}${id}`)) ?? false;
