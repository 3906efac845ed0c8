import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, freePorts, until, type Service } from '@myelin/testing';
import { call, find, type RecordView } from '../deploy/demo/hub.js';
import { query, seeded, TestInstallation } from './installation.js';

const CRASHES = 8;
/** Requests under way at each kill, every one at another point. */
const POSTS = 5;
const SEED = Number(process.env.SEED ?? 20_261_124);

let hub: TestInstallation;
let person: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('crash');
  // Nobody listens there: what is to be published stays in the outbox, where it can be counted.
  const [closed = 0] = await freePorts(1);
  person = await hub.add('person', { servers: { ...hub.names.servers, KAFKA_BROKERS: `127.0.0.1:${closed}` } });
  await createDatabase(hub.names.servers.DATABASE_URL ?? '', hub.databaseName('person'));
}, 60_000);
afterAll(() => hub.drop(), 180_000);

/** A person who can be told from all others by a number. */
const document = (number: string) => ({
  birthName: 'Lefèvre',
  givenNames: ['Maëlle'],
  identifiers: [{ scheme: 'siham', value: number }],
});

const post = (number: string) =>
  call<RecordView>('POST', `${person.url}/persons`, document(number), { 'idempotency-key': `key-${number}` });

/** Waits until the database has ended what the dead process began. */
async function databaseIsQuiet(): Promise<void> {
  const url = hub.databaseUrl('person');
  const sessions = `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;
  await until('the sessions of the dead process should end', async () => (await query(url, sessions)).length === 0);
}

/** How many rows of each table tell of that person. */
async function traces(number: string): Promise<number[]> {
  const [row] = await query<Record<string, number>>(
    hub.databaseUrl('person'),
    `with wanted as (select id from record where state -> 'identifiers' -> 0 ->> 'value' = $1),
          entered as (select id from source_record where source_id = $2)
     select (select count(*)::integer from wanted) as record,
            (select count(*)::integer from entered) as source_record,
            (select count(*)::integer from link where source_record_id in (table entered)) as link,
            (select count(*)::integer from identifier where value = $1) as identifier,
            (select count(*)::integer from revision where record_id in (table wanted)) as revision,
            (select count(*)::integer from outbox where entity_id in (table wanted)) as outbox`,
    [number, `key-${number}`],
  );
  return Object.values(row ?? {});
}

/** One POST that is cut: it begins some milliseconds before the kill. */
async function postBefore(number: string, wait: number): Promise<{ number: string; answered: boolean }> {
  await sleep(wait);
  const answered = await post(number).then(
    () => true,
    () => false,
  );
  return { number, answered };
}

it('keeps a record with its revision and its outbox row, or nothing of it, wherever a POST is cut by kill -9', async () => {
  process.stdout.write(`crash-steps: SEED=${SEED}\n`);
  const random = seeded(SEED);
  const ends = { kept: 0, lost: 0 };
  await person.start();
  await post('WARM');
  for (let crash = 0; crash < CRASHES; crash++) {
    const start = performance.now();
    await post(`WHOLE${crash}`);
    // Anywhere in a request of the usual length, and somewhat after it.
    const span = 4 * (performance.now() - start);
    const posts = Array.from({ length: POSTS }, (_, n) => postBefore(`CRASH${crash}N${n}`, random() * span));
    await sleep(span);
    await person.kill();
    await databaseIsQuiet();
    const cut = await Promise.all(posts);
    for (const { number, answered } of cut) {
      const rows = await traces(number);
      const kept = rows[0] === 1;
      expect({ number, rows }).toEqual({ number, rows: Array<number>(6).fill(kept ? 1 : 0) });
      // What was answered is kept.
      if (answered) expect({ number, kept }).toEqual({ number, kept: true });
      ends[kept ? 'kept' : 'lost']++;
    }

    await person.start();
    for (const { number } of cut) {
      const record = await post(number);
      expect(record.revision).toBe(1);
      expect((await find(person.url, 'persons', `siham:${number}`))?.id).toBe(record.id);
      expect((await post(number)).id).toBe(record.id);
    }
  }
  process.stdout.write(`crash-steps: ${ends.kept} kept, ${ends.lost} lost\n`);
  const [count] = await query<{ records: number }>(
    hub.databaseUrl('person'),
    `select count(*)::integer as records from record`,
  );
  expect(count?.records).toBe(1 + CRASHES * (1 + POSTS));
}, 240_000);
