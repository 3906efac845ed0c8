import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Outbox } from '@myelin/messaging';
import { intake, openTables, says, somebody, until } from '../test/bed.js';
import { ingest } from './ingest/ingest.js';
import { createOutbox } from './outbox.js';

const RECORDS = 4000;
const CHANGES = 10;
/** What the relay reads at once, at most. */
const PAGE = 2000;
const PAGES = 10;

let dataSource: DataSource;
let close: () => Promise<void>;

beforeEach(async () => void ({ dataSource, close } = await openTables()));
afterEach(() => close());

const facts = (from: number, to: number, version: number) =>
  Array.from({ length: to - from }, (_, index) => {
    const key = String(from + index);
    return says(key, somebody(`Dupré ${version}`, [`siham:S${key}`]), version);
  });

/** Does work in a session of its own that has ended then: it tells what it has read when it ends. */
async function inSession(work: (session: DataSource) => Promise<unknown>): Promise<void> {
  const options = { ...dataSource.options, applicationName: 'own' } as DataSourceOptions;
  const session = await new DataSource(options).initialize();
  await work(session);
  await session.destroy();
  const sessions = `select pid from pg_stat_activity where application_name = 'own' and datname = current_database()`;
  await until(async () => ((await dataSource.query(sessions)) as object[]).length === 0);
}

/** How many rows some work reads, by table. */
async function rowsReadBy(
  work: (session: DataSource, outbox: Outbox) => Promise<unknown>,
): Promise<Record<string, number>> {
  const before = await rowsRead();
  await inSession((session) => work(session, createOutbox(session, (session.options as { url: string }).url, 'P')));
  const after = await rowsRead();
  return Object.fromEntries(Object.entries(after).map(([name, rows]) => [name, rows - (before[name] ?? 0)]));
}

async function rowsRead(): Promise<Record<string, number>> {
  const rows = (await dataSource.query(
    `select relname as name, (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as read from pg_stat_user_tables where relname not in ('referential', 'staging')`,
  )) as { name: string; read: number }[];
  return Object.fromEntries(rows.map(({ name, read }) => [name, read]));
}

it('stores and publishes one change without reading a whole table', async () => {
  await inSession(async (session) => {
    for (let from = 0; from < RECORDS; from += 1000) {
      await ingest(session, facts(from, from + 1000, 1), intake('siham'));
    }
    await session.query('vacuum analyze');
    // As when the relay has published them: the planner does not know yet how few are left.
    await session.query('delete from outbox where entity_id <> (select min(entity_id::text)::uuid from outbox)');
  });
  const read = await rowsReadBy(async (session, outbox) => {
    for (let change = 0; change < CHANGES; change++) {
      const [one] = await ingest(session, facts(RECORDS - 1 - change, RECORDS - change, 2), intake('siham'));
      expect(one).toMatchObject({ outcome: 'updated' });
      expect(await outbox.read(null, 1000)).toHaveLength(change + 2);
    }
  });
  // The outbox holds what is dirty, a few rows here: to read it whole is right.
  expect(Object.entries(read).filter(([name, rows]) => name !== 'outbox' && rows >= RECORDS)).toEqual([]);
});

it('reads a full outbox record by record, though nobody has counted yet what there is', async () => {
  for (const table of ['record', 'outbox']) {
    await dataSource.query(`alter table ${table} set (autovacuum_enabled = false)`);
  }
  await inSession((session) =>
    session.query(
      `with loaded as (
         insert into record (id, revision, status, state, updated_at)
         select gen_random_uuid(), 1, 'active', '{"birthName":"Dupré"}', now() from generate_series(1, $1) returning id)
       insert into outbox (entity_id, revision, kind, cause, changed_at) select id, 1, 'created', '{}', now() from loaded`,
      [PAGES * PAGE],
    ),
  );
  const { record } = await rowsReadBy(async (_session, outbox) => {
    let last: string | null = null;
    for (let page = 0; page < PAGES; page++) {
      const rows = await outbox.read(last, PAGE);
      expect(rows).toHaveLength(PAGE);
      last = rows.at(-1)!.id;
    }
    expect(await outbox.read(last, PAGE)).toEqual([]);
  });
  // A join that merges begins anew with every page, at the first record.
  expect(record).toBe(PAGES * PAGE);
});
