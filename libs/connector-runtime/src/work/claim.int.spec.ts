import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { TestDatabase } from '../database.testing.js';
import { markDue, saveStates } from '../intake/intake.sql.js';
import { claim } from './claim.sql.js';

const ENTITIES = 200;
const ROUNDS = 300;

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await TestDatabase.create();
  ({ dataSource } = database);
});
afterAll(() => database.drop());

it('never takes an entity with an older state than the one that made it due', async () => {
  const ids = Array.from({ length: ENTITIES }, () => randomUUID()).sort();
  const take = (revision: number) =>
    dataSource.transaction(async (manager) => {
      const arrivals = ids.map((id) => ({
        id,
        epoch: 1,
        revision,
        json: '{}',
        keys: [],
        correlationId: undefined,
        changedAt: null,
        isOver: false,
      }));
      await saveStates(manager, 'structure', arrivals);
      await markDue(manager, 'structure', 0, arrivals);
    });
  await take(1);
  let busy = true;
  const stale: string[] = [];
  let claims = 0;
  const work = async (worker: string) => {
    while (busy) {
      for (const { mark, revision } of await claim(dataSource, worker, [0], ENTITIES, 0)) {
        claims++;
        // Every state makes its entity due once: the first has mark 0.
        if (revision < mark + 1) stale.push(`revision ${revision} with the mark of revision ${mark + 1}`);
      }
    }
  };
  const workers = [work('a'), work('b')];
  for (let revision = 2; revision <= ROUNDS; revision++) await take(revision);
  busy = false;
  await Promise.all(workers);
  expect(claims).toBeGreaterThan(ROUNDS);
  expect(stale.slice(0, 3)).toEqual([]);
}, 60_000);
