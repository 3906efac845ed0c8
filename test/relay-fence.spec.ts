import { readFileSync } from 'node:fs';
import { referentialTopic } from '@myelin/contracts';
import { createDatabase, until, type Service } from '@myelin/testing';
import { change, load, type RecordView, call } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { readTopic } from '../libs/messaging/test/bed.js';
import { health, query, TestInstallation } from './installation.js';

const PERSONS = 20_000;
/** More than one transaction of a relay carries. */
const CHANGED = 4_000;
const TOPIC = referentialTopic('person').name;

let hub: TestInstallation;
let first: Service;
let second: Service;
/** Account of the second process, so that the sessions of the two can be told apart. */
let account: string;

beforeAll(async () => {
  hub = await TestInstallation.create('fence');
  const server = hub.names.servers.DATABASE_URL ?? '';
  account = `${hub.names.databasePrefix}second`;
  await createDatabase(server, hub.databaseName('person'));
  await query(server, `create role ${account} superuser login password 'second'`);
  const url = new URL(server);
  url.username = account;
  url.password = 'second';
  first = await hub.add('person');
  second = await hub.add('person', { servers: { ...hub.names.servers, DATABASE_URL: url.href } }, '-second');
}, 60_000);
afterAll(async () => {
  await hub.drop();
  await query(hub.names.servers.DATABASE_URL ?? '', `drop role ${account}`);
}, 180_000);

const NUMBERS = Array.from({ length: PERSONS }, (_, n) => `F${String(n).padStart(6, '0')}`);

const file = (numbers: readonly string[], usageName?: string) =>
  ndjson(
    numbers.map((sourceId) => {
      const identifiers = [{ scheme: 'siham', value: sourceId }];
      return { sourceId, document: { birthName: 'Lefèvre', givenNames: ['Maëlle'], usageName, identifiers } };
    }),
  );

const sql = <R extends object>(text: string) => query<R>(hub.databaseUrl('person'), text);
const waiting = async () => (await sql<{ rows: number }>('select count(*)::integer as rows from outbox'))[0]?.rows ?? 0;
const relayOf = async (service: Service) => (await health(service)).checks.relay?.detail;
const drained = () =>
  until('the outbox should be empty', async () => (await waiting()) === 0, { deadlineMs: 90_000, everyMs: 100 });

it('lets only one of two relays write, though the first was frozen in the middle of a send and wakes up late', async () => {
  await first.start();
  expect(await load(first.url, 'siham', file(NUMBERS))).toMatchObject({ created: PERSONS, rejected: 0 });
  await drained();
  await second.start();
  expect(await relayOf(first)).toBe('leading');
  expect(await relayOf(second)).toBe('standby');

  // Republishing everything is adding outbox rows (docs/adr/0002).
  await sql(
    `insert into outbox (entity_id, revision, kind, cause, changed_at) select id, revision, 'updated', '{}', now() from record`,
  );
  const inTheMiddle = async () => (await waiting()) < PERSONS;
  await until('the relay should be sending', inTheMiddle, { everyMs: 1, deadlineMs: 60_000 });
  first.freeze();
  const left = await waiting();
  expect(left).toBeGreaterThan(0);
  await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename <> '${account}' and pid <> pg_backend_pid()`,
  );

  // Those that the first has in its hands change now.
  const next = await sql<{ number: string }>(
    `select s.source_id as number
       from outbox o join link l on l.record_id = o.entity_id join source_record s on s.id = l.source_record_id
      order by o.entity_id limit ${CHANGED}`,
  );
  const changing = next.map(({ number }) => number);
  expect(await load(second.url, 'siham', file(changing, 'Roy'))).toMatchObject({ updated: changing.length });
  await until('the second should lead', async () => (await relayOf(second)) === 'leading', { deadlineMs: 60_000 });
  expect(await load(second.url, 'siham', file(changing, 'Lefèvre-Roy'))).toMatchObject({ updated: changing.length });
  await drained();

  first.thaw();
  await until(
    'the first should leave the lead',
    () => /relay fenced|no longer leads/.test(readFileSync(first.logFile, 'utf8')),
    {
      deadlineMs: 60_000,
    },
  );
  await until('the first should stand by', async () => (await relayOf(first)) === 'standby', { deadlineMs: 60_000 });
  expect(await relayOf(second)).toBe('leading');

  // The first lives on: it takes writes, which the second publishes.
  const { items } = await call<{ items: RecordView[] }>('GET', `${first.url}/persons?limit=1`);
  const changed = await change(first.url, 'persons', items[0]?.id ?? '', { usageName: 'Le Roy' });
  await drained();

  const published = new Map<string, number>();
  const lower: string[] = [];
  const messages = await readTopic(hub.kafka, TOPIC);
  for (const { key, partition, offset, headers } of messages) {
    const revision = Number(headers.ce_revision);
    if (revision < (published.get(key) ?? 0)) lower.push(`${key} falls to ${revision} at ${partition}/${offset}`);
    published.set(key, revision);
  }
  expect(lower.slice(0, 10)).toEqual([]);
  const records = await sql<{ id: string; revision: number }>('select id, revision from record');
  expect(records).toHaveLength(PERSONS);
  expect(records.filter(({ id, revision }) => published.get(id) !== revision)).toEqual([]);
  expect(published.get(changed.id)).toBe(changed.revision);
  expect(messages.length).toBeGreaterThan(PERSONS + (PERSONS - left));
}, 240_000);
