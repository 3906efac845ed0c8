import { once } from 'node:events';
import { kept } from '@myelin/platform';
import { from as copyFrom } from 'pg-copy-streams';
import type { PoolClient } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Write } from './decide.js';

const COLUMNS = `
    source_record_id uuid, source_new boolean, source_id text, version bigint, business_date text, hash bytea, payload jsonb,
    silent text[], evidence text, record_id uuid, record_new boolean, revision integer, status text, state jsonb, facts jsonb,
    due date, identifiers jsonb, changed boolean`;
const STAGING = `create temporary table if not exists staging (${COLUMNS}) on commit delete rows`;

/** So many rows at most travel with every statement: below, filling and emptying the table costs more (its files are cut off at every commit). */
const FEW = 10;

/** Runs a statement in which `staging` names the rows to write; `also` is a query with a name that goes before it (`lost as (…)`). */
export type OverStaged = (statement: string, parameters?: readonly unknown[], also?: string) => Promise<unknown>;

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
    return (statement, parameters = [], also) => {
      // The limit tells the planner how many there are: it would expect a hundred, and read whole tables for them.
      const text = `with staging as (select * from jsonb_to_recordset($${parameters.length + 1}::jsonb) as staged (${COLUMNS}) limit ${writes.length})${also ? `, ${also}` : ''} ${statement}`;
      // What people change is one row at a time: those statements are the same again and again.
      return runner.query(writes.length === 1 ? kept(text, 1) : text, [...parameters, rows]);
    };
  }
  const client = (await runner.connect()) as PoolClient;
  const stream = client.query(copyFrom('copy staging from stdin'));
  stream.end(writes.map(line).join(''));
  await once(stream, 'finish');
  return (statement, parameters = [], also) =>
    runner.query(also ? `with ${also} ${statement}` : statement, [...parameters]);
}

function object({ source, record }: Write): string {
  const fields = JSON.stringify({
    ...(source && {
      source_record_id: source.id,
      source_new: source.isNew,
      source_id: source.fact.sourceId,
      version: source.fact.version,
      business_date: source.fact.businessDate,
      hash: `\\x${source.fact.hash}`,
      silent: source.silent.length > 0 ? source.silent : null,
      evidence: source.evidence,
    }),
    ...(record && {
      record_id: record.id,
      record_new: record.isNew,
      revision: record.revision,
      status: record.status,
      state: record.state,
      facts: record.facts,
      due: record.due,
      identifiers: record.identifiers,
      changed: record.changed,
    }),
  });
  return source ? `${fields.slice(0, -1)},"payload":${source.json}}` : fields;
}

const NULL = '\\N';
const optional = (value: string | null) => (value === null ? NULL : escape(value));
const json = (value: object | null) => (value === null ? NULL : escape(JSON.stringify(value)));
const flag = (value: boolean) => (value ? 't' : 'f');

function line({ source, record }: Write): string {
  const said = source
    ? [
        source.id,
        flag(source.isNew),
        escape(source.fact.sourceId),
        source.fact.version === null ? NULL : String(source.fact.version),
        optional(source.fact.businessDate),
        `\\\\x${source.fact.hash}`,
        escape(source.json),
        source.silent.length > 0 ? `{${source.silent.join(',')}}` : NULL,
        optional(source.evidence),
      ]
    : Array<string>(9).fill(NULL);
  const made = record
    ? [
        record.id,
        flag(record.isNew),
        String(record.revision),
        record.status,
        json(record.state),
        json(record.facts),
        record.due ?? NULL,
        json(record.identifiers),
        flag(record.changed),
      ]
    : Array<string>(9).fill(NULL);
  return `${said.join('\t')}\t${made.join('\t')}\n`;
}

const SPECIAL = /[\\\t\n\r]/g;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Text in PostgreSQL's COPY text format. */
const escape = (text: string): string => text.replace(SPECIAL, (character) => ESCAPES[character] as string);
