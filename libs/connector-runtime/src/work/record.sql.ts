import type { Row } from '@myelin/connector';
import type { DeliveryReport, Entity, FieldFault } from '@myelin/contracts';
import { kept } from '@myelin/platform';
import type { DataSource, EntityManager } from 'typeorm';
import { BULK } from './claim.sql.js';
import type { Action } from './decision.js';
import { saveReports } from '../reports/report.sql.js';

/** What the ledger says of an entity in the target. */
export const LEDGER_STATUSES = [
  /** Work is to be done, or under way. */
  'due',
  /** The target has the row. */
  'applied',
  /** The target has it in suspended form, until its grace is over. */
  'suspended',
  /** The target does not have it, as it should be. */
  'absent',
  /** None of this connector's business. */
  'skipped',
  /** Something that it requires is not in the target yet. */
  'waiting',
  /** The target refused it; it stays aside until it changes or somebody retries it. */
  'parked',
  /** Parked, and somebody has decided that it may stay so. */
  'dismissed',
  /** A guard holds the change back until somebody releases it. */
  'held',
  /** The connector only observes: the difference is noted, not written. */
  'observed',
] as const;
export type LedgerStatus = (typeof LEDGER_STATUSES)[number];

/** Why an entity is parked or comes back later: no value of the record in it. */
export interface LedgerError {
  readonly name: string;
  readonly message: string;
  readonly attributes?: readonly string[];
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
  readonly rowHash: string | null;
  readonly etag: string | null;
  readonly suspendedOn: string | null;
  readonly unrepresentable: readonly FieldFault[] | null;
  /** Keys (`entity|scheme:value`) whose arrival in the target makes the entity due. */
  readonly waitsFor: readonly string[] | null;
  readonly error: LedgerError | null;
  readonly fingerprint: string | null;
  readonly ticket: string | null;
  /** What a guard holds back, or what would have been done by a connector that only observes. */
  readonly held: Action | null;
  readonly heldChanges: readonly string[] | null;
  readonly attempts: number;
  readonly verify: boolean;
  /** Milliseconds until the entity is due again; null when nothing but news makes it due. */
  readonly retryInMs: number | null;
  /** Milliseconds for which nobody may touch the entity: a call without an answer may still take effect. */
  readonly quarantineMs: number | null;
  /** Day in Europe/Paris at whose start the entity is due again. */
  readonly dueDay: string | null;
  readonly job: string | null;
  readonly permit: Action | null;
  /** What is told to the job; null while the entity is not done. */
  readonly outcome: string | null;
  /** The target has it otherwise than before: those who used it are mapped again. */
  readonly moved: boolean;
}

/** What an entity used in its mapping, where that differs from before. */
export interface Use {
  readonly entity: Entity;
  readonly id: string;
  readonly usedEntity: Entity;
  readonly usedId: string;
  /** `epoch.revision` that the target had of the used one, and its id there, when it was used. */
  readonly acknowledged: string | null;
  readonly targetId: string | null;
}

/** Everything that a batch of work leaves behind. */
export interface Outcome {
  readonly results: readonly Result[];
  /** Claims given back untouched. */
  readonly returned: readonly { readonly entity: Entity; readonly id: string }[];
  /** What each entity of the batch used. */
  readonly uses: readonly Use[];
  /** Entities whose uses differ from those recorded before. */
  readonly usesChanged: readonly { readonly entity: Entity; readonly id: string }[];
  readonly reports: readonly DeliveryReport[];
}

/**
 * Taken by every transaction that changes many ledger rows: they run one after the other, so that none deadlocks with
 * another, and a wait or a use that is registered in one is seen by whoever brings what it names in the next.
 */
export const lockLedger = (manager: EntityManager) =>
  manager.query(kept(`select pg_advisory_xact_lock(hashtext('myelin ledger'))`, 1));

/**
 * What is done in this transaction may be lost if PostgreSQL crashes within the next half second: its commit does not wait
 * for the disk. Nothing that is durable rests on it, since every commit that waits takes the earlier ones with it.
 */
export const relaxDurability = (manager: EntityManager) => manager.query(`set local synchronous_commit = off`);

/**
 * Records what became of claims, and wakes those that waited for what has just arrived or used what has just moved, in one
 * transaction. Answers how many were made due. What a crash of PostgreSQL takes from it is still claimed, and therefore read in
 * the target and recorded again when the lease has ended.
 */
export async function record(dataSource: DataSource, worker: string, outcome: Outcome): Promise<number> {
  const { results, returned } = outcome;
  if (results.length + returned.length === 0) return 0;
  return dataSource.transaction(async (manager) => {
    await relaxDurability(manager);
    await lockLedger(manager);
    if (returned.length > 0) await giveBack(manager, worker, returned);
    if (results.length === 0) return 0;
    await save(manager, worker, results);
    await tellJobs(manager, results);
    if (outcome.usesChanged.length > 0) await saveUses(manager, outcome);
    await saveReports(manager, outcome.reports);
    // That something will not arrive ends a wait as well.
    const ended = results.filter(({ status }) => status === 'applied' || status === 'absent' || status === 'skipped');
    const woken = await wakeWaiting(manager, ended);
    const answered = await wakeAnswered(
      manager,
      results.filter(({ waitsFor }) => waitsFor !== null),
    );
    const outdated = await wakeOutdated(manager, outcome.uses);
    const rippling = await ripple(
      manager,
      results.filter(({ moved }) => moved),
    );
    return woken + answered + outdated + rippling;
  });
}

const save = (manager: EntityManager, worker: string, results: readonly Result[]) =>
  manager.query(
    kept(
      `update ledger l
        set status = r.status,
            target_id = r."targetId", target_row = r.row, row_hash = r."rowHash", etag = r.etag, suspended_on = r."suspendedOn",
            unrepresentable = r.unrepresentable, error = r.error, attempts = r.attempts, verify = r.verify,
            waits_for = (select array_agg(key) from jsonb_array_elements_text(r."waitsFor") as key),
            epoch = case when done then r.epoch else l.epoch end,
            revision = case when done then r.revision else l.revision end,
            projection = case when done then r.projection else l.projection end,
            acknowledged_at = case when done then now() else l.acknowledged_at end,
            fingerprint = r.fingerprint, ticket = r.ticket, parked_at = case when r.status = 'parked' then coalesce(l.parked_at, now()) end,
            dismissal = null, held = r.held,
            held_changes = (select array_agg(name) from jsonb_array_elements_text(r."heldChanges") as name),
            -- A job may have asked for it while it was being worked on.
            job = case when l.mark <> r.mark then l.job when open then r.job end,
            permit = case when l.mark <> r.mark then l.permit when open then r.permit end,
            due_day = case when done then r."dueDay" else l.due_day end,
            due_at = case when l.mark <> r.mark then now()
                          when r."retryInMs" is not null then now() + make_interval(secs => r."retryInMs" / 1000.0)
                          when done then r."dueDay"::timestamp at time zone 'Europe/Paris' end,
            -- What comes back because a day begins may wait for what is live.
            cause = case when l.mark = r.mark and done and r."dueDay" is not null then 'date' else l.cause end,
            priority = case when l.mark = r.mark and done and r."dueDay" is not null then l.priority % ${BULK} + ${BULK} else l.priority end,
            pending_since = case when l.mark <> r.mark then (select changed_at from state s where s.entity = l.entity and s.id = l.id)
                                 when not done then l.pending_since end,
            claimed_by = case when r."quarantineMs" is not null then 'nobody: a call has no known outcome' end,
            claimed_until = now() + make_interval(secs => r."quarantineMs" / 1000.0)
       from jsonb_to_recordset($2::jsonb) as r (entity text, id uuid, mark integer, status text, epoch integer, revision integer,
              projection text, "targetId" text, row jsonb, "rowHash" text, etag text, "suspendedOn" date, unrepresentable jsonb, "waitsFor" jsonb,
              error jsonb, fingerprint text, ticket text, held text, "heldChanges" jsonb, attempts integer, verify boolean,
              "retryInMs" float8, "quarantineMs" float8, "dueDay" date, job uuid, permit text)
            cross join lateral (select r.status in ('applied', 'suspended', 'absent', 'skipped') as done,
                                       r.status = 'due' as open) as progress
      where l.entity = r.entity and l.id = r.id and l.claimed_by = $1`,
      results.length,
    ),
    [worker, JSON.stringify(results)],
  );

/** Gives claims back: due at once, unless only a job that no longer runs wanted them. */
const giveBack = (manager: EntityManager, worker: string, returned: Outcome['returned']) =>
  manager.query(
    `with back as (
       select l.entity, l.id, l.job is not null and j.status is distinct from 'running'
                               and l.cause in ('resync', 'remap') as withdrawn
         from unnest($2::text[], $3::uuid[]) as r (entity, id) join ledger l using (entity, id) left join job j on j.id = l.job
        where l.claimed_by = $1)
     update ledger l
        set claimed_by = null, claimed_until = null,
            job = case when not withdrawn then l.job end, permit = case when not withdrawn then l.permit end,
            due_at = case when withdrawn then l.due_day::timestamp at time zone 'Europe/Paris' else l.due_at end
       from back where l.entity = back.entity and l.id = back.id`,
    [worker, returned.map(({ entity }) => entity), returned.map(({ id }) => id)],
  );

/** Tells the jobs what became of their entities. */
async function tellJobs(manager: EntityManager, results: readonly Result[]): Promise<void> {
  const told = results.filter(({ job, outcome }) => job !== null && outcome !== null);
  if (told.length === 0) return;
  await manager.query(
    kept(
      `update job_item i set outcome = t.outcome, ended_at = now()
       from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[]) as t (job, entity, id, outcome)
      where i.job = t.job and i.entity = t.entity and i.id = t.id and i.outcome is null`,
      told.length,
    ),
    [
      told.map(({ job }) => job),
      told.map(({ entity }) => entity),
      told.map(({ id }) => id),
      told.map(({ outcome }) => outcome),
    ],
  );
}

async function saveUses(manager: EntityManager, { uses, usesChanged }: Outcome): Promise<void> {
  const changed = new Set(usesChanged.map(({ entity, id }) => `${entity}|${id}`));
  const wanted = uses.filter(({ entity, id }) => changed.has(`${entity}|${id}`));
  const users = [usesChanged.map(({ entity }) => entity), usesChanged.map(({ id }) => id)];
  const pairs = [
    wanted.map(({ entity }) => entity),
    wanted.map(({ id }) => id),
    wanted.map(({ usedEntity }) => usedEntity),
    wanted.map(({ usedId }) => usedId),
  ];
  await manager.query(
    `delete from reference_use u using unnest($1::text[], $2::uuid[]) as changed (entity, id)
      where u.entity = changed.entity and u.id = changed.id
        and not exists (select from unnest($3::text[], $4::uuid[], $5::text[], $6::uuid[]) as kept (entity, id, used_entity, used_id)
                         where (kept.entity, kept.id, kept.used_entity, kept.used_id) = (u.entity, u.id, u.used_entity, u.used_id))`,
    [...users, ...pairs],
  );
  await manager.query(
    `insert into reference_use (entity, id, used_entity, used_id)
     select distinct * from unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[]) as used on conflict do nothing`,
    pairs,
  );
  await manager.query(
    `update ledger l set uses = nullif(array(select distinct w.used_entity || '|' || w.used_id
                                               from unnest($3::text[], $4::uuid[], $5::text[], $6::uuid[]) as w (entity, id, used_entity, used_id)
                                              where w.entity = l.entity and w.id = l.id order by 1), '{}')
       from unnest($1::text[], $2::uuid[]) as changed (entity, id)
      where l.entity = changed.entity and l.id = changed.id`,
    [...users, ...pairs],
  );
}

/** Makes due whoever waits for one of these entities, by any of their names. */
async function wakeWaiting(manager: EntityManager, arrived: readonly Result[]): Promise<number> {
  if (arrived.length === 0) return 0;
  const [, woken] = (await manager.query(
    kept(
      `update ledger set due_at = now(), mark = mark + 1, cause = 'reference'
      where waits_for && (select array_agg(name) from (
              select a.entity || '|' || k.key as name from unnest($1::text[], $2::uuid[]) as a (entity, id) join state_key k using (entity, id)
              union all select a.entity || '|hub:' || a.id from unnest($1::text[], $2::uuid[]) as a (entity, id)) as names)`,
      arrived.length,
    ),
    [arrived.map(({ entity }) => entity), arrived.map(({ id }) => id)],
  )) as [unknown, number];
  return woken;
}

/** Makes due those whose wait was answered while they were being mapped. */
async function wakeAnswered(manager: EntityManager, waiting: readonly Result[]): Promise<number> {
  if (waiting.length === 0) return 0;
  const keys = waiting.flatMap(({ entity, id, status, waitsFor }) =>
    (waitsFor ?? []).map((key) => ({ entity, id, key, held: status === 'waiting' })),
  );
  const [, woken] = (await manager.query(
    `update ledger l set due_at = now(), mark = mark + 1, cause = 'reference'
       from (select distinct w.entity, w.id
               from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::boolean[]) as w (entity, id, named, key, held)
               left join state_key k on k.entity = w.named and k.key = w.key
               join ledger t on t.entity = w.named
                            and (t.target_id is not null or w.held and t.due_at is null and t.status in ('absent', 'skipped'))
                            and t.id = coalesce(k.id, case when w.key like 'hub:%' then substring(w.key from 5)::uuid end)) as answered
      where l.entity = answered.entity and l.id = answered.id`,
    [
      keys.map(({ entity }) => entity),
      keys.map(({ id }) => id),
      keys.map(({ key }) => key.slice(0, key.indexOf('|'))),
      keys.map(({ key }) => key.slice(key.indexOf('|') + 1)),
      keys.map(({ held }) => held),
    ],
  )) as [unknown, number];
  return woken;
}

/** Makes due those who used an entity that has moved while they were being mapped. */
async function wakeOutdated(manager: EntityManager, uses: readonly Use[]): Promise<number> {
  const used = new Map(uses.map((use) => [`${use.usedEntity}|${use.usedId}|${use.acknowledged}|${use.targetId}`, use]));
  if (used.size === 0) return 0;
  const seen = [...used.values()];
  const moved = (await manager.query(
    kept(
      `select seen.entity, seen.id from unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) as seen (entity, id, acknowledged, target_id)
       join ledger l using (entity, id)
      where (l.epoch || '.' || l.revision, l.target_id) is distinct from (seen.acknowledged, seen.target_id)`,
      seen.length,
    ),
    [
      seen.map(({ usedEntity }) => usedEntity),
      seen.map(({ usedId }) => usedId),
      seen.map(({ acknowledged }) => acknowledged),
      seen.map(({ targetId }) => targetId),
    ],
  )) as { entity: string; id: string }[];
  if (moved.length === 0) return 0;
  const names = new Set(moved.map(({ entity, id }) => `${entity}|${id}`));
  const users = uses.filter(({ usedEntity, usedId }) => names.has(`${usedEntity}|${usedId}`));
  const [, woken] = (await manager.query(
    `update ledger l set due_at = now(), mark = mark + 1, cause = 'reference'
       from (select distinct * from unnest($1::text[], $2::uuid[]) as users (entity, id)) as users
      where l.entity = users.entity and l.id = users.id`,
    [users.map(({ entity }) => entity), users.map(({ id }) => id)],
  )) as [unknown, number];
  return woken;
}

/** Notes entities that have moved and are used by others: those are made due in small steps, however many they are. */
async function ripple(manager: EntityManager, moved: readonly Result[]): Promise<number> {
  if (moved.length === 0) return 0;
  const noted = (await manager.query(
    kept(
      `insert into ripple (entity, id)
     select entity, id from unnest($1::text[], $2::uuid[]) as moved (entity, id)
      where exists (select from reference_use u where u.used_entity = moved.entity and u.used_id = moved.id)
     on conflict (entity, id) do update set after_entity = '', after_id = '00000000-0000-0000-0000-000000000000'
     returning id`,
      moved.length,
    ),
    [moved.map(({ entity }) => entity), moved.map(({ id }) => id)],
  )) as unknown[];
  return noted.length;
}

/** Makes the next users of one moved entity due; false when nothing moved. */
export async function spreadRipple(dataSource: DataSource, limit: number): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    await lockLedger(manager);
    const [moved] = (await manager.query(
      `select entity, id, after_entity as "afterEntity", after_id as "afterId" from ripple limit 1 for update`,
    )) as { entity: string; id: string; afterEntity: string; afterId: string }[];
    if (!moved) return false;
    const users = (await manager.query(
      `select entity, id from reference_use
        where used_entity = $1 and used_id = $2 and (entity, id) > ($3, $4) order by entity, id limit $5`,
      [moved.entity, moved.id, moved.afterEntity, moved.afterId, limit],
    )) as { entity: string; id: string }[];
    await manager.query(
      `update ledger l set due_at = now(), mark = mark + 1, cause = 'reference', priority = priority % ${BULK} + ${BULK}
         from unnest($1::text[], $2::uuid[]) as users (entity, id)
        where l.entity = users.entity and l.id = users.id and l.status not in ('dismissed', 'skipped')
          -- What is due already sees the new state: it keeps its place.
          and (l.due_at is null or l.due_at > now())`,
      [users.map(({ entity }) => entity), users.map(({ id }) => id)],
    );
    const last = users.length === limit ? users.at(-1) : undefined;
    if (last) {
      await manager.query(`update ripple set after_entity = $3, after_id = $4 where entity = $1 and id = $2`, [
        moved.entity,
        moved.id,
        last.entity,
        last.id,
      ]);
    } else await manager.query(`delete from ripple where entity = $1 and id = $2`, [moved.entity, moved.id]);
    return true;
  });
}
