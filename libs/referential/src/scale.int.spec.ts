import { DataSource } from 'typeorm';
import { cause, openTables, says, somebody } from '../test/bed.js';
import { ingest } from './ingest.js';
import { createOutbox } from './outbox.js';

const RECORDS = 4000;
const CHANGES = 10;

let dataSource: DataSource;
let close: () => Promise<void>;

beforeAll(async () => void ({ dataSource, close } = await openTables()));
afterAll(() => close());

const facts = (from: number, to: number, version: number) =>
  Array.from({ length: to - from }, (_, index) => {
    const key = String(from + index);
    return says(key, somebody(`Dupré ${version}`, [`siham:S${key}`]), version);
  });

/** Rows that sessions which have ended have read, by table. */
async function rowsRead(): Promise<Record<string, number>> {
  const rows = (await dataSource.query(
    `select relname as name, (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as read from pg_stat_user_tables where relname not in ('referential', 'staging')`,
  )) as { name: string; read: number }[];
  return Object.fromEntries(rows.map(({ name, read }) => [name, read]));
}

it('stores and publishes one change without reading a whole table', async () => {
  for (let from = 0; from < RECORDS; from += 1000) {
    await ingest(dataSource, 'siham', facts(from, from + 1000, 1), cause);
  }
  await dataSource.query('vacuum analyze');
  // As when the relay has published them: the planner does not know yet how few are left.
  await dataSource.query('delete from outbox where entity_id <> (select min(entity_id::text)::uuid from outbox)');
  const before = await rowsRead();
  // A session tells what it has read when it ends.
  const session = await new DataSource(dataSource.options).initialize();
  const outbox = createOutbox(session, (dataSource.options as { url: string }).url);
  for (let change = 0; change < CHANGES; change++) {
    const [one] = await ingest(session, 'siham', facts(RECORDS - 1 - change, RECORDS - change, 2), cause);
    expect(one).toMatchObject({ outcome: 'updated' });
    expect(await outbox.read(null, 1000)).toHaveLength(change + 2);
  }
  await session.destroy();
  const after = await rowsRead();
  const read = Object.entries(after).map(([name, rows]) => [name, rows - (before[name] ?? 0)] as const);
  // The outbox holds what is dirty, a few rows here: to read it whole is right.
  expect(read.filter(([name, rows]) => name !== 'outbox' && rows >= RECORDS)).toEqual([]);
});
