import { Inject, Injectable } from '@nestjs/common';
import type { Entity } from '@myelin/contracts';
import { DataSource, type EntityManager } from 'typeorm';
import { budgetOf, reserve, type Budget, type Demand, type Judged, type Limited } from './guards.sql.js';

/** Without a budget of their own, suspensions and deletions may touch a twentieth of what the target holds. */
export const ORDINARY: Budget = { absolute: null, percent: 5, cause: '*', campaign: null };
/** So few are always allowed: a percentage of a small population would forbid everything. */
export const ALWAYS_ALLOWED = 10;
const WINDOW_MINUTES = 60;
const POPULATION_MS = 30_000;

/** Holds mass changes back before the first write: budgets per entity, action and cause within a sliding hour. */
@Injectable()
export class Guards {
  private readonly populations = new Map<Entity, { at: number; count: number }>();

  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /**
   * What of a whole plan exceeds its budget, one demand per entity and action; empty when all of it may be done, which then
   * counts for the next hour if the transaction does not fail.
   */
  async judge(manager: EntityManager, demands: readonly Demand[]): Promise<Judged[]> {
    const all: Limited[] = [];
    for (const demand of demands) {
      const limited = await this.limited(manager, demand);
      if (limited) all.push(limited);
    }
    const judged = await reserve(manager, all, { whole: true, minutes: WINDOW_MINUTES });
    return judged.filter(({ count, limit, used }) => used + count > limit);
  }

  /** How many of a live demand may be done now; what is granted counts for the next hour. */
  async grant(demand: Demand): Promise<number> {
    const limited = await this.limited(this.dataSource, demand);
    if (!limited) return demand.count;
    const [judged] = await this.dataSource.transaction((manager) =>
      reserve(manager, [limited], { whole: false, minutes: WINDOW_MINUTES }),
    );
    return judged!.granted;
  }

  /** The demand with its limit; undefined when it has none. */
  private async limited(manager: DataSource | EntityManager, demand: Demand): Promise<Limited | undefined> {
    const { entity, action, cause } = demand;
    if (action === 'none') return undefined;
    // What closes because a day begins was in the records long before: only a budget for that very cause holds it back.
    const isAnnounced = action === 'suspend' && cause === 'date';
    const found = await budgetOf(manager, demand, isAnnounced ? [cause] : [cause, '*']);
    const isOrdinary = !isAnnounced && (action === 'suspend' || action === 'delete');
    const budget = found ?? (isOrdinary ? ORDINARY : undefined);
    if (!budget || (budget.absolute === null && budget.percent === null)) return undefined;
    const shares = [
      budget.absolute ?? Infinity,
      budget.percent === null
        ? Infinity
        : Math.floor(((await this.population(manager, entity)) * budget.percent) / 100),
    ];
    // A budget that an operator has set is meant as it stands.
    const floor = found ? 0 : ALWAYS_ALLOWED;
    const limit = Math.max(floor, Math.min(...shares));
    return { ...demand, limit, budget: budget.campaign ?? 'budget', window: budget.cause };
  }

  /** How many entities of this kind the target holds; counted at most twice a minute. */
  private async population(manager: DataSource | EntityManager, entity: Entity): Promise<number> {
    const known = this.populations.get(entity);
    if (known && Date.now() - known.at < POPULATION_MS) return known.count;
    const [row] = (await manager.query(
      `select count(*)::integer as count from ledger where entity = $1 and target_id is not null`,
      [entity],
    )) as { count: number }[];
    const count = row?.count ?? 0;
    this.populations.set(entity, { at: Date.now(), count });
    return count;
  }
}
