import type { DataSource } from 'typeorm';
import { SeenScans } from '../seen-scans.testing.js';
import { standings } from './pulse.sql.js';

/** Entities that are in order; the others are few. */
const APPLIED = 30_000;

let seen: SeenScans;
let dataSource: DataSource;

beforeAll(async () => {
  seen = await SeenScans.open();
  ({ dataSource } = seen);
  await dataSource.query(
    `insert into ledger (entity, id, priority, status, due_at)
     select 'person', gen_random_uuid(), 1, 'applied', case when n % 3 = 0 then now() + interval '1 day' end
       from generate_series(1, ${APPLIED}) as n`,
  );
  await dataSource.query(
    `insert into ledger (entity, id, priority, status, due_at, pending_since)
     select entity, gen_random_uuid(), priority, status, case when due then now() end, since::timestamptz
       from (values ('person', 1, 'due', true, '2026-11-24T10:00:00Z', 5), ('person', 1, 'parked', false, '2026-11-23T10:00:00Z', 3),
                    ('person', 9, 'due', true, null, 2), ('structure', 0, 'waiting', false, '2026-11-24T09:00:00Z', 4),
                    ('structure', 0, 'held', false, null, 1), ('structure', 0, 'dismissed', false, null, 7))
            as kind (entity, priority, status, due, since, count), generate_series(1, count)`,
  );
  await dataSource.query('analyze ledger');
}, 60_000);
afterAll(() => seen.close());

it('tells where the ledger stands without reading all of it', async () => {
  const before = await seen.count();
  expect(await standings(dataSource, ['structure', 'person', 'third-party'])).toEqual([
    {
      ...{ entity: 'structure', oldestPendingAt: new Date('2026-11-24T09:00:00Z') },
      ...{ due: 0, parked: 0, waiting: 4, held: 1 },
    },
    {
      ...{ entity: 'person', oldestPendingAt: new Date('2026-11-23T10:00:00Z') },
      ...{ due: 7, parked: 3, waiting: 0, held: 0 },
    },
    { entity: 'third-party', oldestPendingAt: null, due: 0, parked: 0, waiting: 0, held: 0 },
  ]);
  expect(await seen.count()).toBe(before);
});
