import { Inject, Injectable } from '@nestjs/common';
import type { Entity } from '@myelin/contracts';
import { DataSource } from 'typeorm';
import { budgetsOf, reserve, type Budget, type Demand } from './guards.sql.js';

/** A demand that its budget does not cover. */
export interface Excess extends Demand {
  /** How many are allowed. */
  readonly limit: number;
  /** Where the limit comes from: `budget`, or the name of a campaign. */
  readonly budget: string;
}

/** Without a budget of their own, suspensions and deletions may touch a twentieth of what the target holds. */
export const ORDINARY: Budget = { absolute: null, percent: 5, campaign: null };
/** So few are always allowed: a percentage of a small population would forbid everything. */
export const ALWAYS_ALLOWED = 10;
const WINDOW_MINUTES = 60;
const POPULATION_MS = 30_000;

/** Holds mass changes back before the first write: budgets per entity, action and cause, on a plan or within a sliding hour. */
@Injectable()
export class Guards {
  private readonly populations = new Map<Entity, { at: number; count: number }>();

  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /** What of a whole plan exceeds its budget; empty when all of it may be done. */
  async judge(demands: readonly Demand[]): Promise<Excess[]> {
    const excesses: Excess[] = [];
    for (const demand of demands) {
      const limit = await this.limit(demand);
      if (limit && demand.count > limit.count) {
        excesses.push({ ...demand, limit: limit.count, budget: limit.name });
      }
    }
    return excesses;
  }

  /** How many of a live demand may be done now; what is granted counts for the next hour. */
  async grant(demand: Demand): Promise<number> {
    const limit = await this.limit(demand);
    if (!limit) return demand.count;
    return reserve(this.dataSource, demand, limit.count, WINDOW_MINUTES);
  }

  /** The budget of a demand in entities; undefined when it has none. */
  private async limit({ entity, action, cause }: Demand): Promise<{ count: number; name: string } | undefined> {
    if (action === 'none') return undefined;
    const found = await budgetsOf(this.dataSource, entity, action, cause);
    const budget = found ?? (action === 'suspend' || action === 'delete' ? ORDINARY : undefined);
    if (!budget || (budget.absolute === null && budget.percent === null)) return undefined;
    const shares = [
      budget.absolute ?? Infinity,
      budget.percent === null ? Infinity : Math.floor(((await this.population(entity)) * budget.percent) / 100),
    ];
    // A budget that an operator has set is meant as it stands.
    const floor = found ? 0 : ALWAYS_ALLOWED;
    return { count: Math.max(floor, Math.min(...shares)), name: budget.campaign ?? 'budget' };
  }

  /** How many entities of this kind the target holds; counted at most twice a minute. */
  private async population(entity: Entity): Promise<number> {
    const known = this.populations.get(entity);
    if (known && Date.now() - known.at < POPULATION_MS) return known.count;
    const [row] = (await this.dataSource.query(
      `select count(*)::integer as count from ledger where entity = $1 and target_id is not null`,
      [entity],
    )) as { count: number }[];
    const count = row?.count ?? 0;
    this.populations.set(entity, { at: Date.now(), count });
    return count;
  }
}
