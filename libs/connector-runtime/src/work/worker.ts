import { Rejected, type Session } from '@myelin/connector';
import { Counter, type Logger } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import { claim, type Claim } from './claim.sql.js';
import type { Control } from '../operators/control.js';
import { dayWhenUndone, decide, standingOf } from './decision.js';
import { Deliverer, lineOf, type Task } from './delivery.js';
import type { Gate } from './gate.js';
import { HookFailed } from '../custom/hook.errors.js';
import type { Guards } from '../guards/guards.js';
import { inParallel, rest, type Lane, type Traffic } from './lanes.js';
import type { Mapper, Mapping } from './mapper.js';
import { readMany } from './read.js';
import { record } from './record.sql.js';
import { usesOf } from './result.js';
import { reportOf, type Delivery } from '../reports/report.js';
import type { Wakeup } from './wakeup.js';
import { inConflict } from '../jobs/conflicts.sql.js';
import { wantedBack } from '../jobs/undo.sql.js';
import { isWritten } from '../operators/populations.js';

/** No delivery begins later than this after the claim. */
const LAST_START_MS = 5_000;
/** What clocks, collections of garbage and the scheduler of the machine may take between a decision and its call. */
const MARGIN_MS = 5_000;
const DOUBT = 'the target has an entry that may be this record: decide on the conflict';
/** Who makes an entity due rings; what only becomes due with time, or at another instance, is found by looking. */
const SHORTEST_POLL_MS = 200;
const LONGEST_POLL_MS = 1000;

const deliveries = new Counter({
  name: 'myelin_deliveries_total',
  help: 'Entities brought to the target, by outcome',
  labelNames: ['entity', 'outcome'],
});

export interface WorkerOptions {
  /** Unique among all workers of all instances. */
  readonly name: string;
  readonly connector: string;
  /** What it takes: from a later lane when the earlier ones have nothing. */
  readonly lanes: readonly Lane[];
  readonly traffic: Traffic;
  readonly session: Session;
  readonly dataSource: DataSource;
  readonly mapper: Mapper;
  readonly gate: Gate;
  readonly control: Control;
  readonly guards: Guards;
  readonly wakeup: Wakeup;
  readonly logger: Logger;
}

/**
 * Takes due entities in batches; maps them, reads those whose standing in the target is not certain, compares, asks the
 * guards, writes the difference, and records all results in one transaction.
 */
export class Worker {
  private running: Promise<void> | undefined;
  private stopping = false;
  /** Entities that are taken at once at most. */
  private most = Infinity;

  private readonly deliverer: Deliverer;

  constructor(private readonly options: WorkerOptions) {
    this.deliverer = new Deliverer(options);
  }

  start(): void {
    this.running = this.loop();
  }

  /** Finishes the batch in hand and ends. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.options.wakeup.workers();
    await this.running;
  }

  private async loop(): Promise<void> {
    const { wakeup, lanes, logger, name } = this.options;
    const bell = lanes.some(({ isBulk }) => !isBulk) ? wakeup.live : wakeup.bulk;
    let pause = SHORTEST_POLL_MS;
    while (!this.stopping) {
      const seen = bell.seen;
      try {
        if (await this.turn()) {
          pause = SHORTEST_POLL_MS;
          continue;
        }
      } catch (error) {
        logger.warn(
          { worker: name, err: { type: (error as Error).name, message: (error as Error).message } },
          'the ledger cannot be worked on',
        );
      }
      await bell.wait(pause, seen);
      pause = Math.min(pause * 2, LONGEST_POLL_MS);
    }
  }

  /** Takes and works one batch; false when there is nothing to do. */
  private async turn(): Promise<boolean> {
    const { lanes, traffic } = this.options;
    for (const lane of lanes) {
      // Who may take live changes stays with them for as long as they come.
      if (lane.isBulk && lanes.length > 1 && traffic.isLive) return false;
      if (await this.take(lane)) return true;
    }
    return false;
  }

  private async take({ priorities, isBulk, alone, beside }: Lane): Promise<boolean> {
    const { gate, control, dataSource, name, session, traffic } = this.options;
    const width = traffic.isLive ? beside : alone;
    const limit = await gate.passage(Math.min(width.batch, this.most));
    const state = await control.state();
    if (this.stopping || control.blocked(state)) return false;
    // Who takes over after the lease must find that nothing which was begun under it can still take effect.
    const lastStart = performance.now() + LAST_START_MS;
    const lease = LAST_START_MS + session.callDeadlineMs + MARGIN_MS;
    const claims = await claim(dataSource, name, priorities, limit, lease);
    if (claims.length === 0) return false;
    if (!isBulk) traffic.passes();
    const began = performance.now();
    for (const [written, some] of Map.groupBy(claims, (one) => isWritten(state, one)))
      await this.work(some, width.parallel, lastStart, !written);
    if (!this.stopping) await rest(began, width.rest);
    return true;
  }

  private async work(claims: readonly Claim[], parallel: number, lastStart: number, observe: boolean): Promise<void> {
    const { dataSource, name, wakeup, mapper, gate } = this.options;
    const mappings = await this.putBack(claims, await mapper.map(claims, observe ? 'suppose' : 'allocate'));
    const deliveries: Delivery[] = [];
    const returned = claims.filter((_, index) => isUnasked(mappings[index]!));
    const hadNoTime = returned.length > 0;
    const tasks = await this.compare(claims, mappings, observe, deliveries);
    const held = observe ? new Set<Task>() : await this.heldByGuards(tasks);
    await inParallel(tasks, parallel, async (task) => {
      const begins = performance.now();
      const result =
        observe && task.decision.action !== 'none'
          ? this.deliverer.noted(task, 'observed')
          : held.has(task)
            ? this.deliverer.noted(task, 'held')
            : task.decision.action !== 'none' && !this.mayWrite(task.one, lastStart)
              ? undefined
              : await this.deliverer.carryOut(task);
      if (result) deliveries.push({ ...result, ms: performance.now() - begins });
      else returned.push(task.one);
    });
    const passed = deliveries.filter(({ outcome }) => outcome !== 'retry' && outcome !== 'paused');
    if (gate.isOpen && passed.length > 0) gate.passed(passed.some(({ touched }) => touched));
    const woken = await record(dataSource, name, {
      results: deliveries.map(({ result }) => result),
      returned,
      ...usesOf(claims, mappings),
      reports: deliveries.map((one) => reportOf(this.options.connector, one)),
    });
    this.count(deliveries);
    // What could not begin in time was too much at once.
    const isLate = hadNoTime || (returned.length > 0 && performance.now() >= lastStart);
    this.most = isLate ? Math.ceil(claims.length / 2) : this.most * 2;
    if (woken + returned.length > 0) wakeup.workers();
    if (deliveries.length > 0) wakeup.reports.wake();
  }

  /** The mappings of claims, but of those that a job undoes: these must have what stood there before. */
  private async putBack(claims: readonly Claim[], mappings: readonly Mapping[]): Promise<readonly Mapping[]> {
    const wanted = await wantedBack(this.options.dataSource, claims);
    if (wanted.size === 0) return mappings;
    return claims.map(({ entity, id }, index) => {
      const row = wanted.get(`${entity}|${id}`);
      const { name, uses, faults, ...mapping } = mappings[index]!;
      if (row === undefined) return mappings[index]!;
      const known = { name, uses, faults, waitsFor: null };
      return row === null
        ? { ...known, is: 'absent', atOnce: true }
        : { ...known, is: 'row', row, validUntil: mapping.is === 'row' ? mapping.validUntil : undefined };
    });
  }

  /** Whether a delivery may still begin: in time, the target answering, nobody having switched it off. */
  private mayWrite(one: Claim, lastStart: number): boolean {
    const { gate, control } = this.options;
    const state = control.latest;
    return (
      performance.now() < lastStart &&
      gate.isOpen &&
      state !== undefined &&
      isWritten(state, one) &&
      control.blocked(state) === undefined &&
      !(one.job !== null && state.stoppedJobs.includes(one.job))
    );
  }

  /** What there is to do for each claim; those for which nothing can be done go straight to the deliveries. */
  private async compare(
    claims: readonly Claim[],
    mappings: readonly Mapping[],
    observe: boolean,
    deliveries: Delivery[],
  ): Promise<Task[]> {
    const { mapper } = this.options;
    const uncertain = claims.filter((one, index) => {
      const mapping = mappings[index]!;
      if (mapping.is !== 'row' && mapping.is !== 'absent') return false;
      if (one.verify || observe) return true;
      const sync = mapper.syncs.get(one.entity);
      if (!sync?.readBeforeWrite) return false;
      try {
        return decide(mapping, one, sync, mapper.today()).action !== 'none';
      } catch {
        // Met again below.
        return false;
      }
    });
    const found = await readMany(mapper.syncs, uncertain);
    const tasks: Task[] = [];
    for (const [index, one] of claims.entries()) {
      const mapping = mappings[index]!;
      const sync = mapper.syncs.get(one.entity);
      const read = found.get(one);
      if (isUnasked(mapping)) continue;
      const failure = mapping.is === 'failed' ? mapping.error : read instanceof Error ? read : undefined;
      if (!sync || mapping.is === 'skipped') {
        deliveries.push(this.deliverer.settled(one, mapping, { status: 'skipped' }, 'skipped'));
      } else if (failure !== undefined) {
        const day = mapping.is === 'row' ? mapping.validUntil : undefined;
        deliveries.push(await this.deliverer.afterError(one, failure, 0, day ?? null));
      } else if (mapping.is === 'waiting') {
        deliveries.push(
          this.deliverer.settled(one, mapping, { status: 'waiting', dueDay: mapping.validUntil ?? null }, 'waiting'),
        );
      } else if (mapping.is !== 'failed') {
        const standing = read === undefined ? one : standingOf(read as Exclude<typeof read, Error>, one.suspendedOn);
        try {
          const decision = decide(mapping, standing, sync, mapper.today());
          tasks.push({ one, sync, mapping, standing, decision });
        } catch (error) {
          deliveries.push(await this.deliverer.afterError(one, error, 0, null));
        }
      }
    }
    return this.withoutDoubtful(tasks, deliveries);
  }

  /** The tasks but those that would create what the target may have already: a person decides. */
  private async withoutDoubtful(tasks: readonly Task[], deliveries: Delivery[]): Promise<Task[]> {
    const creations = tasks.filter(({ decision }) => decision.action === 'create').map(({ one }) => one);
    const doubtful = await inConflict(this.options.dataSource, creations);
    const sure: Task[] = [];
    for (const task of tasks) {
      const { one, decision } = task;
      if (decision.action !== 'create' || !doubtful.has(`${one.entity}|${one.id}`)) sure.push(task);
      else deliveries.push(await this.deliverer.afterError(one, new Rejected(DOUBT), 0, dayWhenUndone(decision)));
    }
    return sure;
  }

  /** The tasks that go beyond a budget. */
  private async heldByGuards(tasks: readonly Task[]): Promise<Set<Task>> {
    const held = new Set<Task>();
    const asked = tasks.filter(({ one, decision }) => decision.action !== 'none' && one.permit !== decision.action);
    const groups = Map.groupBy(asked, ({ one, decision }) => `${one.entity}|${decision.action}|${one.cause}`);
    for (const group of groups.values()) {
      const [{ one, decision }] = group as [Task];
      const demand = { entity: one.entity, action: decision.action, cause: one.cause, count: group.length };
      const granted = await this.options.guards.grant(demand);
      for (const task of group.slice(granted)) held.add(task);
    }
    return held;
  }

  private count(done: readonly Delivery[]): void {
    for (const { one, outcome, changed } of done) {
      deliveries.inc({ entity: one.entity, outcome });
      this.options.logger.debug({ ...lineOf(one), outcome, changed }, 'delivered');
    }
  }
}

/** Whether there was no time in the batch to ask what enriches the record. */
const isUnasked = (mapping: Mapping) =>
  mapping.is === 'failed' && mapping.error instanceof HookFailed && mapping.error.then === 'return';
