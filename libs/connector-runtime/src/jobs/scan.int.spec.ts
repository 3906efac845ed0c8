import type { DataSource } from 'typeorm';
import { SeenScans } from '../seen-scans.testing.js';
import { countApart, endOfRange, readChunk } from './scan.sql.js';

const WHOLE = {
  ...({ entity: 'person', scope: {}, structures: undefined, version: '1', mode: 'verify', limit: null } as const),
};
const JOB = '01a20dfd-0000-7000-8000-000000000000';

let seen: SeenScans;
let dataSource: DataSource;

beforeAll(async () => {
  seen = await SeenScans.open();
  ({ dataSource } = seen);
  await dataSource.query(
    `insert into ledger (entity, id, priority, status)
     select 'person', gen_random_uuid(), 1, status
       from (values ('applied', 30000), ('waiting', 3), ('skipped', 4), ('dismissed', 5)) as kind (status, count), generate_series(1, count);
     insert into state (entity, id, epoch, revision, received_at) select entity, id, 1, 1, now() from ledger;
     analyze ledger, state`,
  );
}, 60_000);
afterAll(() => seen.close());

it('counts what a plan leaves alone without reading the whole ledger', async () => {
  const before = await seen.count();
  const counts = await countApart(dataSource, { entity: 'person', scope: {}, structures: undefined }, JOB);
  expect(Object.fromEntries(counts.map(({ status, count }) => [status, count]))).toEqual({
    waiting: 3,
    skipped: 4,
    dismissed: 5,
  });
  expect(await seen.count()).toBe(before);
});

it('divides a ledger into ranges that follow each other, each of which can be read alone', async () => {
  const sizes: number[] = [];
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const until: string | null = await endOfRange(dataSource, { entity: 'person', after, count: 12_000 });
    const chunk = await readChunk(dataSource, { ...WHOLE, after, until });
    sizes.push(chunk.length);
    ids.push(...chunk.map(({ id }) => id));
    after = until;
  } while (after !== null);
  // 30,012 in all, of which the 5 that were dismissed are left out.
  expect(sizes).toHaveLength(3);
  expect(ids).toHaveLength(30_007);
  expect(ids).toEqual([...new Set(ids)].sort());
});

it('reads a range by looking at each of its entities once', async () => {
  let after: string | null = null;
  for (let n = 0; n < 100; n++) {
    const until = await endOfRange(dataSource, { entity: 'person', after, count: 100 });
    const before = await seen.fetched();
    await readChunk(dataSource, { ...WHOLE, after, until });
    // One row of the ledger and one state for each.
    expect((await seen.fetched()) - before).toBeLessThan(300);
    after = until;
  }
});
