import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  CONNECTOR_PULSED,
  DELIVERY_REPORTED,
  deliveriesTopic,
  eventId,
  eventSource,
  eventType,
  referentialTopic,
  type ConnectorPulse,
  type DeliveryReport,
  type Entity,
} from '@myelin/contracts';
import { connectBatchConsumer, createKafka, Publisher, type KafkaClient } from '@myelin/messaging';
import { createApp } from '@myelin/platform';
import { createServices, dropDatabase, startPostgres, suiteName, until } from '@myelin/testing';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { deleteTopics } from '../../../libs/messaging/test/bed.js';
import { Consumption } from './consumption.js';
import { DeliveriesModule, TITLE } from './deliveries.module.js';
import type { Connectors, Flows } from './overview.views.js';
import { Retention } from './retention.js';
import type { ChangeTrace, EntityTrace } from './trace.views.js';

const server = process.env.DATABASE_URL ?? '';
const brokers = (process.env.KAFKA_BROKERS ?? '').split(',');
const name = suiteName('deliveries').replaceAll('-', '_');
const DAYS = 30;

type App = Awaited<ReturnType<typeof createApp>>;
let app: App;
let url: string;
let client: KafkaClient;
let tell: Publisher;
let persons: Publisher;
const lines: { msg: string; reason?: string; topic?: string; partition?: number; offset?: string }[] = [];
const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });

async function start(kafka: readonly string[], database: string, prefix = `${name}.`): Promise<App> {
  const settings = { KAFKA_BROKERS: kafka, TOPIC_PREFIX: prefix, DELIVERIES_DAYS: DAYS };
  const module = DeliveriesModule.of({ ...settings, DATABASE_URL: database });
  const started = await createApp(TITLE, module, logger);
  for (const consumer of started.get(Consumption).consumers) connectBatchConsumer(started, consumer);
  await started.startAllMicroservices();
  await started.listen(0, '127.0.0.1');
  return started;
}

function databaseUrl(database: string): string {
  const target = new URL(server);
  target.pathname = `/${database}`;
  return target.href;
}

beforeAll(async () => {
  app = await start(brokers, databaseUrl(name));
  url = await app.getUrl();
  client = createKafka({ brokers, clientId: name, topicPrefix: `${name}.`, logger });
  tell = new Publisher({ client, contract: deliveriesTopic, logger });
  persons = new Publisher({ client, contract: referentialTopic('person'), logger });
}, 90_000);
afterAll(async () => {
  await tell.close();
  await persons.close();
  await app.close();
  await dropDatabase(server, name);
  await deleteTopics(client);
}, 60_000);

const MINUTE = 60_000;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

async function get<T>(path: string): Promise<T> {
  const response = await fetch(url + path);
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(answer)}`);
  return answer as T;
}

/** Publishes revisions of persons as their referential does. */
const publish = (...revisions: { id: string; revision: number; time: string; correlationid?: string }[]) =>
  persons.send(
    revisions.map(({ id, revision, time, correlationid }) => ({
      attributes: {
        id: eventId(id, 1, revision),
        source: eventSource('person'),
        type: eventType('person', revision === 1 ? 'created' : 'updated'),
        subject: id,
        ...{ time, dataschema: 'urn:myelin:master:person:1', epoch: 1, revision, origin: 'siham' },
        ...(correlationid ? { correlationid } : {}),
      },
      data: { id, status: 'active', birthName: 'Secret' },
    })),
  );

const report = (change: Partial<DeliveryReport>): DeliveryReport => ({
  ...{ connector: 'ldap', entity: 'person', id: randomUUID(), epoch: 1, revision: 1, outcome: 'created' },
  ...{ cause: 'change', attempt: 1, changed: ['mail'], durationMs: 5, correlationId: null, error: null },
  ...{ changedAt: null, at: new Date().toISOString() },
  ...change,
});

const reportMessage = (one: DeliveryReport, change: object = {}) => ({
  attributes: {
    ...{ id: randomUUID(), source: '/connectors/x', type: DELIVERY_REPORTED.type, subject: one.id },
    ...{ time: one.at, dataschema: DELIVERY_REPORTED.dataschema },
  },
  data: { ...one, ...change },
});
const send = (...reports: DeliveryReport[]) => tell.send(reports.map((one) => reportMessage(one)));

const pulse = (connector: string, at: string, entities: ConnectorPulse['entities'] = [], instance = 'a') =>
  tell.send([
    {
      attributes: {
        ...{ id: randomUUID(), source: '/connectors/x', type: CONNECTOR_PULSED.type, subject: connector },
        ...{ time: at, dataschema: CONNECTOR_PULSED.dataschema },
      },
      data: { connector, instance, work: 'open', observe: false, entities, at } satisfies ConnectorPulse,
    },
  ]);

const carries = (entity: Entity, oldestPendingAt: string | null = null) => ({
  ...{ entity, oldestPendingAt, due: oldestPendingAt ? 1 : 0, parked: 0, waiting: 0, held: 0 },
});

/** Reads until the answer is as it should be; then compares once more, so that a failure shows the difference. */
async function eventually<T>(read: () => Promise<T>, expected: unknown): Promise<void> {
  await until(
    'the answer',
    async () => {
      expect(await read()).toEqual(expected);
      return true;
    },
    { deadlineMs: 30_000, everyMs: 100 },
  ).catch(() => undefined);
  expect(await read()).toEqual(expected);
}

const query = <T>(text: string) => app.get(DataSource).query<T[]>(text);
const metrics = async () => (await fetch(`${url}/metrics`)).text();

const words = ({ steps }: ChangeTrace['revisions'][0]) =>
  steps.map(({ step, connector, outcome, note }) => [step, connector, outcome, note].filter(Boolean).join(' '));

it('tells the way of each revision of a record, and where each connector stands', async () => {
  const id = randomUUID();
  await pulse('ldap', ago(0), [carries('person')]);
  await pulse('hr', ago(0), [carries('person')]);
  await publish(
    { id, revision: 1, time: ago(60 * MINUTE), correlationid: 'c-1' },
    { id, revision: 2, time: ago(50 * MINUTE), correlationid: 'c-2' },
    { id, revision: 5, time: ago(40 * MINUTE), correlationid: 'c-5' },
  );
  const error = { name: 'Rejected', fingerprint: 'Rejected mail', ticket: 'LDAP-7' };
  const reports = [
    report({ id, revision: 1, outcome: 'waiting', at: ago(59 * MINUTE) }),
    report({ id, revision: 1, outcome: 'created', at: ago(58 * MINUTE), durationMs: 21 }),
    report({ id, revision: 5, outcome: 'retry', at: ago(39 * MINUTE) }),
    report({ id, revision: 5, outcome: 'parked', at: ago(38 * MINUTE), attempt: 2, error }),
  ];
  await send(...reports);
  const trace = () => get<EntityTrace>(`/entities/person/${id}/trace`);
  await eventually(
    async () =>
      (await trace()).revisions.map((one) => [
        one.revision,
        one.note,
        one.settled,
        words(one).filter((w) => w !== 'published'),
      ]),
    [
      [
        5,
        'revisions 3 to 4 were superseded by revision 5 before being published',
        false,
        ['accepted', 'delivered ldap parked', 'pending hr'],
      ],
      [2, undefined, false, ['accepted', 'superseded ldap superseded by revision 5', 'pending hr']],
      [1, undefined, false, ['accepted', 'delivered ldap created', 'pending hr']],
    ],
  );
  const { connectors } = await trace();
  expect(connectors).toMatchObject([
    { connector: 'ldap', state: 'parked', appliedThrough: { epoch: 1, revision: 1 }, error },
    { connector: 'hr', state: 'pending', appliedThrough: null },
  ]);

  const first = await get<EntityTrace>(`/entities/person/${id}/trace?limit=2`);
  const rest = await get<EntityTrace>(`/entities/person/${id}/trace?limit=2&before=${first.next}`);
  expect([first, rest].map(({ revisions, next }) => [revisions.map((r) => r.revision), next])).toEqual([
    [[5, 2], '1.2'],
    [[1], null],
  ]);
  expect(rest.connectors).toEqual(connectors);

  const change = await get<ChangeTrace>('/changes/c-1');
  expect(change.revisions).toHaveLength(1);
  const step = change.revisions[0]?.steps.find(({ connector }) => connector === 'ldap');
  expect(step).toMatchObject({
    outcome: 'created',
    acknowledged: true,
    durationMs: 21,
    attempts: 2,
    changed: ['mail'],
  });
  expect(Math.round((step?.afterMs ?? 0) / MINUTE)).toBe(2);
  expect(JSON.stringify([first, rest, change])).not.toContain('Secret');
}, 90_000);

it('answers what it does not know with a problem', async () => {
  await expect(get('/changes/nobody')).rejects.toThrow(/404.*superseded before being published/);
  await expect(get(`/entities/person/${randomUUID()}/trace`)).rejects.toThrow(/404/);
  await expect(get('/entities/dog/1/trace')).rejects.toThrow(/404.*person, structure, third-party/);
  await expect(get(`/entities/person/${randomUUID()}/trace?before=x`)).rejects.toThrow(/400.*before/);
  await expect(get('/flows?hours=0')).rejects.toThrow(/400.*hours/);
});

it('stores once what comes twice, and counts it once', async () => {
  const one = report({ connector: 'twice' });
  const later = report({ connector: 'twice', id: one.id, revision: 2, outcome: 'modified' });
  await send(one, later);
  await send(later, one, one);
  await send(report({ connector: 'twice', id: one.id, revision: 3, outcome: 'removed' }));
  const standing = `select outcome, revision, applied_revision from standing where connector = 'twice'`;
  await eventually(() => query(standing), [{ outcome: 'removed', revision: 3, applied_revision: 3 }]);
  const [{ n } = { n: 0 }] = await query<{ n: number }>(
    `select count(*)::integer as n from delivery where connector = 'twice'`,
  );
  expect(n).toBe(3);
  const counted = (await metrics()).match(/^myelin_reported_deliveries_total\{connector="twice".*$/gm) ?? [];
  expect(counted.map((line) => line.split(' ').at(-1))).toEqual(['1', '1', '1']);
}, 60_000);

it('skips what breaks the contract, says where it stands, and takes what comes behind', async () => {
  const good = report({ connector: 'behind' });
  await tell.send([
    reportMessage(good, { outcome: 'lost' }),
    reportMessage({ ...good, at: '2026-02-30T10:00:00Z', connector: 'rounded' }),
    reportMessage(good, { id: randomUUID() }),
    { attributes: { ...reportMessage(good).attributes, type: 'fr.myelin.unheard.v1' }, data: {} },
    reportMessage(good),
  ]);
  await eventually(
    () => query(`select connector from delivery where connector in ('behind', 'rounded') order by connector`),
    [{ connector: 'behind' }],
  );
  const told = lines.filter(({ msg }) => msg.startsWith('a message breaks its contract'));
  expect(told.map(({ reason }) => reason)).toEqual([
    expect.stringContaining('outcome must be one of'),
    'id differs from ce_subject',
    'ce_type: unknown',
  ]);
  for (const line of told)
    expect(line).toMatchObject({ topic: 'deliveries.v1', partition: expect.any(Number), offset: expect.any(String) });
  expect(await metrics()).toMatch(/^myelin_refused_messages_total\{topic="deliveries.v1".*\} 3$/m);
}, 60_000);

it('shows signs of life, lag, throughput, errors by cause and flows', async () => {
  const id = randomUUID();
  const error = { name: 'Rejected', fingerprint: 'Rejected uid', ticket: 'FIN-2' };
  await pulse('finance', ago(5_000), [carries('person', ago(10 * MINUTE))]);
  await pulse('research', ago(2 * MINUTE));
  await publish({ id, revision: 1, time: ago(MINUTE) });
  await send(
    report({ connector: 'finance', id, outcome: 'created' }),
    report({ connector: 'finance', outcome: 'parked', error: { ...error, ticket: 'FIN-1' }, at: ago(3 * MINUTE) }),
    report({ connector: 'finance', outcome: 'parked', error }),
  );
  const connector = async (wanted: string) =>
    (await get<Connectors>('/connectors')).items.find((one) => one.connector === wanted);
  const flows = async () =>
    (await get<Flows>('/flows?hours=1')).delivered.filter(({ consumer }) => consumer === 'finance');
  await eventually(flows, [
    { source: 'siham', object: 'person', consumer: 'finance', acknowledged: 1, written: 1, other: 0 },
    { source: 'unknown', object: 'person', consumer: 'finance', acknowledged: 0, written: 0, other: 2 },
  ]);
  expect((await get<Flows>('/flows?hours=1')).published).toContainEqual(
    expect.objectContaining({ source: 'siham', object: 'person' }),
  );
  await eventually(async () => (await connector('research'))?.silent, true);
  const finance = await connector('finance');
  expect(finance).toMatchObject({
    ...{ silent: false, instances: 1, work: 'open', observe: false },
    throughput: [
      { outcome: 'created', perMinute: 1 / 15 },
      { outcome: 'parked', perMinute: 2 / 15 },
    ],
    errors: [{ name: 'Rejected', fingerprint: 'Rejected uid', count: 2, lastTicket: 'FIN-2' }],
  });
  expect(Math.round((finance?.lag[0]?.seconds ?? 0) / 60)).toBe(10);
  const [, lag] =
    /^myelin_delivery_lag_seconds\{connector="finance",entity="person".*\} (.*)$/m.exec(await metrics()) ?? [];
  expect(Math.round(Number(lag) / 60)).toBe(10);
}, 60_000);

it('shows the larger age of what is unread and of what is not written, and says which, over all instances', async () => {
  const why = 'reading referential.person.v1 is stopped: it is another topic than before';
  const stopped = { ...carries('person'), unreadSince: ago(9 * MINUTE), unreadDetail: why };
  await pulse('split', ago(5_000), [stopped, carries('structure', ago(4 * MINUTE))], 'a');
  const behind = { ...carries('structure', ago(4 * MINUTE)), unreadSince: ago(MINUTE) };
  await pulse('split', ago(1_000), [carries('person', ago(2 * MINUTE)), behind], 'b');
  await pulse('catching-up', ago(1_000), [
    { ...carries('person'), unreadSince: ago(3 * MINUTE) },
    carries('structure'),
  ]);
  const lagOf = async (wanted: string) => {
    const { items } = await get<Connectors>('/connectors');
    const one = items.find(({ connector, instances }) => `${connector} ${instances}` === wanted);
    return one?.lag.map((lag) => [lag.entity, Math.round(lag.seconds / 60), lag.why]);
  };
  await eventually(
    () => lagOf('split 2'),
    [
      ['person', 9, why],
      ['structure', 4, 'a change has not reached the target'],
    ],
  );
  await eventually(
    () => lagOf('catching-up 1'),
    [
      ['person', 3, 'changes are on the topic that are not read yet'],
      ['structure', 0, null],
    ],
  );
  const [, seconds] =
    /^myelin_delivery_lag_seconds\{connector="split",entity="person".*\} (.*)$/m.exec(await metrics()) ?? [];
  expect(Math.round(Number(seconds) / 60)).toBe(9);
}, 60_000);

it('forgets what is too old, and takes in nothing older', async () => {
  const [old, fresh] = [randomUUID(), randomUUID()];
  const day = 24 * 60 * MINUTE;
  await publish(
    { id: old, revision: 1, time: ago((DAYS + 1) * day) },
    { id: fresh, revision: 1, time: ago((DAYS - 1) * day) },
  );
  await send(
    report({ connector: 'memory', id: old, at: ago((DAYS + 1) * day) }),
    report({ connector: 'memory', id: fresh }),
  );
  const known = (table: string) => () => query(`select id from ${table} where id in ('${old}', '${fresh}')`);
  await eventually(known('published'), [{ id: fresh }]);
  await eventually(known('delivery'), [{ id: fresh }]);
  await query(`update published set accepted_at = accepted_at - interval '2 days' where id = '${fresh}'`);
  await query(`update delivery set at = at - interval '${DAYS + 1} days' where id = '${fresh}'`);
  await app.get(Retention).sweep();
  expect([await known('published')(), await known('delivery')()]).toEqual([[], []]);
  // Where the target stands is not forgotten.
  expect(await known('standing')()).toHaveLength(2);
}, 60_000);

it('is degraded while PostgreSQL is away, and goes on where it was', async () => {
  const logs = join(process.env.MYELIN_LOCAL ?? '.local/deliveries', name);
  mkdirSync(logs, { recursive: true });
  const postgres = await startPostgres({ dir: join(logs, 'postgres') });
  const servers = { DATABASE_URL: postgres.url, KAFKA_BROKERS: brokers.join(',') };
  const topicPrefix = `${name}.away.`;
  const { deliveries } = await createServices({ servers, databasePrefix: '', topicPrefix, logs }, ['deliveries']);
  const away = createKafka({ brokers, clientId: name, topicPrefix, logger });
  const publisher = new Publisher({ client: away, contract: deliveriesTopic, logger });
  const status = async (path: string) => (await fetch(deliveries.url + path)).status;
  const health = async () => ((await (await fetch(`${deliveries.url}/health`)).json()) as { status: string }).status;
  try {
    await deliveries.start();
    await postgres.stop();
    const one = report({ connector: 'meanwhile' });
    await publisher.send([reportMessage(one)]);
    await until('it should be degraded', async () => (await health()) === 'degraded');
    expect(await Promise.all(['/health', '/connectors', '/metrics'].map(status))).toEqual([200, 503, 200]);
    await postgres.restart();
    const trace = `/entities/person/${one.id}/trace`;
    await until('the report should be there', async () => (await status(trace)) === 200, { deadlineMs: 60_000 });
    await until('it should be well', async () => (await health()) === 'ok', { deadlineMs: 60_000 });
  } finally {
    await publisher.close();
    await deliveries.stop();
    await postgres.stop();
  }
}, 180_000);

it('answers while there is no Kafka, and says that it is degraded', async () => {
  const other = `${name}_alone`;
  const alone = await start(['127.0.0.1:1'], databaseUrl(other));
  try {
    const base = await alone.getUrl();
    expect((await fetch(`${base}/connectors`)).status).toBe(200);
    await until('it should be degraded', async () => {
      const response = await fetch(`${base}/health`);
      return response.status === 200 && ((await response.json()) as { status: string }).status === 'degraded';
    });
  } finally {
    await alone.close();
    await dropDatabase(server, other);
  }
}, 90_000);
