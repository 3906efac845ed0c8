import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import type { PoolClient } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Write } from './decide.js';

const STAGING = `
  create temporary table if not exists staging (
    mode text, record_id uuid, source_record_id uuid, source_id text, version bigint, hash bytea, payload jsonb,
    evidence text, state jsonb, identifiers jsonb, status text, revision integer, changed boolean
  ) on commit delete rows`;

/** Connections that already have their staging table. */
const prepared = new WeakSet<object>();

/** Runs `work` in one transaction on a connection that has a staging table, emptied at the end of the transaction. */
export async function withStaging<T>(dataSource: DataSource, work: (runner: QueryRunner) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as PoolClient;
    if (!prepared.has(client)) {
      await runner.query(STAGING);
      prepared.add(client);
    }
    await runner.startTransaction();
    const result = await work(runner);
    await runner.commitTransaction();
    return result;
  } catch (error) {
    if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
    throw error;
  } finally {
    await runner.release();
  }
}

/** Copies the rows to write into the staging table. */
export async function stage(runner: QueryRunner, writes: readonly Write[]): Promise<void> {
  const client = (await runner.connect()) as PoolClient;
  const stream = client.query(copyFrom('copy staging from stdin'));
  stream.end(writes.map(line).join(''));
  await once(stream, 'finish');
}

const NULL = '\\N';

function line(write: Write): string {
  const { fact } = write;
  const fields = [
    write.mode,
    write.recordId,
    write.sourceRecordId,
    escape(fact.sourceId),
    fact.version === null ? NULL : String(fact.version),
    `\\\\x${fact.hash.toString('hex')}`,
    escape(fact.json),
    escape(write.evidence),
    write.state === null ? NULL : escape(JSON.stringify(write.state)),
    write.identifiers === null ? NULL : escape(JSON.stringify(write.identifiers)),
    write.status,
    String(write.revision),
    write.changed ? 't' : 'f',
  ];
  return `${fields.join('\t')}\n`;
}

const SPECIAL = /[\\\t\n\r]/g;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Text in PostgreSQL's COPY text format. */
const escape = (text: string): string => text.replace(SPECIAL, (character) => ESCAPES[character] as string);
