import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { until, type Service } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { TestInstallation } from './installation.js';
import { itemsOf, jobWhen, type JobView } from './jobs.js';

/** So many that they are mapped in threads of their own. */
const SIZE = { structures: 40, persons: 3500 };
const RECORDS = SIZE.structures + SIZE.persons;

let hub: TestInstallation;
let connector: Service;
let database: pg.Client;
let file: string;

beforeAll(async () => {
  hub = await TestInstallation.create('remap');
  file = join(hub.names.logs, 'overlay.json');
  writeFileSync(file, '{}');
  ({ connector } = await hub.startUniversity(SIZE, { OVERLAY_FILE: file }));
  database = new pg.Client({ connectionString: hub.databaseUrl('connector-ldap') });
  await database.connect();
}, 240_000);
afterAll(async () => {
  await database.end();
  await hub.drop();
}, 180_000);

const nothing = () => Promise.resolve();

/** Lets the connector find that another version of the mapping made what it wrote; answers the job that follows. */
async function mappedAgain(during = nothing, atStart = nothing): Promise<JobView> {
  const remaps = async () => {
    const { items } = await call<{ items: JobView[] }>('GET', `${connector.url}/resyncs`);
    return items.filter(({ kind }) => kind === 'remap').map(({ id }) => id);
  };
  const before = await remaps();
  await connector.stop();
  await database.query(`update projection set version = 'old' where entity = 'person'`);
  const started = connector.start();
  await Promise.all([started, atStart()]);
  await during();
  let job: string | undefined;
  await until('a job should map everything again', async () => {
    job = (await remaps()).find((id) => !before.includes(id));
    return job !== undefined;
  });
  return jobWhen(connector, { id: job as string }, 'done');
}

/** Whether all persons are mapped under the version in force. */
const isUpToDate = async () => {
  const { rows } = await database.query<{ version: string; next: string | null }>(
    `select version, next from projection where entity = 'person'`,
  );
  return rows[0]?.version !== 'old' && rows[0]?.next === null;
};

/** The transaction that wrote each person's row of the ledger last. */
const writers = async () => {
  const { rows } = await database.query<{ id: string; by: string }>(
    `select id, xmin::text as by from ledger where entity = 'person'`,
  );
  return new Map(rows.map(({ id, by }) => [id, by]));
};

/** Sessions of the threads that map. */
const scanning = async () => {
  const { rows } = await database.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name like '%-scan'`,
  );
  return rows.map(({ pid }) => pid);
};

it('maps everything again in threads when the mapping has another version, and writes only where the row is another, in the ledger too', async () => {
  const { rows } = await database.query<{ id: string }>(
    `with changed as (
       update ledger set row_hash = 'another'
        where entity = 'person' and id in (select id from ledger where entity = 'person' order by md5(id::text) limit 3)
       returning id)
     update acknowledged_row a set row = (a.row::jsonb || '{"displayName": ["Another Name"]}')::json
       from changed where a.entity = 'person' and a.id = changed.id
     returning a.id`,
  );
  const before = await writers();
  let most = 0;
  const job = await mappedAgain(async () => {
    await until('threads should map', async () => (most = Math.max(most, (await scanning()).length)) > 0, {
      everyMs: 20,
    });
  });
  expect(job.plan).toMatchObject({ total: SIZE.persons, actions: [{ action: 'change', count: 3 }] });
  const written = [...(await itemsOf(connector, job, 'modified')), ...(await itemsOf(connector, job, 'unchanged'))];
  expect(written.map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
  expect(await isUpToDate()).toBe(true);
  const after = await writers();
  expect([...after].filter(([id, by]) => before.get(id) !== by)).toHaveLength(3);
  expect(await hub.compare()).toEqual({ entries: RECORDS, differences: [] });
  await until('the threads should have ended', async () => (await scanning()).length === 0);
}, 120_000);

it('goes on where threads lose their sessions', async () => {
  let cut = 0;
  const job = await mappedAgain(async () => {
    await until(
      'threads should lose their sessions',
      async () => {
        const pids = await scanning();
        for (const pid of pids) await database.query('select pg_terminate_backend($1)', [pid]);
        return (cut += pids.length) > 0;
      },
      { everyMs: 10 },
    );
  });
  expect(cut).toBeGreaterThan(0);
  expect(job.plan.actions).toEqual([]);
  expect(await isUpToDate()).toBe(true);
}, 120_000);

it('maps under the overlay of the process in all threads, whatever its file says since', async () => {
  const overlay = (description: string) => writeFileSync(file, JSON.stringify({ person: { set: { description } } }));
  overlay(`$substring(record.id, -1) = '0' ? 'chosen'`);
  const { rows } = await database.query<{ id: string }>(
    `select id from ledger where entity = 'person' and id::text like '%0'`,
  );
  const starts = () => readFileSync(connector.logFile, 'utf8').split('"starting"').length;
  const before = starts();
  // As soon as the process has read it, and before there are threads.
  const job = await mappedAgain(nothing, async () => {
    await until('the connector should have read its settings', () => Promise.resolve(starts() > before), {
      everyMs: 5,
    });
    overlay(`'another by now'`);
  });
  expect(job.plan.actions).toEqual([{ entity: 'person', action: 'change', count: rows.length }]);
  const written = await itemsOf(connector, job, 'modified');
  expect(written.map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
  expect(await isUpToDate()).toBe(true);
}, 120_000);
