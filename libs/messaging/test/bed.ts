import { randomBytes } from 'node:crypto';
import type { Logger } from '@myelin/platform';
import pg from 'pg';
import { pino } from 'pino';
import { createKafka, type KafkaClient, type Leadership, type Outbox, type OutboxRow } from '../src/index.js';

/** A setting that a suite needs: these suites run on a real Kafka and a real PostgreSQL. */
export function required(name: 'KAFKA_BROKERS' | 'DATABASE_URL'): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must name a running server`);
  return value;
}

/** A logger whose lines can be read. */
export function recorder(level = 'info'): { logger: Logger; lines: { level: number; msg: string }[] } {
  const lines: { level: number; msg: string }[] = [];
  const logger = pino({ level }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { logger, lines };
}

/** Access to Kafka under a prefix of its own. */
export function kafkaOf(prefix: string, logger: Logger = recorder().logger): KafkaClient {
  const brokers = required('KAFKA_BROKERS').split(',');
  return createKafka({ brokers, clientId: 'spec', topicPrefix: prefix, logger });
}

export const randomName = () => `t${randomBytes(6).toString('hex')}`;

/** Deletes every topic under the prefix. */
export async function deleteTopics({ kafka, topicPrefix }: KafkaClient): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
}

/** Waits until `probe` gives something true. */
export async function until<T>(probe: () => T | Promise<T>, ms = 30_000): Promise<NonNullable<T>> {
  for (const end = Date.now() + ms; ;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error('it did not come to pass in time');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A small referential: entities with a state, and the set of those not published yet. */
export class SmallReferential {
  private constructor(
    readonly pool: pg.Pool,
    private readonly schema: string,
  ) {}

  static async create(): Promise<SmallReferential> {
    const schema = randomName();
    const pool = new pg.Pool({
      connectionString: required('DATABASE_URL'),
      options: `-c search_path=${schema}`,
      max: 8,
    });
    pool.on('error', () => undefined);
    await pool.query(`create schema ${schema}`);
    await pool.query(`create table entity (id text primary key, revision integer not null, value text)`);
    await pool.query(`create table publication (epoch integer not null, incarnation text, ends bigint[] not null)`);
    await pool.query(`insert into publication values (1, null, '{}')`);
    await pool.query(
      `create table outbox (id text primary key, revision integer not null, at timestamptz not null default now())`,
    );
    return new SmallReferential(pool, schema);
  }

  async drop(): Promise<void> {
    await this.pool.query(`drop schema ${this.schema} cascade`);
    await this.pool.end();
  }

  /** A change of some entities, each to its next revision, in one transaction. */
  async write(ids: readonly string[], value: string | null = '{"note":"é"}'): Promise<void> {
    await this.pool.query(
      `with changed as (
         insert into entity select id, 1, $2 from unnest($1::text[]) as id
         on conflict (id) do update set revision = entity.revision + 1, value = excluded.value
         returning id, revision)
       insert into outbox (id, revision) select id, revision from changed
       on conflict (id) do update set revision = excluded.revision`,
      [[...ids].sort(), value],
    );
  }

  async revisions(): Promise<Map<string, number>> {
    const { rows } = await this.pool.query<{ id: string; revision: number }>('select id, revision from entity');
    return new Map(rows.map(({ id, revision }) => [id, revision]));
  }

  async waiting(): Promise<number> {
    return (await this.pool.query<{ n: number }>('select count(*)::integer as n from outbox')).rows[0]!.n;
  }

  /** Ends the session of whoever leads, as a network fault or an operator would. */
  async cutLeader(): Promise<number> {
    const { rowCount } = await this.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`,
      [`leader ${this.schema}`],
    );
    return rowCount ?? 0;
  }

  outbox(): Outbox {
    return {
      lead: () => this.lead(),
      read: async (after, limit) => {
        const { rows } = await this.pool.query<OutboxRow>(
          `select id, revision, epoch, incarnation, 'updated' as kind, value, '2026-11-24T10:00:00Z' as time, 'c-1' as "correlationId"
             from publication, outbox join entity using (id, revision) where $1::text is null or id > $1 order by id limit $2`,
          [after, limit],
        );
        return rows;
      },
      done: async (rows, { epoch, incarnation, ends }) => {
        await this.pool.query(
          `with reached as (update publication set ends = $5 where epoch = $3 and incarnation = $4 returning 1)
           delete from outbox using reached, unnest($1::text[], $2::integer[]) as sent (id, revision)
            where outbox.id = sent.id and outbox.revision = sent.revision`,
          [rows.map(({ id }) => id), rows.map(({ revision }) => revision), epoch, incarnation, ends.map(String)],
        );
      },
      publication: async () => {
        const { rows } = await this.pool.query<{ epoch: number; incarnation: string | null; ends: string[] }>(
          'select epoch, incarnation, ends from publication',
        );
        return { ...rows[0]!, ends: rows[0]!.ends.map(BigInt) };
      },
      renew: async (previous, next) => {
        await this.pool.query(
          `update publication set incarnation = $2, ends = '{}' where incarnation is not distinct from $1`,
          [previous, next],
        );
      },
      findUnknown: async (states) => {
        const revisions = await this.revisions();
        return states.find(({ id, revision }) => revision > (revisions.get(id) ?? 0)) ?? null;
      },
      depth: async () => ({ rows: await this.waiting(), oldestSeconds: 0 }),
    };
  }

  private async lead(): Promise<Leadership | null> {
    const client = new pg.Client({
      connectionString: required('DATABASE_URL'),
      application_name: `leader ${this.schema}`,
    });
    await client.connect();
    const lost = new Promise<void>((resolve) => client.once('end', resolve).on('error', () => resolve()));
    const { rows } = await client.query<{ leads: boolean }>('select pg_try_advisory_lock(hashtext($1)) as leads', [
      this.schema,
    ]);
    if (!rows[0]?.leads) {
      await client.end();
      return null;
    }
    const held = () =>
      client.query('select 1').then(
        () => true,
        () => false,
      );
    return { lost, held, release: () => client.end() };
  }
}

/** One message as it stands on the topic. */
export interface OnTopic {
  partition: number;
  offset: bigint;
  key: string;
  value: string | null;
  headers: Record<string, string>;
}

/** Everything that a reader of committed messages sees on a topic up to now. */
export async function readTopic({ kafka, topicPrefix }: KafkaClient, name: string): Promise<OnTopic[]> {
  const topic = topicPrefix + name;
  const admin = kafka.admin();
  await admin.connect();
  // A topic that was made a moment ago is not known everywhere yet.
  const ends = await until(() =>
    admin.fetchTopicOffsets(topic).catch((error: { retriable?: boolean }) => {
      if (!error.retriable) throw error as Error;
      return undefined;
    }),
  );
  await admin.disconnect();
  const open = new Map(
    ends.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, BigInt(high)]),
  );
  const messages: OnTopic[] = [];
  const consumer = kafka.consumer({
    groupId: topicPrefix + randomName(),
    maxWaitTimeInMs: 200,
    // The coordinator of a broker that has just started may be loading.
    retry: { retries: 15 },
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    if (open.size === 0) resolve();
    // A young broker may still load its coordinator: kafkajs then begins anew by itself.
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      if (BigInt(payload.lastOffset) + 1n >= (open.get(payload.partition) ?? 0n)) open.delete(payload.partition);
      if (open.size === 0) resolve();
    });
    void consumer.run({
      eachBatch: async ({ batch }) => {
        for (const { offset, key, value, headers } of batch.messages) {
          messages.push({
            partition: batch.partition,
            offset: BigInt(offset),
            key: String(key),
            value: value && value.toString(),
            headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)])),
          });
        }
      },
    });
  });
  await consumer.disconnect();
  return messages;
}
