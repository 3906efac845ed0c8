import type { Entity } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { BULK, FREE, ownReasons } from '../work/claim.sql.js';
import { lockLedger, relaxDurability } from '../work/lock.sql.js';
import { forgetMatches } from './adoption.sql.js';
import type { Job } from './job.js';

/**
 * Makes the next entities of a job due, as many as `limit` and `window` allow, and answers how many are on their way. Those that
 * another job has due are left until it has done them or let go of them.
 */
export async function feed(
  dataSource: DataSource,
  job: Job,
  entities: readonly Entity[],
  limits: { limit: number; window: number },
): Promise<{ fed: number; left: number }> {
  return dataSource.transaction(async (manager) => {
    const [count] = (await manager.query(`select count(*)::integer as due from ledger where job = $1`, [job.id])) as {
      due: number;
    }[];
    const room = Math.min(limits.limit, limits.window - (count?.due ?? 0));
    let fed = 0;
    // As many as the rate allows; else a good part of the window at once, since each time costs something.
    if (room > 0 && (room === limits.limit || room >= limits.window / 8)) {
      await relaxDurability(manager);
      await lockLedger(manager);
      const [row] = (await manager.query(
        // How many entities a new job has is not in the planner's statistics yet: each step names its index and needs no estimate.
        `with chunk as materialized (
           select i.job, i.entity, i.id, i.action, $6 + kind.place::integer - 1 as priority
             from unnest($2::text[]) with ordinality as kind (entity, place)
                  cross join lateral (
                    select * from job_item o where o.job = $1 and entity = kind.entity and not fed and outcome is null
                       and coalesce((select l.job from ledger l where l.entity = o.entity and l.id = o.id), $1) = $1
                     order by job, entity, id limit $3) as i
             -- It may have been stopped while the ledger was waited for.
             where exists (select from job where id = $1 and status = 'running')
            order by kind.place limit $3)
         , told as (
           update job_item i set fed = true from chunk where i.job = chunk.job and i.entity = chunk.entity and i.id = chunk.id)
         , marked as (
           update ledger l set mark = mark + 1,
                  -- The target has asked to wait with it.
                  due_at = case when l.status = 'due' and l.error is not null then greatest(l.due_at, now()) else now() end,
                  attempts = case when l.status = 'due' then l.attempts else 0 end,
                  -- What is due already, or after a while, stays due for that reason, should the job be withdrawn.
                  cause = case when l.cause <> 'verify' and (l.due_at <= now() or l.due_at is not null and l.status = 'due') then l.cause else $4 end,
                  verify = l.verify or $5, job = $1, permit = chunk.action,
                  -- A live change keeps its place.
                  priority = case when l.due_at <= now() then least(l.priority, chunk.priority) else chunk.priority end
             from chunk where l.entity = chunk.entity and l.id = chunk.id)
         select count(*)::integer as fed from chunk`,
        [job.id, entities, room, job.kind, job.mode !== 'trust', BULK],
      )) as { fed: number }[];
      fed = row?.fed ?? 0;
    }
    const [open] = (await manager.query(
      `select exists (select from job_tally where job = $1 and outcome = 'open' and count > 0) as open`,
      [job.id],
    )) as { open: boolean }[];
    return { fed, left: open?.open ? (count?.due ?? 0) + 1 : 0 };
  });
}

/** Takes back what a job has made due and nobody has begun, so that it is due for other reasons only. */
export async function withdraw(manager: EntityManager, job: string): Promise<void> {
  await lockLedger(manager);
  await manager.query(
    `update ledger l
        set job = null, permit = null, mark = mark + 1,
            ${ownReasons('l.claimed_by is null')}
      where l.job = $1 and ${FREE}`,
    [job],
  );
}

/** Lets a job begin again with what was taken back from it. */
export async function unfeed(manager: EntityManager, job: string): Promise<void> {
  await manager.query(
    `update job_item i set fed = false
      where job = $1 and fed and outcome is null
        and not exists (select from ledger l where l.job = i.job and l.entity = i.entity and l.id = i.id)`,
    [job],
  );
}

/** Takes back, outside the hours of a job, what nobody has begun: it is made due again within them. */
export async function takeBack(dataSource: DataSource, job: string): Promise<void> {
  if (!(await isBusy(dataSource.manager, job))) return;
  await dataSource.transaction(async (manager) => {
    await withdraw(manager, job);
    await unfeed(manager, job);
  });
}

/** Whether a job has made entities due that are not done. */
async function isBusy(manager: EntityManager, job: string): Promise<boolean> {
  const [row] = (await manager.query(`select exists (select from ledger where job = $1) as busy`, [job])) as {
    busy: boolean;
  }[];
  return row?.busy === true;
}

/** Ends a cancelled job once nothing of it is in anybody's hands; true when it has ended. */
export async function endCancelled(dataSource: DataSource, job: string): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    await withdraw(manager, job);
    if (await isBusy(manager, job)) return false;
    // However many are left: they are told apart by their job alone.
    await manager.query(
      `with left_over as (delete from job_tally where job = $1 and outcome = 'open' returning *)
       insert into job_tally select job, entity, action, 'cancelled', count from left_over`,
      [job],
    );
    await forgetMatches(manager, job);
    await manager.query(`update job set ended_at = now() where id = $1 and status = 'cancelled'`, [job]);
    return true;
  });
}
