import { once } from 'node:events';
import { kept } from '@myelin/platform';
import { from as copyFrom } from 'pg-copy-streams';
import type { PoolClient } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Write } from './decide.js';

const COLUMNS = `
    mode text, record_id uuid, source_record_id uuid, source_id text, version bigint, hash bytea, payload jsonb,
    evidence text, state jsonb, identifiers jsonb, status text, revision integer, changed boolean`;
const STAGING = `create temporary table if not exists staging (${COLUMNS}) on commit delete rows`;

/** So many rows at most travel with every statement: below, filling and emptying the table costs more (its files are cut off at every commit). */
const FEW = 10;

/** Runs a statement in which `staging` names the rows to write. */
export type OverStaged = (statement: string, parameters?: readonly unknown[]) => Promise<unknown>;

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

/** Makes the rows to write known to the statements that are run with what it answers. */
export async function stage(runner: QueryRunner, writes: readonly Write[]): Promise<OverStaged> {
  if (writes.length <= FEW) {
    const rows = `[${writes.map(object).join(',')}]`;
    return (statement, parameters = []) => {
      // The limit tells the planner how many there are: it would expect a hundred, and read whole tables for them.
      const text = `with staging as (select * from jsonb_to_recordset($${parameters.length + 1}::jsonb) as staged (${COLUMNS}) limit ${writes.length}) ${statement}`;
      // What people change is one row at a time: those statements are the same again and again.
      return runner.query(writes.length === 1 ? kept(text, 1) : text, [...parameters, rows]);
    };
  }
  const client = (await runner.connect()) as PoolClient;
  const stream = client.query(copyFrom('copy staging from stdin'));
  stream.end(writes.map(line).join(''));
  await once(stream, 'finish');
  return (statement, parameters = []) => runner.query(statement, [...parameters]);
}

function object({ fact, ...write }: Write): string {
  const fields = JSON.stringify({
    mode: write.mode,
    record_id: write.recordId,
    source_record_id: write.sourceRecordId,
    source_id: fact.sourceId,
    version: fact.version,
    hash: `\\x${fact.hash}`,
    evidence: write.evidence,
    state: write.state,
    identifiers: write.identifiers,
    status: write.status,
    revision: write.revision,
    changed: write.changed,
  });
  return `${fields.slice(0, -1)},"payload":${fact.json}}`;
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
    `\\\\x${fact.hash}`,
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
