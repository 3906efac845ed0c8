import type { DeliveryCause, Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
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
  /** Name of the announced campaign that it belongs to. */
  readonly campaign: string | null;
}

/** The budget in force: that of a running campaign, else the one of the cause, else the one for all causes. */
export async function budgetsOf(
  dataSource: DataSource,
  entity: string,
  action: string,
  cause: string,
): Promise<Budget | undefined> {
  const [budget] = (await dataSource.query(
    `select absolute, percent, name as campaign, 0 as place, cause = '*' as wide from campaign
      where entity = $1 and action = $2 and cause in ($3, '*') and ended_by is null and now() between starts_at and ends_at
     union all
     select absolute, percent, null, 1, cause = '*' from budget where entity = $1 and action = $2 and cause in ($3, '*')
     order by place, wide limit 1`,
    [entity, action, cause],
  )) as Budget[];
  return budget;
}

/** Takes as many as the sliding window has left, and answers how many. */
export async function reserve(
  dataSource: DataSource,
  { entity, action, cause, count }: Demand,
  limit: number,
  minutes: number,
): Promise<number> {
  return dataSource.transaction(async (manager) => {
    await manager.query(`select pg_advisory_xact_lock(hashtext('myelin guards'))`);
    await manager.query(`delete from guard_use where minute < now() - make_interval(mins => $1)`, [minutes]);
    const [row] = (await manager.query(
      `with granted as (
         select least($4, greatest(0, $5 - coalesce(sum(count), 0)))::integer as granted from guard_use
          where entity = $1 and action = $2 and cause = $3)
       , kept as (
         insert into guard_use (entity, action, cause, minute, count)
         select $1, $2, $3, date_trunc('minute', now()), granted from granted where granted > 0
         on conflict (entity, action, cause, minute) do update set count = guard_use.count + excluded.count)
       select granted from granted`,
      [entity, action, cause, count, limit],
    )) as { granted: number }[];
    return row?.granted ?? 0;
  });
}
