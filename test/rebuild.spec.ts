import { setTimeout as sleep } from 'node:timers/promises';
import { until, type Service } from '@myelin/testing';
import { loginRequest } from '../apps/connector-ldap/src/person.mapping.js';
import { call, change, load, type RecordView } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { deleteEntries, dumpDirectory, readDirectory } from './directory.js';
import { query, status, TestInstallation } from './installation.js';
import { jobWhen, resync } from './jobs.js';
import { university } from './university.js';

const SIZE = { structures: 60, persons: 600 };
const TODAY = '2026-01-01';
const { structures, persons: population } = university(SIZE);
/** One person per login: homonyms may swap theirs when logins are allocated anew (docs/limits.md). */
const persons = uniqueBy(population, ({ document }) => {
  const master = { ...document, id: '00000000-0000-0000-0000-000000000000', status: 'active' as const };
  return loginRequest(master, TODAY)?.base;
});

let hub: TestInstallation;
let person: Service;
let structure: Service;
let connector: Service;
/** Records that both referentials hold and the directory must have. */
let records = structures.length + persons.length;

beforeAll(async () => {
  hub = await TestInstallation.create('rebuild');
  [person, structure, connector] = await hub.start('person', 'structure', 'connector-ldap');
}, 90_000);
afterAll(() => hub.drop(), 180_000);

const same = () => ({ entries: records, differences: [] });
const firstPersons = async () => (await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=200`)).items;

it('FR-20 a full rebuild gives the same directory content as the incremental feed', async () => {
  await load(structure.url, 'open-data', ndjson(structures));
  await load(person.url, 'registry', ndjson(persons.slice(0, 300)));
  await hub.taken();
  await load(person.url, 'registry', ndjson(persons.slice(300)));
  expect(await hub.converged(records)).toEqual(same());

  // The life of a university: renamed structures, changed persons, roles that end, records that end.
  const renamed = structures.slice(5, 15).map((one) => ({
    ...one,
    document: { ...one.document, longLabel: `${one.document.longLabel} (2027)` },
  }));
  await load(structure.url, 'open-data', ndjson(renamed));
  const items = await firstPersons();
  for (const { id } of items.slice(0, 20)) {
    await change(person.url, 'persons', id, {
      listing: 'private',
      contacts: [{ kind: 'workPhone', value: '+33 1 44 27 00 00' }],
    });
  }
  const staff = items.slice(20).filter(({ roles }) => (roles as { resource?: object[] })?.resource?.length);
  for (const { id, roles } of staff.slice(0, 10)) {
    const resource = (roles as { resource: object[] }).resource.map((role) => ({
      ...role,
      from: '2020-09-01',
      to: '2026-10-31',
    }));
    await change(person.url, 'persons', id, { roles: { resource } });
  }
  for (const { id } of items.slice(100, 105)) await call('POST', `${person.url}/persons/${id}/deactivation`, {});
  const gone = items[110]!.id;
  const entriesBefore = (await readDirectory(hub.directory)).size;
  await erase(gone);
  records -= 1;
  await until(
    'the erased person should leave the directory',
    async () => (await readDirectory(hub.directory)).size === entriesBefore - 1,
  );
  await hub.taken();
  await until('nothing should be due', async () => (await hub.work()).due === 0);

  const incremental = await dumpDirectory(hub.directory);
  expect(Object.keys(incremental)).toHaveLength(records);
  expect(JSON.stringify(incremental)).toMatch(/\(2027\)/);

  // The same connector finds its directory empty.
  expect(await deleteEntries(hub.directory)).toBe(records);
  const job = await jobWhen(
    connector,
    await resync(connector, { mode: 'verify', reason: 'the directory was emptied' }),
    'done',
  );
  expect(job.progress.outcomes).toEqual({ created: records });
  expect(await dumpDirectory(hub.directory)).toEqual(incremental);

  // Another connector, which knows nothing, is given an empty directory and the topics.
  const fresh = await hub.addDirectory('fresh');
  await fresh.connector.start();
  await until(
    'the second directory should be complete',
    async () => {
      const { total, due } = await hub.work(fresh.connector);
      return total === records + 1 && due === 0 && (await readDirectory(fresh.directory)).size === records;
    },
    { deadlineMs: 120_000, everyMs: 250 },
  );
  expect(await dumpDirectory(fresh.directory)).toEqual(incremental);
}, 300_000);

it('FR-24 a new consumer receives the full population, counted, while live changes go on, and nothing older than they are', async () => {
  const late = await hub.addDirectory('late');
  const items = (await firstPersons()).filter(({ status: is }) => is === 'active');
  let [live, sent] = [true, 0];
  const lost: unknown[] = [];
  // Open loop: the next change is due whether or not the one before was answered.
  const stream = (async () => {
    const answers: Promise<unknown>[] = [];
    for (; live; sent++) {
      const usageGivenName = `Camille ${String.fromCharCode(65 + (sent % 26), 65 + (Math.floor(sent / 26) % 26))}`;
      const { id } = items[sent % items.length]!;
      answers.push(change(person.url, 'persons', id, { usageGivenName }).catch((error: unknown) => lost.push(error)));
      await sleep(25);
    }
    await Promise.all(answers);
  })();
  await until('the stream should flow', () => sent > 10);
  const before = sent;
  await late.connector.start();
  await until(
    'the load should be complete',
    async () => {
      const { total, due } = await hub.work(late.connector);
      return total >= records && due < 20;
    },
    { deadlineMs: 120_000 },
  );
  const during = sent - before;
  await sleep(500);
  live = false;
  await stream;
  expect(lost).toEqual([]);
  expect(during).toBeGreaterThan(20);

  // The referential is the judge: entry by entry, value by value, at both consumers.
  await until('nothing should be due', async () => (await hub.work(late.connector)).due === 0, { deadlineMs: 60_000 });
  await hub.taken();
  await until('all should be there', async () => (await hub.compare(late.directory)).differences.length === 0, {
    deadlineMs: 60_000,
  });
  const erased = { entries: records + 1, differences: [] };
  expect(await hub.compare(late.directory)).toEqual(erased);
  expect(await hub.compare()).toEqual(erased);
  // Counted against the referentials: what they hold is what the consumer has, and a verification finds nothing to do.
  const { entities } = await status(late.connector);
  expect([entities.structure?.applied, entities.person?.applied]).toEqual([structures.length, persons.length - 1]);
  const { plan } = await jobWhen(
    late.connector,
    await resync(late.connector, { mode: 'verify', planOnly: true }),
    'planned',
  );
  expect(plan).toMatchObject({ unchanged: plan.total, actions: [] });
}, 300_000);

/** Erases a person as the end of its retention will: this version has no command for it. */
async function erase(id: string): Promise<void> {
  await query(
    hub.databaseUrl('person'),
    `with erased as (update record set status = 'erased', revision = revision + 1 where id = $1 returning id, revision)
     insert into outbox (entity_id, revision, kind, cause, changed_at) select id, revision, 'erased', '{}', now() from erased
     on conflict (entity_id) do update set revision = excluded.revision, kind = excluded.kind`,
    [id],
  );
}

function uniqueBy<T>(all: readonly T[], keyOf: (one: T) => string | undefined): T[] {
  return [...new Map(all.map((one) => [keyOf(one), one])).values()];
}
