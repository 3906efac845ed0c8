import type { Entity } from '@myelin/contracts';
import { kept } from '@myelin/platform';
import type { DataSource, EntityManager } from 'typeorm';
import { BULK, ownReasons } from './claim.sql.js';
import { lockLedger, relaxDurability } from './lock.sql.js';
import type { Outcome, Result } from './result.js';
import { ripple, wakeAnswered, wakeOutdated, wakeWaiting } from './wake.sql.js';
import { saveReports } from '../reports/report.sql.js';

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
    const saved = await save(manager, worker, results);
    const isSaved = ({ entity, id }: { entity: Entity; id: string }) => saved.has(`${entity}|${id}`);
    await tellJobs(manager, results.filter(isSaved));
    const usesChanged = outcome.usesChanged.filter(isSaved);
    if (usesChanged.length > 0) await saveUses(manager, { ...outcome, usesChanged });
    await saveReports(manager, outcome.reports);
    // That something will not arrive ends a wait as well.
    const ended = results.filter(
      ({ status, targetId }) =>
        status === 'applied' ||
        status === 'absent' ||
        status === 'skipped' ||
        (status === 'observed' && targetId !== null),
    );
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

/** Saves results and answers for whom (`entity|id`): who has lost its claim has nothing to say any more. */
async function save(manager: EntityManager, worker: string, results: readonly Result[]): Promise<Set<string>> {
  const sent = results.map(({ row, overwritten, ...result }) => ({
    ...result,
    ...(!result.isRowKept && { row }),
    ...(overwritten && { isOverwritten: true, before: overwritten.before }),
  }));
  const saved = (await manager.query(
    kept(
      `with saved as (update ledger l
        set status = r.status,
            target_id = r."targetId", adopted = r.adopted and r."targetId" is not null, row_hash = r."rowHash", etag = r.etag, suspended_on = r."suspendedOn",
            unrepresentable = r.unrepresentable, error = r.error, attempts = r.attempts,
            -- Somebody may have asked meanwhile that it be read in the target.
            verify = r.verify or l.mark <> r.mark and l.verify,
            waits_for = (select array_agg(key) from jsonb_array_elements_text(r."waitsFor") as key),
            epoch = case when done then r.epoch else l.epoch end,
            revision = case when done then r.revision else l.revision end,
            -- That of the population goes without saying, unless it is about to become another.
            projection = case when not done then l.projection when p.next is null then nullif(r.projection, p.version) else r.projection end,
            unverified_since = case when r."isUnverified" then now() else l.unverified_since end,
            acknowledged_at = case when done then now() else l.acknowledged_at end,
            fingerprint = r.fingerprint, ticket = r.ticket, parked_at = case when r.status = 'parked' then coalesce(l.parked_at, now()) end,
            dismissal = null, held = r.held,
            held_changes = (select array_agg(name) from jsonb_array_elements_text(r."heldChanges") as name),
            observed_as = (select array_agg(name) from jsonb_array_elements_text(r."observedAs") as name),
            -- A job may have asked for it while it was being worked on.
            job = case when l.mark <> r.mark then l.job when open then r.job end,
            permit = case when l.mark <> r.mark then l.permit when open then r.permit end,
            due_day = case when open then l.due_day else r."dueDay" end,
            due_at = case when l.mark <> r.mark then now()
                          when r."retryInMs" is not null then now() + make_interval(secs => r."retryInMs" / 1000.0)
                          -- A day that has begun here and not at the worker would make it due again at once, and again.
                          when r."dueDay" is not null
                            then greatest(r."dueDay"::timestamp at time zone 'Europe/Paris', now() + interval '1 minute') end,
            -- What comes back because a day begins, or for what it lacks, may wait for what is live.
            cause = case when l.mark = r.mark and done and r."dueDay" is not null then 'date' else l.cause end,
            priority = case when l.mark = r.mark and (r."dueDay" is not null or done and r."retryInMs" is not null) then l.priority % ${BULK} + ${BULK} else l.priority end,
            pending_since = case when l.mark <> r.mark then (select changed_at from state s where s.entity = l.entity and s.id = l.id)
                                 when not done then l.pending_since end,
            claimed_by = case when r."quarantineMs" is not null then 'nobody: a call has no known outcome' end,
            claimed_until = now() + make_interval(secs => r."quarantineMs" / 1000.0)
       from json_to_recordset($2::json) as r (entity text, id uuid, mark integer, status text, epoch integer, revision integer,
              projection text, "targetId" text, adopted boolean, row json, "isRowKept" boolean, "isOverwritten" boolean, "isUnverified" boolean, before json, "rowHash" text, etag text, "suspendedOn" date, unrepresentable jsonb, "waitsFor" jsonb,
              error jsonb, fingerprint text, ticket text, held text, "heldChanges" jsonb, "observedAs" jsonb, attempts integer, verify boolean,
              "retryInMs" float8, "quarantineMs" float8, "dueDay" date, job uuid, permit text)
            cross join lateral (select r.status in ('applied', 'suspended', 'absent', 'skipped') as done,
                                       r.status = 'due' as open) as progress
            left join projection p on p.entity = r.entity
      where l.entity = r.entity and l.id = r.id and l.claimed_by = $1
     returning l.entity, l.id, r.row, r."isRowKept", r.job as by, r."isOverwritten", r.before, r."rowHash", r.status),
       written as (insert into acknowledged_row (entity, id, row) select entity, id, row from saved where row is not null
                   on conflict (entity, id) do update set row = excluded.row),
       overwritten as (insert into job_row (job, entity, id, before, after_hash)
                       select by, entity, id, before, "rowHash" from saved where "isOverwritten"
                       on conflict (job, entity, id) do update set after_hash = excluded.after_hash),
       -- Of whom nothing may be kept, nothing is kept for an undo either.
       purged as (delete from job_row o using saved s, state t
                   where s.status = 'absent' and t.entity = s.entity and t.id = s.id and t.state->>'status' = 'erased'
                     and o.entity = s.entity and o.id = s.id),
       gone as (delete from acknowledged_row a using saved s where not s."isRowKept" and s.row is null and a.entity = s.entity and a.id = s.id)
       select entity, id from saved`,
      results.length,
    ),
    [worker, JSON.stringify(sent)],
  )) as { entity: Entity; id: string }[];
  return new Set(saved.map(({ entity, id }) => `${entity}|${id}`));
}

/** Gives claims back: due at once, unless only a job that no longer runs wanted them. */
const giveBack = (manager: EntityManager, worker: string, returned: Outcome['returned']) =>
  manager.query(
    `update ledger l
        set claimed_by = null, claimed_until = null,
            job = case when back.runs then l.job end, permit = case when back.runs then l.permit end,
            ${ownReasons('not back.runs')}
       from (select l.entity, l.id, l.job is null or j.status = 'running' as runs
               from unnest($2::text[], $3::uuid[]) as r (entity, id) join ledger l using (entity, id) left join job j on j.id = l.job) as back
      where l.entity = back.entity and l.id = back.id and l.claimed_by = $1`,
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
