import { createLogger, openDatabase } from '@myelin/platform';
import { createDatabase, dropDatabase, suiteName } from '@myelin/testing';
import { DataSource } from 'typeorm';
import { MIGRATIONS } from '../migrations.js';
import { countApart } from './scan.sql.js';

const logger = createLogger('spec', 'fatal');
const server = process.env.DATABASE_URL ?? '';
const name = suiteName('apart').replaceAll('-', '_');
const JOB = '01a20dfd-0000-7000-8000-000000000000';

let dataSource: DataSource;

beforeAll(async () => {
  const url = await createDatabase(server, name);
  const migrated = await openDatabase({ url, applicationName: name, entities: [], migrations: MIGRATIONS, logger });
  await migrated.destroy();
  // One connection: its statistics are those that it flushes itself.
  dataSource = await new DataSource({ type: 'postgres', url, poolSize: 1 }).initialize();
  await dataSource.query(
    `insert into ledger (entity, id, priority, status)
     select 'person', gen_random_uuid(), 1, status
       from (values ('applied', 30000), ('waiting', 3), ('skipped', 4), ('dismissed', 5)) as kind (status, count), generate_series(1, count);
     insert into state (entity, id, epoch, revision, received_at) select entity, id, 1, 1, now() from ledger;
     analyze ledger, state`,
  );
}, 60_000);
afterAll(async () => {
  await dataSource.destroy();
  await dropDatabase(server, name);
});

const scans = async () => {
  await dataSource.query('select pg_stat_force_next_flush()');
  const [row] = (await dataSource.query(
    `select sum(seq_scan)::integer as n from pg_stat_user_tables where relname in ('ledger', 'state')`,
  )) as { n: number }[];
  return row?.n;
};

it('counts what a plan leaves alone without reading the whole ledger', async () => {
  const before = await scans();
  const counts = await countApart(dataSource, { entity: 'person', scope: {}, structures: undefined }, JOB);
  expect(Object.fromEntries(counts.map(({ status, count }) => [status, count]))).toEqual({
    waiting: 3,
    skipped: 4,
    dismissed: 5,
  });
  expect(await scans()).toBe(before);
});
