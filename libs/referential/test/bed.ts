import { randomBytes } from 'node:crypto';
import { createKafka, type KafkaClient } from '@myelin/messaging';
import { createApp, openDatabase, type Logger } from '@myelin/platform';
import pg from 'pg';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import type { ReferentialDefinition } from '../src/definition.js';
import { today } from '../src/golden/days.js';
import type { Rules } from '../src/golden/golden.js';
import { fact, type SourceFact } from '../src/ingest/fact.js';
import type { Intake } from '../src/ingest/ingest.js';
import { MIGRATIONS } from '../src/migrations.js';
import { ReferentialModule } from '../src/referential.module.js';
import { TABLES, type Attributes } from '../src/tables.js';
import { rolePeriods, rulesOn } from './rules.js';

// Hooks start and end real servers' work, on machines that may be busy.
jest.setTimeout(60_000);

/** A setting that a suite needs: these suites run on a real PostgreSQL and a real Kafka. */
export function required(name: 'KAFKA_BROKERS' | 'DATABASE_URL'): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must name a running server`);
  return value;
}

export const randomName = () => `t_${randomBytes(6).toString('hex')}`;

/** A logger whose lines can be read, as they would be written. */
export function recorder(level = 'trace'): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: pino({ level }, { write: (line: string) => void lines.push(line) }), lines };
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

/** The URL of a database that does not exist yet, on the server of the suite. */
export function freshDatabase(): string {
  const url = new URL(required('DATABASE_URL'));
  url.pathname = `/${randomName()}`;
  return url.href;
}

/** Drops a database, with whoever is still connected to it. */
export async function dropDatabase(url: string): Promise<void> {
  const admin = new pg.Client({ connectionString: required('DATABASE_URL') });
  await admin.connect();
  await admin.query(`drop database if exists ${admin.escapeIdentifier(new URL(url).pathname.slice(1))} with (force)`);
  await admin.end();
}

/** The tables of a referential in a database of their own; nothing is started. */
export async function openTables(): Promise<{ dataSource: DataSource; close: () => Promise<void> }> {
  const url = freshDatabase();
  const { logger } = recorder();
  const dataSource = await openDatabase({
    url,
    applicationName: 'spec',
    entities: TABLES,
    migrations: MIGRATIONS,
    poolSize: 20,
    logger,
  });
  const close = async () => {
    await dataSource.destroy();
    await dropDatabase(url);
  };
  return { dataSource, close };
}

/** A copy of a database that nobody uses, as a backup would be. */
export async function copyDatabase(url: string): Promise<string> {
  const copy = freshDatabase();
  const admin = new pg.Client({ connectionString: required('DATABASE_URL') });
  const name = (one: string) => admin.escapeIdentifier(new URL(one).pathname.slice(1));
  await admin.connect();
  await admin.query(`create database ${name(copy)} template ${name(url)}`);
  await admin.end();
  return copy;
}

const FILLED = [
  'reconciliation_seen',
  'reconciliation_finding',
  'reconciliation',
  'import_rejection',
  'import_run',
  'outbox',
  'reminder',
  'task_comment',
  'task',
  'decision',
  'revision',
  'identifier',
  'link',
  'source_version',
  'source_record',
  'source',
  'record',
];

/** Forgets every record. */
export const empty = (dataSource: DataSource): Promise<unknown> =>
  dataSource.query(FILLED.map((table) => `delete from ${table}`).join(';'));

export const person = {
  ...{
    entity: 'person',
    path: 'persons',
    title: 'Persons',
    letter: 'P',
    roleNames: ['resource', 'learner'],
    roles: rolePeriods,
  },
  survivorship: { groups: {} },
} as const satisfies ReferentialDefinition;

/** How a source is heard today. */
export const intake = (source: string, rules: Rules = rulesOn(today())): Intake => ({ source, cause, rules });

/** The referential of persons, started for real on a port of its own. */
export interface Running {
  url: string;
  databaseUrl: string;
  dataSource: DataSource;
  app: Awaited<ReturnType<typeof createApp>>;
  topicPrefix: string;
  /** Every line that the process logged. */
  lines: string[];
  /** Ends the process; what it left on the servers stays. */
  leave: () => Promise<void>;
  stop: () => Promise<void>;
}

/**
 * Starts a referential over HTTP; with `kafka: false` its broker does not answer, so that changes stay in the outbox. `at` names
 * what another one has left.
 */
export async function startPersons(options: {
  kafka: boolean;
  at?: { databaseUrl: string; topicPrefix: string };
  /** Survivorship rules, as JSON. */
  survivorship?: string;
}): Promise<Running> {
  const { logger, lines } = recorder();
  const { databaseUrl, topicPrefix } = options.at ?? {
    databaseUrl: freshDatabase(),
    topicPrefix: `${randomName()}.`,
  };
  const brokers = options.kafka ? required('KAFKA_BROKERS').split(',') : ['127.0.0.1:1'];
  const settings = {
    ...{ DATABASE_URL: databaseUrl, KAFKA_BROKERS: brokers, TOPIC_PREFIX: topicPrefix },
    SURVIVORSHIP: options.survivorship,
  };
  const app = await createApp(person.title, ReferentialModule.of(person, settings), logger);
  await app.listen(0, '127.0.0.1');
  const leave = () => app.close();
  const stop = async () => {
    await leave();
    await dropDatabase(databaseUrl);
    if (options.kafka) await deleteTopics(kafkaOf(topicPrefix));
  };
  return {
    url: await app.getUrl(),
    databaseUrl,
    dataSource: app.get(DataSource),
    app,
    topicPrefix,
    lines,
    leave,
    stop,
  };
}

/** Access to Kafka under a prefix. */
export const kafkaOf = (topicPrefix: string): KafkaClient =>
  createKafka({
    brokers: required('KAFKA_BROKERS').split(','),
    clientId: 'spec',
    topicPrefix,
    logger: recorder().logger,
  });

export async function deleteTopics({ kafka, topicPrefix }: KafkaClient): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
}

export const cause = { correlationId: 'c-1' };

/** A person with identifiers written `scheme:value`. */
export const somebody = (
  birthName: string,
  identifiers: readonly string[] = [],
  more: Attributes = {},
): Attributes => ({
  birthName,
  givenNames: ['Éloïse'],
  ...(identifiers.length > 0 ? { identifiers: identifiers.map(identifier) } : {}),
  ...more,
});

const identifier = (key: string) => ({
  scheme: key.slice(0, key.indexOf(':')),
  value: key.slice(key.indexOf(':') + 1),
});

/** What a source says of somebody. */
export const says = (sourceId: string, payload: Attributes, version: number | null = null): SourceFact =>
  fact(sourceId, version, payload);

/** What a caller sees of an answer. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Attributes;
}

/** Sends a request; an object is sent as JSON, text and bytes as they are. */
export async function call(
  { url }: { url: string },
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: raw ? (body as RequestInit['body']) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Attributes,
  };
}
