import { v7 as uuidv7 } from 'uuid';
import type { Override } from '../golden/golden.js';
import type { Querying } from './task.sql.js';

export const DECISION_KINDS = ['must-link', 'cannot-link', 'override'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** Who decides, and why. */
export interface Authority {
  readonly author: string;
  readonly reason: string;
  readonly taskId?: string;
}

/** What a steward decided; it holds through every reload until it is revoked or over. */
export interface Decision extends Authority {
  readonly id: string;
  readonly kind: DecisionKind;
  readonly recordId: string | null;
  readonly sourceRecordId: string | null;
  readonly otherSourceRecordId: string | null;
  readonly part: string | null;
  readonly until: string | null;
  readonly decidedAt: Date;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  readonly revokedReason: string | null;
}

const COLUMNS = `id, kind, record_id as "recordId", source_record_id as "sourceRecordId", other_source_record_id as "otherSourceRecordId",
  part, until::text, author, reason, task_id as "taskId", decided_at as "decidedAt", revoked_at as "revokedAt", revoked_by as "revokedBy",
  revoked_reason as "revokedReason"`;

/**
 * Decides what stands in a part of a record; the decision before it on the same part is revoked by it. The record is reminded of,
 * in case that whoever decides does not come to look at it.
 */
export async function override(
  runner: Querying,
  recordId: string,
  { part, value, until }: { readonly part: string; readonly value: unknown; readonly until: string | null },
  by: Authority,
): Promise<void> {
  await revoke(runner, recordId, part, by);
  await runner.query(
    `insert into decision (id, kind, record_id, part, value, until, author, reason, task_id) values ($1, 'override', $2, $3, $4::jsonb, $5, $6, $7, $8)`,
    [uuidv7(), recordId, part, JSON.stringify(value), until, by.author, by.reason, by.taskId ?? null],
  );
  await runner.query(`insert into reminder (record_id) values ($1)`, [recordId]);
}

/** The overrides of records that were not revoked, whether they hold today or not, in the order in which they were decided. */
export async function overridesOn(
  runner: Querying,
  recordIds: readonly string[],
): Promise<(Override & { readonly record_id: string })[]> {
  return (await runner.query(
    `select record_id, id, part, value, until::text, (decided_at at time zone 'Europe/Paris')::date::text as since
       from decision where kind = 'override' and revoked_at is null and record_id = any($1::uuid[]) order by id`,
    [recordIds],
  )) as (Override & { readonly record_id: string })[];
}

/** Decides that a source record belongs to a record, or does not: noted by a source record of it, so that it outlives merges. */
export async function bind(
  runner: Querying,
  kind: 'must-link' | 'cannot-link',
  sourceRecordId: string,
  recordId: string,
  { author, reason, taskId }: Authority,
): Promise<void> {
  await runner.query(
    `insert into decision (id, kind, source_record_id, other_source_record_id, author, reason, task_id)
     select $1, $2, $3, source_record_id, $5, $6, $7 from link where record_id = $4 order by linked_at, source_record_id limit 1`,
    [uuidv7(), kind, sourceRecordId, recordId, author, reason, taskId ?? null],
  );
}

/** The decisions about a record and its source records, newest first. */
export async function decisionsOn(runner: Querying, recordId: string): Promise<Decision[]> {
  return (await runner.query(
    `select ${COLUMNS} from decision d
      where record_id = $1 or exists (select from link l where l.record_id = $1 and l.source_record_id in (d.source_record_id, d.other_source_record_id))
      order by decided_at desc, id desc`,
    [recordId],
  )) as Decision[];
}

/** Takes an override back; false when there is none that holds. */
export async function revoke(
  runner: Querying,
  recordId: string,
  part: string,
  { author, reason }: Authority,
): Promise<boolean> {
  const [, count] = (await runner.query(
    `update decision set revoked_at = now(), revoked_by = $3, revoked_reason = $4
      where kind = 'override' and record_id = $1 and part = $2 and revoked_at is null`,
    [recordId, part, author, reason],
  )) as [unknown, number];
  if (count > 0) await runner.query(`insert into reminder (record_id) values ($1)`, [recordId]);
  return count > 0;
}
