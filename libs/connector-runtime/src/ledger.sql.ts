import type { DeliveryOutcome, DeliveryReport, Entity, FieldFault, Master } from '@myelin/contracts';
import type { Row } from '@myelin/connector';
import type { DataSource, EntityManager } from 'typeorm';
import { saveReports } from './report.sql.js';

/** What the ledger says of an entity in the target. */
export type LedgerStatus = 'due' | 'applied' | 'absent' | 'skipped' | 'waiting' | 'parked';

/** Why an entity is parked or comes back later: no value of the record in it. */
export interface LedgerError {
  readonly name: string;
  readonly message: string;
  readonly attributes?: readonly string[];
}

/** An entity taken for work, with its newest state and what the target last acknowledged. */
export interface Claim {
  readonly entity: Entity;
  readonly id: string;
  /** Changes whenever the entity becomes due again: what is recorded must not hide a newer cause. */
  readonly mark: number;
  readonly attempts: number;
  /** The target must be read before it is written: its content is not certain. */
  readonly verify: boolean;
  readonly targetId: string | null;
  readonly row: Row | null;
  readonly epoch: number;
  readonly revision: number;
  /** Null after a tombstone. */
  readonly state: Master | null;
  readonly correlationId: string | null;
  /** When the change was made in the referential. */
  readonly changedAt: Date | null;
}

/** What became of a claim. */
export interface Result {
  readonly entity: Entity;
  readonly id: string;
  readonly mark: number;
  readonly status: LedgerStatus;
  readonly epoch: number;
  readonly revision: number;
  readonly projection: string;
  readonly targetId: string | null;
  readonly row: Row | null;
  readonly unrepresentable: readonly FieldFault[] | null;
  /** Keys (`entity|scheme:value`) whose arrival in the target makes the entity due. */
  readonly waitsFor: readonly string[] | null;
  readonly error: LedgerError | null;
  readonly attempts: number;
  readonly verify: boolean;
  /** Milliseconds until the entity is due again; null when nothing but news makes it due. */
  readonly retryInMs: number | null;
  /** Day in Europe/Paris at whose start the entity is due again. */
  readonly dueDay: string | null;
  /** What is reported of it, where an attempt was made. */
  readonly outcome?: DeliveryOutcome;
  readonly changed?: readonly string[];
}

/**
 * Takes up to `limit` due entities, lower priorities first, for `leaseSeconds`. Nobody else gets them meanwhile; an entity
 * whose taker died comes back when its lease has ended, and is then read in the target before it is written.
 */
export async function claim(
  dataSource: DataSource,
  worker: string,
  priorities: number,
  limit: number,
  leaseSeconds: number,
): Promise<Claim[]> {
  const [rows] = (await dataSource.query(
    `with due as materialized (
       select l.entity, l.id from generate_series(0, $2::integer - 1) as lane (priority)
         cross join lateral (
           select entity, id from ledger
            where priority = lane.priority and due_at <= now() and (claimed_until is null or claimed_until < now())
            order by due_at limit $3 for update skip locked) as l
       limit $3)
     update ledger l
        set claimed_by = $1, claimed_until = now() + make_interval(secs => $4), verify = l.verify or l.claimed_by is not null
       from due join state s using (entity, id)
      where l.entity = due.entity and l.id = due.id
     returning l.entity, l.id, l.mark, l.attempts, l.verify, l.target_id as "targetId", l.target_row as row,
               s.epoch, s.revision, s.state, s.correlation_id as "correlationId", s.changed_at as "changedAt"`,
    [worker, priorities, limit, leaseSeconds],
  )) as [Claim[], number];
  return rows;
}

/**
 * Records what became of claims, and wakes those that waited for what has just arrived, in one transaction. Transactions
 * of this kind run one after the other, so that a wait registered here is seen by whoever brings what it waits for.
 */
export async function record(
  dataSource: DataSource,
  worker: string,
  results: readonly Result[],
  reports: readonly DeliveryReport[],
): Promise<number> {
  if (results.length === 0) return 0;
  return dataSource.transaction(async (manager) => {
    await manager.query(`select pg_advisory_xact_lock(hashtext('myelin ledger'))`);
    await save(manager, worker, results);
    await saveReports(manager, reports);
    const arrived = results.filter(({ status, targetId }) => status === 'applied' && targetId !== null);
    const woken = await wakeWaiting(manager, arrived);
    return (
      woken +
      (await wakeAnswered(
        manager,
        results.filter(({ waitsFor }) => waitsFor !== null),
      ))
    );
  });
}

const save = (manager: EntityManager, worker: string, results: readonly Result[]) =>
  manager.query(
    `update ledger l
        set status = r.status, target_id = r."targetId",
            target_row = r.row, unrepresentable = r.unrepresentable, error = r.error, attempts = r.attempts, verify = r.verify,
            waits_for = (select array_agg(key) from jsonb_array_elements_text(r."waitsFor") as key),
            epoch = case when done then r.epoch else l.epoch end,
            revision = case when done then r.revision else l.revision end,
            projection = case when done then r.projection else l.projection end,
            acknowledged_at = case when done then now() else l.acknowledged_at end,
            due_at = case when l.mark <> r.mark then now()
                          when r."retryInMs" is not null then now() + make_interval(secs => r."retryInMs" / 1000.0)
                          when r."dueDay" is not null then r."dueDay"::timestamp at time zone 'Europe/Paris' end,
            pending_since = case when done and l.mark = r.mark then null else l.pending_since end,
            claimed_by = null, claimed_until = null
       from jsonb_to_recordset($2::jsonb) as r (entity text, id uuid, mark integer, status text, epoch integer, revision integer,
              projection text, "targetId" text, row jsonb, unrepresentable jsonb, "waitsFor" jsonb, error jsonb, attempts integer,
              verify boolean, "retryInMs" float8, "dueDay" date)
            cross join lateral (select r.status in ('applied', 'absent', 'skipped') as done) as progress
      where l.entity = r.entity and l.id = r.id and l.claimed_by = $1`,
    [worker, JSON.stringify(results)],
  );

/** Makes due whoever waits for one of these entities, by any of their names. */
async function wakeWaiting(manager: EntityManager, arrived: readonly Result[]): Promise<number> {
  if (arrived.length === 0) return 0;
  const [, woken] = (await manager.query(
    `update ledger set due_at = now(), mark = mark + 1
      where waits_for && (select array_agg(name) from (
              select a.entity || '|' || k.key as name from unnest($1::text[], $2::uuid[]) as a (entity, id) join state_key k using (entity, id)
              union all select a.entity || '|hub:' || a.id from unnest($1::text[], $2::uuid[]) as a (entity, id)) as names)`,
    [arrived.map(({ entity }) => entity), arrived.map(({ id }) => id)],
  )) as [unknown, number];
  return woken;
}

/** Makes due those whose wait was answered while they were being mapped. */
async function wakeAnswered(manager: EntityManager, waiting: readonly Result[]): Promise<number> {
  if (waiting.length === 0) return 0;
  const keys = waiting.flatMap(({ entity, id, waitsFor }) => (waitsFor ?? []).map((key) => ({ entity, id, key })));
  const [, woken] = (await manager.query(
    `update ledger l set due_at = now(), mark = mark + 1
       from (select distinct w.entity, w.id
               from unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) as w (entity, id, named, key)
               left join state_key k on k.entity = w.named and k.key = w.key
               join ledger t on t.entity = w.named and t.target_id is not null
                            and t.id = coalesce(k.id, case when w.key like 'hub:%' then substring(w.key from 5)::uuid end)) as answered
      where l.entity = answered.entity and l.id = answered.id`,
    [
      keys.map(({ entity }) => entity),
      keys.map(({ id }) => id),
      keys.map(({ key }) => key.slice(0, key.indexOf('|'))),
      keys.map(({ key }) => key.slice(key.indexOf('|') + 1)),
    ],
  )) as [unknown, number];
  return woken;
}

/** Gives claims back untouched, due at once. */
export async function giveBack(dataSource: DataSource, worker: string): Promise<void> {
  await dataSource.query(`update ledger set claimed_by = null, claimed_until = null where claimed_by = $1`, [worker]);
}

/** The newest states and target ids of referenced entities, by `entity|scheme:value`. */
export async function resolve(
  dataSource: DataSource,
  wanted: readonly { entity: Entity; key: string }[],
): Promise<Map<string, { master: Master; targetId: string | null }>> {
  if (wanted.length === 0) return new Map();
  const rows = (await dataSource.query(
    `select w.entity, w.key, s.state, l.target_id as "targetId"
       from unnest($1::text[], $2::text[]) as w (entity, key)
       left join state_key k on k.entity = w.entity and k.key = w.key
       join state s on s.entity = w.entity and s.id = coalesce(k.id, case when w.key like 'hub:%' then substring(w.key from 5)::uuid end)
       left join ledger l on l.entity = s.entity and l.id = s.id
      where s.state is not null`,
    [wanted.map(({ entity }) => entity), wanted.map(({ key }) => key)],
  )) as { entity: Entity; key: string; state: Master; targetId: string | null }[];
  return new Map(rows.map(({ entity, key, state, targetId }) => [`${entity}|${key}`, { master: state, targetId }]));
}
