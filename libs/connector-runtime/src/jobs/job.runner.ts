import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Entity } from '@myelin/contracts';
import { briefly, LOGGER, type Logger } from '@myelin/platform';
import { DataSource, type EntityManager } from 'typeorm';
import { isWithinHours } from '../operators/control.js';
import { ACTIONS, type Action } from '../work/decision.js';
import { Guards } from '../guards/guards.js';
import type { Demand, Judged } from '../guards/guards.sql.js';
import { adoptNext, countAdopted, forgetMatches } from './adoption.sql.js';
import { openConflicts } from './conflicts.sql.js';
import type { Apart, Job, Scope } from './job.js';
import {
  createJob,
  drift,
  JobConflict,
  leaseJobs,
  moveJob,
  planned,
  savePlanned,
  summarise,
  workToDo,
} from './job.sql.js';
import { endCancelled, feed, takeBack } from './feed.sql.js';
import { Gate } from '../work/gate.js';
import { lockLedger } from '../work/lock.sql.js';
import { REST_BESIDE, rest, Traffic } from '../work/lanes.js';
import { Mapper } from '../work/mapper.js';
import { consequenceOf } from '../work/outcome.js';
import { releaseObserved, spreadRipple } from '../work/wake.sql.js';
import { beginProjection, endProjections, readProjection } from './projection.sql.js';
import { canList } from './listing.js';
import { Rates, windowOf } from './rate.js';
import { Scans } from './scans.js';
import { countOverwritten, forgetOverwritten } from './undo.sql.js';
import { countApart, countScope, structuresBelow } from './scan.sql.js';
import { enlistOrphans, countFindings, countUnheard, forgetSeen } from './sweep.sql.js';
import { Wakeup } from '../work/wakeup.js';

/** Days for which it is kept what jobs have overwritten. */
export const UNDO_DAYS = Symbol('days for undo');

const FORGET_MS = 3_600_000;
const IDLE_MS = 1000;
const BUSY_MS = 200;
const LEASE_MS = 10_000;
/** One job is planned for so long before the others have their turn. */
const TURN_MS = 1000;
/** Entities that a job has due at most: enough to keep the workers busy, few enough to be taken back at once. */
const WINDOW = 1000;
const RIPPLE = 1000;
const ADOPTED_AT_ONCE = 500;
/** A mapping version is rolled out by itself, whoever starts the first process that has it. */
const AUTHOR = 'myelin';

/** Plans jobs, makes their entities due little by little, and ends them; also spreads what a moved structure means for others. */
@Injectable()
export class JobRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly name = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  private readonly rates = new Rates();
  private forgottenAt = 0;
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Mapper) private readonly mapper: Mapper,
    @Inject(Scans) private readonly scans: Scans,
    @Inject(Traffic) private readonly traffic: Traffic,
    @Inject(Gate) private readonly gate: Gate,
    @Inject(Guards) private readonly guards: Guards,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(UNDO_DAYS) private readonly undoDays: number,
  ) {}

  /** Entities of this connector in the order in which they should arrive in the target. */
  get entities(): readonly Entity[] {
    return [...this.mapper.syncs.keys()];
  }

  /** Those of them of which the target can tell all that it has. */
  get listed(): readonly Entity[] {
    return this.entities.filter((entity) => canList(this.mapper.syncs.get(entity)));
  }

  private get versions(): Record<string, string> {
    return Object.fromEntries(this.entities.map((entity) => [entity, this.mapper.versionOf(entity)]));
  }

  onApplicationBootstrap(): void {
    this.running = this.loop();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    this.wakeup.jobs.wake();
    await this.running;
    this.scans.keepOnly([]);
  }

  private async loop(): Promise<void> {
    const uncompared = new Set(this.entities);
    while (!this.stopping) {
      const { seen } = this.wakeup.jobs;
      let pause = IDLE_MS;
      try {
        for (const entity of uncompared) if (await this.compareProjection(entity)) uncompared.delete(entity);
        await this.forget();
        const { ripples, observed, jobs } = await workToDo(this.dataSource, this.entities);
        while (ripples && !this.stopping && (await spreadRipple(this.dataSource, RIPPLE))) this.wakeup.workers();
        while (observed && !this.stopping && (await releaseObserved(this.dataSource, this.entities, RIPPLE)))
          this.wakeup.workers();
        const leased = jobs ? await leaseJobs(this.dataSource, this.name, LEASE_MS, this.versions) : [];
        // A job that somebody has paused or another instance has taken over is not planned here any more.
        this.scans.keepOnly(leased.map(({ id }) => id));
        for (const job of leased) {
          if (this.stopping) break;
          pause = Math.min(pause, await this.step(job));
        }
      } catch (error) {
        this.logger.warn({ err: briefly(error) }, 'jobs cannot be worked on');
      }
      await this.wakeup.jobs.wait(pause, seen);
    }
  }

  /** Now and then, what jobs have overwritten is forgotten. */
  private async forget(): Promise<void> {
    if (Date.now() < this.forgottenAt + FORGET_MS) return;
    while (!this.stopping && !(await forgetOverwritten(this.dataSource, this.undoDays)));
    this.forgottenAt = Date.now();
  }

  /** Moves one job on, and answers the milliseconds after which there is more to do. */
  private async step(job: Job): Promise<number> {
    try {
      if (job.status === 'planning') {
        if (job.mode !== 'trust' && !this.gate.isOpen) return IDLE_MS;
        return (await this.plan(job)) ? 0 : IDLE_MS;
      }
      if (job.status === 'running') return (await this.run(job)) ? BUSY_MS : IDLE_MS;
      return (await endCancelled(this.dataSource, job.id)) ? IDLE_MS : BUSY_MS;
    } catch (error) {
      this.scans.forget(job.id);
      const consequence = consequenceOf(error, 0);
      // A target that does not answer, or is not as it must be, is probed and waited for, as everywhere.
      if (consequence.then === 'pause') this.gate.close(error as Error, consequence.fatal, consequence.askedMs);
      else this.logger.warn({ job: job.id, err: briefly(error) }, 'a job cannot be worked on');
      return IDLE_MS;
    }
  }

  private async plan(job: Job): Promise<boolean> {
    const entities = this.entities.filter((entity) => job.scope.entities?.includes(entity) ?? true);
    const total = job.total ?? (await this.count(job, entities));
    const found = await this.scan({ ...job, total }, entities);
    if (found === 'some') return true;
    this.scans.forget(job.id);
    if (found === 'stopped') return false;
    await this.planIsReady(job, entities);
    return true;
  }

  /** Looks at a scope for one turn, from where the last one ended; `stopped` when somebody has stopped the job. */
  private async scan(job: Job, entities: readonly Entity[]): Promise<'all' | 'some' | 'stopped'> {
    const until = Date.now() + TURN_MS;
    let { cursorEntity, cursorId } = job;
    // What one step has found is saved while the next one is taken.
    let saved = Promise.resolve(true);
    try {
      for (const entity of entities.slice(Math.max(0, entities.indexOf(cursorEntity ?? entities[0]!)))) {
        let after = cursorEntity === entity ? cursorId : null;
        do {
          const began = performance.now();
          const { last, scanned, items, strangers = [] } = await this.scans.step(job, entity, after);
          if (!(await saved)) return 'stopped';
          [cursorEntity, cursorId] = [entity, last ?? LAST_ID];
          saved = savePlanned(this.dataSource, job.id, { cursorEntity, cursorId, scanned, items, strangers });
          // Its failure is met where it is awaited.
          saved.catch(() => undefined);
          after = last;
          const isOver = this.stopping || Date.now() > until;
          if (isOver && after !== null) return (await saved) ? 'some' : 'stopped';
          if (this.traffic.isLive) await rest(began, REST_BESIDE);
        } while (after !== null);
      }
      return (await saved) ? 'all' : 'stopped';
    } finally {
      await saved.catch(() => undefined);
    }
  }

  private async count(job: Job, entities: readonly Entity[]): Promise<number> {
    const total =
      job.undoes === null
        ? await this.countScope(job.scope, entities)
        : await countOverwritten(this.dataSource, job.undoes, entities);
    await this.dataSource.query(`update job set total = $2 where id = $1`, [job.id, total]);
    return total;
  }

  private async countScope(scope: Scope, entities: readonly Entity[]): Promise<number> {
    const structures = await this.structuresOf(scope);
    let total = 0;
    for (const entity of entities) total += await countScope(this.dataSource, { entity, scope, structures });
    return total;
  }

  /** How many entities of the scope the plan leaves alone. */
  private async apart({ id, scope, undoes, mode }: Job, entities: readonly Entity[]): Promise<Apart> {
    const sum = { waiting: 0, skipped: 0, dismissed: 0 };
    if (undoes !== null || mode === 'adopt') return sum;
    const structures = await this.structuresOf(scope);
    for (const entity of entities) {
      const counts = await countApart(this.dataSource, { entity, scope, structures }, id);
      for (const { status, count } of counts) sum[status] += count;
    }
    return sum;
  }

  private async structuresOf({ structure }: Scope): Promise<string[] | undefined> {
    return structure === undefined ? undefined : structuresBelow(this.dataSource, structure);
  }

  /** What follows from a plan: it waits for approval, is refused, or is carried out. */
  private async planIsReady(job: Job, entities: readonly Entity[]): Promise<void> {
    const plan = {
      ...(await summarise(this.dataSource, job.id)),
      apart: await this.apart(job, entities),
      findings: job.mode === 'trust' ? [] : await countFindings(this.dataSource, job.id),
    };
    if (job.mode === 'reconcile') {
      await forgetSeen(this.dataSource, job.id);
      await this.count(job, entities);
      await countUnheard(this.dataSource, job.id);
    }
    if (job.mode === 'adopt') await countAdopted(this.dataSource, job.id, entities);
    const move = (status: string, failure?: string, manager: DataSource | EntityManager = this.dataSource) =>
      moveJob(manager, job.id, ['planning'], { status, plan, ...(failure && { failure }) });
    if (job.plan !== null) {
      const { entities, percent } = await drift(this.dataSource, job.id, job.plan);
      if (percent > job.driftPercent) {
        const text = `the plan has drifted: ${entities} entities (${percent.toFixed(1)} %) are no longer as approved, ${job.driftPercent} % may be`;
        this.logger.error({ job: job.id, entities, percent }, 'a plan has drifted too far');
        await forgetMatches(this.dataSource.manager, job.id);
        await move('failed', text);
        return;
      }
    }
    if (!job.automatic) {
      await forgetMatches(this.dataSource.manager, job.id);
      await move('planned');
      return;
    }
    const demands = job.override ? [] : await this.demands(job);
    await this.dataSource.transaction(async (manager) => {
      // Nobody stops the job from here on: what is taken from its budgets is taken for a job that runs.
      if (!(await move('planning', undefined, manager))) return;
      const excesses = await this.guards.judge(manager, demands);
      if (excesses.length === 0) {
        if (job.mode === 'reconcile') await enlistOrphans(manager, job.id);
        if (job.mode === 'adopt') await this.openConflicts(manager, job, entities);
        await move('running', undefined, manager);
      } else {
        this.logger.error({ job: job.id, excesses }, 'a guard refuses the plan');
        await move('refused', excesses.map(describe).join('; '), manager);
      }
    });
  }

  private async openConflicts(manager: EntityManager, { id }: Job, entities: readonly Entity[]): Promise<void> {
    await lockLedger(manager);
    await openConflicts(manager, id, entities);
  }

  /** What a plan asks of the guards. */
  private async demands({ id, kind: cause }: Job): Promise<Demand[]> {
    const counts = await planned(this.dataSource, id);
    return counts
      .filter(({ action }) => (ACTIONS as readonly string[]).includes(action))
      .map(({ entity, action, count }) => ({ entity, action: action as Action, cause, count }));
  }

  private async run(job: Job): Promise<boolean> {
    if (job.hours && !isWithinHours(job.hours, new Date())) {
      await takeBack(this.dataSource, job.id);
      return false;
    }
    if (job.mode === 'adopt' ? await this.adopt(job) : await this.carryOut(job)) return true;
    if (job.kind === 'remap') await endProjections(this.dataSource, job.scope.entities ?? this.entities);
    if (await moveJob(this.dataSource, job.id, ['running'], { status: 'done' })) {
      this.logger.info({ job: job.id, kind: job.kind, mode: job.mode }, 'job done');
    }
    this.rates.forget(job.id);
    return false;
  }

  /** Makes the next entities of a job due; false when all are done. */
  private async carryOut(job: Job): Promise<boolean> {
    const { fed, left } = await this.feed(job);
    if (fed > 0) this.wakeup.workers();
    return left > 0;
  }

  /** Takes the next entries of the target into the ledger; false when all are there. */
  private async adopt({ id }: Job): Promise<boolean> {
    const { adopted, isMore } = await adoptNext(this.dataSource, id, this.entities, ADOPTED_AT_ONCE);
    if (adopted > 0) this.wakeup.workers();
    return isMore;
  }

  private async feed(job: Job): Promise<{ fed: number; left: number }> {
    const { id, rate } = job;
    if (rate === null) return feed(this.dataSource, job, this.entities, { limit: WINDOW, window: WINDOW });
    const now = Date.now();
    const limits = { limit: this.rates.allowance(id, rate, now), window: windowOf(rate, WINDOW) };
    const result = await feed(this.dataSource, job, this.entities, limits);
    this.rates.use(id, rate, now, result.fed);
    return result;
  }

  /**
   * Starts mapping an entity again where its mapping is another than the one under which it was mapped last; false while
   * another job is in the way.
   */
  private async compareProjection(entity: Entity): Promise<boolean> {
    const version = this.mapper.versionOf(entity);
    const known = await readProjection(this.dataSource, entity, version);
    if (known.version === version && (known.next ?? version) === version) return true;
    await beginProjection(this.dataSource, entity, version);
    const reason = `the mapping is ${version} and was ${known.version ?? 'unknown'}`;
    const request = { kind: 'remap', mode: 'trust', scope: { entities: [entity] }, automatic: true } as const;
    try {
      await createJob(this.dataSource, { ...request, author: AUTHOR, reason }, this.entities);
    } catch (error) {
      if (error instanceof JobConflict) return false;
      throw error;
    }
    this.logger.info({ entity, version, before: known.version }, 'everything is mapped again');
    return true;
  }
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

const describe = ({ entity, action, count, limit, used, budget }: Judged) =>
  `${count} ${entity} records would be ${PAST[action]}, ${budget} allows ${limit}` +
  (used > 0 ? `, of which ${used} were used within the hour` : '');

const PAST: Record<Action, string> = {
  create: 'created',
  change: 'changed',
  suspend: 'suspended',
  delete: 'deleted',
  none: 'left',
};
