import type { DeliveryCause, Entity } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import type { Action } from '../work/decision.js';

/** Changes that somebody asks to make. */
export interface Demand {
  readonly entity: Entity;
  readonly action: Action;
  readonly cause: DeliveryCause;
  readonly count: number;
}

/** How many changes of one kind may be made: at most `absolute`, and at most `percent` of what the target holds. */
export interface Budget {
  readonly absolute: number | null;
  readonly percent: number | null;
  /** The cause that it is for; `*` for all that have no budget of their own. */
  readonly cause: DeliveryCause | '*';
  /** Name of the announced campaign that it belongs to. */
  readonly campaign: string | null;
}

/** A demand with what its budget allows within the sliding window. */
export interface Limited extends Demand {
  readonly limit: number;
  /** Where the limit comes from: `budget`, or the name of a campaign. */
  readonly budget: string;
  /** The cause that the budget is for: all demands that `*` stands for take from one window. */
  readonly window: DeliveryCause | '*';
}

/** A demand and what it was given. */
export interface Judged extends Limited {
  /** How many had been taken from its window before. */
  readonly used: number;
  readonly granted: number;
}

/** The budget in force for one of these causes: that of a running campaign, else a standing one; one for the cause before one for all. */
export async function budgetOf(
  manager: DataSource | EntityManager,
  { entity, action }: Demand,
  causes: readonly string[],
): Promise<Budget | undefined> {
  const [budget] = (await manager.query(
    `select absolute, percent, cause, name as campaign, 0 as place, cause = '*' as wide from campaign
      where entity = $1 and action = $2 and cause = any($3) and ended_by is null and now() between starts_at and ends_at
     union all
     select absolute, percent, cause, null, 1, cause = '*' from budget where entity = $1 and action = $2 and cause = any($3)
     order by place, wide limit 1`,
    [entity, action, causes],
  )) as Budget[];
  return budget;
}

/**
 * Takes what these demands ask for from their windows, no two of them from one: as many as are left, or, `whole`, either all
 * that every one of them asks for or nothing. Who asks meanwhile waits for the end of the transaction.
 */
export async function reserve(
  manager: EntityManager,
  demands: readonly Limited[],
  { whole, minutes }: { whole: boolean; minutes: number },
): Promise<Judged[]> {
  if (demands.length === 0) return [];
  await manager.query(`select pg_advisory_xact_lock(hashtext('myelin guards'))`);
  await manager.query(`delete from guard_use where minute < now() - make_interval(mins => $1)`, [minutes]);
  return (await manager.query(
    `with demand as (
       select * from jsonb_to_recordset($1::jsonb)
         as demand (entity text, action text, cause text, count integer, "limit" integer, budget text, "window" text))
     , judged as (
       select demand.*, used, least(count, greatest(0, "limit" - used)) as free
         from demand cross join lateral (
           select coalesce(sum(u.count), 0)::integer as used from guard_use u
            where u.entity = demand.entity and u.action = demand.action and u.cause = demand."window") as taken)
     , granted as (
       select *, case when $2 and exists (select from judged where free < count) then 0 else free end as granted from judged)
     , kept as (
       insert into guard_use as u (entity, action, cause, minute, count)
       select entity, action, "window", date_trunc('minute', now()), granted from granted where granted > 0
       on conflict (entity, action, cause, minute) do update set count = u.count + excluded.count)
     select * from granted`,
    [JSON.stringify(demands), whole],
  )) as Judged[];
}
