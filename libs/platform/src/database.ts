import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DataSource, type MixedList, type MigrationInterface } from 'typeorm';
import type { Logger } from './logger.js';
import { briefly } from './problem.js';

export interface DatabaseOptions {
  url: string;
  /** Shown in `pg_stat_activity`. */
  applicationName: string;
  entities: (new () => object)[];
  /** Every migration, oldest first: an explicit list, never a glob. */
  migrations: MixedList<new () => MigrationInterface>;
  /** PostgreSQL schema of this process, when it shares a database. */
  schema?: string;
  poolSize?: number;
  logger: Logger;
}

/** Session settings that keep a frozen server or a forgotten transaction from holding a request for ever. */
const LIMITS = {
  statement_timeout: 30_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 60_000,
  query_timeout: 35_000,
  connectionTimeoutMillis: 5_000,
};

/**
 * Opens the database of a process and brings its schema up to date, waiting for the server as long as it takes.
 * The database and the schema are created when they are missing and the account may.
 */
export async function openDatabase(options: DatabaseOptions): Promise<DataSource> {
  const { logger } = options;
  for (let wait = 250; ; wait = Math.min(wait * 2, 5000)) {
    try {
      await createWhereMissing(options);
      const dataSource = new DataSource({
        type: 'postgres',
        url: options.url,
        applicationName: options.applicationName,
        entities: options.entities,
        migrations: options.migrations,
        ...(options.schema ? { schema: options.schema } : {}),
        synchronize: false,
        poolSize: options.poolSize ?? 10,
        poolErrorHandler: (error: Error) => logger.warn({ err: briefly(error) }, 'a database connection was lost'),
        extra: { ...LIMITS, ...(options.schema ? { options: `-c search_path=${options.schema},public` } : {}) },
      });
      await dataSource.initialize();
      await migrate(dataSource);
      return dataSource;
    } catch (error) {
      if (!isTransient(error as Error)) throw error;
      logger.warn({ err: briefly(error), retryInMs: wait }, 'the database does not answer yet');
      await sleep(wait);
    }
  }
}

const isTransient = (error: Error & { code?: string }) =>
  ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', '57P03', '53300'].includes(error.code ?? '') ||
  /timeout|terminated/i.test(error.message);

/** Runs the migrations, one process at a time: TypeORM itself has no lock between runners. */
async function migrate(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query(`set lock_timeout = 0`);
    await runner.query(`set statement_timeout = 0`);
    await runner.query(`select pg_advisory_lock(hashtext('myelin migrations'))`);
    await dataSource.runMigrations({ transaction: 'each' });
  } finally {
    await runner.query(`select pg_advisory_unlock_all()`).catch(() => undefined);
    await runner.query(`reset lock_timeout`).catch(() => undefined);
    await runner.query(`reset statement_timeout`).catch(() => undefined);
    await runner.release();
  }
}

async function createWhereMissing({ url, schema }: DatabaseOptions): Promise<void> {
  const target = new URL(url);
  const database = decodeURIComponent(target.pathname.slice(1));
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  // A connection that is cut between two statements says so by an event; the next statement fails anyway.
  client.on('error', () => undefined);
  try {
    await client.connect();
    if (schema) await client.query(`create schema if not exists ${client.escapeIdentifier(schema)}`);
  } catch (error) {
    if ((error as { code?: string }).code !== '3D000') throw error;
    target.pathname = '/postgres';
    const admin = new pg.Client({ connectionString: target.href, connectionTimeoutMillis: 5000 });
    admin.on('error', () => undefined);
    await admin.connect();
    try {
      await admin.query(`create database ${admin.escapeIdentifier(database)}`).catch((failure: { code?: string }) => {
        // Another instance was quicker.
        if (failure.code !== '42P04' && failure.code !== '23505') throw failure;
      });
    } finally {
      await admin.end();
    }
    if (schema) await createWhereMissing({ url, schema } as DatabaseOptions);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A statement about more rows than these is planned each time: its plan may depend on how many there are. */
const FEW = 10;
const statements = new Map<string, string>();

/**
 * A statement about `rows` rows whose plan each session of the server keeps when they are few: what runs many times a second for
 * a row or two takes longer to plan than to run.
 */
export function kept(text: string, rows: number): string {
  if (rows > FEW) return text;
  let statement = statements.get(text);
  if (statement === undefined) {
    // TypeORM hands what it is given to pg, which also takes a statement with a name.
    statement = { name: `kept ${hash('sha1', text)}`, text } as unknown as string;
    statements.set(text, statement);
  }
  return statement;
}
