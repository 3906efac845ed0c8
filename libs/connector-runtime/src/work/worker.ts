import { setTimeout as sleep } from 'node:timers/promises';
import { rowHash, TargetError, type Session, type Sync } from '@myelin/connector';
import { Counter, Histogram, type Logger } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import { claim, type Claim } from './claim.sql.js';
import type { Control } from '../operators/control.js';
import { decide, standingOf, type Action, type Decision, type Standing } from './decision.js';
import type { Gate } from './gate.js';
import type { Guards } from '../guards/guards.js';
import { inParallel, type Lane, type Traffic } from './lanes.js';
import type { Mapper, Mapping } from './mapper.js';
import { surrenderName } from './names.sql.js';
import { consequenceOf, fingerprintOf, newTicket } from './outcome.js';
import { readMany } from './read.js';
import { record, type Result } from './record.sql.js';
import { resultOf, usesOf } from './result.js';
import { reportOf, type Delivery } from '../reports/report.js';
import type { Wakeup } from './wakeup.js';

/** No delivery begins later than this after the claim. */
const LAST_START_MS = 5_000;
/** What clocks, collections of garbage and the scheduler of the machine may take between a decision and its call. */
const MARGIN_MS = 5_000;
/** Who makes an entity due rings; what only becomes due with time, or at another instance, is found by looking. */
const SHORTEST_POLL_MS = 200;
const LONGEST_POLL_MS = 1000;
const LONGEST_REST_MS = 1000;

const deliveries = new Counter({
  name: 'myelin_deliveries_total',
  help: 'Entities brought to the target, by outcome',
  labelNames: ['entity', 'outcome'],
});
const calls = new Histogram({
  name: 'myelin_target_call_seconds',
  help: 'Duration of writes to the target',
  labelNames: ['entity'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
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

/** A claim with what there is to do for it. */
interface Task {
  readonly one: Claim;
  readonly sync: Sync;
  readonly mapping: Extract<Mapping, { is: 'row' | 'absent' }>;
  readonly standing: Standing;
  readonly decision: Decision;
}

/**
 * Takes due entities in batches; maps them, reads those whose standing in the target is not certain, compares, asks the
 * guards, writes the difference, and records all results in one transaction.
 */
export class Worker {
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(private readonly options: WorkerOptions) {}

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
    const { batch, parallel, rest } = traffic.isLive ? beside : alone;
    const limit = await gate.passage(batch);
    const state = await control.state();
    if (this.stopping || control.blocked(state)) return false;
    // Who takes over after the lease must find that nothing which was begun under it can still take effect.
    const lastStart = performance.now() + LAST_START_MS;
    const lease = LAST_START_MS + session.callDeadlineMs + MARGIN_MS;
    const claims = await claim(dataSource, name, priorities, limit, lease);
    if (claims.length === 0) return false;
    if (!isBulk) traffic.passes();
    const began = performance.now();
    await this.work(claims, parallel, lastStart, state.observe);
    if (rest > 0 && !this.stopping) await sleep(Math.min((performance.now() - began) * rest, LONGEST_REST_MS));
    return true;
  }

  private async work(claims: readonly Claim[], parallel: number, lastStart: number, observe: boolean): Promise<void> {
    const { dataSource, name, wakeup, mapper, gate } = this.options;
    const mappings = await mapper.map(claims, 'allocate');
    const deliveries: Delivery[] = [];
    const tasks = await this.compare(claims, mappings, observe, deliveries);
    const held = observe ? new Set<Task>() : await this.heldByGuards(tasks);
    const returned: Claim[] = [];
    await inParallel(tasks, parallel, async (task) => {
      const begins = performance.now();
      const result =
        observe && task.decision.action !== 'none'
          ? this.noted(task, 'observed')
          : held.has(task)
            ? this.noted(task, 'held')
            : task.decision.action !== 'none' && !this.mayWrite(task.one, lastStart)
              ? undefined
              : await this.carryOut(task);
      if (result) deliveries.push({ ...result, ms: performance.now() - begins });
      else returned.push(task.one);
    });
    const isRefused = ({ outcome }: Delivery) => outcome === 'retry' || outcome === 'paused';
    if (gate.isOpen && deliveries.some((one) => one.touched || !isRefused(one))) gate.succeeded();
    const woken = await record(dataSource, name, {
      results: deliveries.map(({ result }) => result),
      returned,
      ...usesOf(claims, mappings),
      reports: deliveries.map((one) => reportOf(this.options.connector, one)),
    });
    this.count(deliveries);
    if (woken + returned.length > 0) wakeup.workers();
    if (deliveries.length > 0) wakeup.reports.wake();
  }

  /** Whether a delivery may still begin: in time, the target answering, nobody having switched it off. */
  private mayWrite(one: Claim, lastStart: number): boolean {
    const { gate, control } = this.options;
    const state = control.latest;
    return (
      performance.now() < lastStart &&
      gate.isOpen &&
      state !== undefined &&
      !state.observe &&
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
      const { is } = mappings[index]!;
      return (is === 'row' || is === 'absent') && (one.verify || observe);
    });
    const found = await readMany(mapper.syncs, uncertain);
    const tasks: Task[] = [];
    for (const [index, one] of claims.entries()) {
      const mapping = mappings[index]!;
      const sync = mapper.syncs.get(one.entity);
      const read = found.get(one);
      const failure = mapping.is === 'failed' ? mapping.error : read instanceof Error ? read : undefined;
      if (!sync || mapping.is === 'skipped') {
        deliveries.push(this.settled(one, mapping, { status: 'skipped' }, 'skipped'));
      } else if (failure !== undefined) {
        deliveries.push(await this.afterError(one, sync, failure, 0));
      } else if (mapping.is === 'waiting') {
        deliveries.push(this.settled(one, mapping, { status: 'waiting', waitsFor: mapping.waitsFor }, 'waiting'));
      } else if (mapping.is !== 'failed') {
        const standing = read === undefined ? one : standingOf(read as Exclude<typeof read, Error>, one.suspendedOn);
        const decision = decide(mapping, standing, sync.removal, mapper.today());
        tasks.push({ one, sync, mapping, standing, decision });
      }
    }
    return tasks;
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

  /** Writes the difference, if there is one. */
  private async carryOut({ one, sync, mapping, standing, decision }: Task): Promise<Delivery> {
    const began = performance.now();
    let { targetId, etag } = standing;
    const { action, after, changed } = decision;
    const write = action === 'create' || action === 'delete' || (action !== 'none' && changed.length > 0);
    try {
      if (write) {
        const end = calls.startTimer({ entity: one.entity });
        const written = await sync.write({
          id: one.id,
          epoch: one.epoch,
          revision: one.revision,
          targetId,
          before: standing.row,
          etag: etag ?? undefined,
          after,
          changed,
          name: mapping.name,
          correlationId: one.correlationId ?? undefined,
        });
        end();
        targetId = after === null ? null : written.targetId;
        etag = after === null ? null : (written.etag ?? null);
      }
    } catch (error) {
      return this.afterError(one, sync, error, this.options.session.callDeadlineMs - (performance.now() - began));
    }
    const status = after === null ? 'absent' : decision.suspendedOn !== null ? 'suspended' : 'applied';
    const { faults } = mapping;
    return {
      ...this.settled(
        one,
        mapping,
        {
          status,
          targetId: after === null ? null : targetId,
          row: after,
          rowHash: after && rowHash(after),
          etag,
          suspendedOn: decision.suspendedOn,
          waitsFor: mapping.waitsFor,
          unrepresentable: faults.length > 0 ? faults : null,
          dueDay: decision.dueDay,
        },
        OUTCOMES[action],
      ),
      changed: write ? changed : [],
      touched: write,
    };
  }

  /** The difference is noted and not written. */
  private noted({ one, mapping, decision, standing }: Task, status: 'held' | 'observed'): Delivery {
    const { action, changed } = decision;
    if (status === 'held') {
      this.options.logger.error({ ...lineOf(one), action, cause: one.cause }, 'held back by a guard');
    }
    const { targetId, row, etag } = standing;
    const result = {
      status,
      targetId,
      row,
      rowHash: row && rowHash(row),
      etag,
      held: action,
      heldChanges: changed,
      suspendedOn: one.suspendedOn,
    };
    return { ...this.settled(one, mapping, { ...result, waitsFor: mapping.waitsFor }, status), changed };
  }

  private async afterError(one: Claim, sync: Sync, error: unknown, callMayLastMs: number): Promise<Delivery> {
    const { gate, dataSource, logger, connector } = this.options;
    const consequence = consequenceOf(error, one.attempts);
    const line = lineOf(one);
    const kept = {
      targetId: one.targetId,
      row: one.row,
      rowHash: one.rowHash,
      etag: one.etag,
      suspendedOn: one.suspendedOn,
    };
    const again = (changes: Partial<Result>, unknownOutcome: boolean): Result =>
      resultOf(one, sync.version, {
        ...kept,
        status: 'due',
        attempts: one.attempts,
        verify: one.verify || unknownOutcome,
        quarantineMs: unknownOutcome ? Math.max(callMayLastMs, 0) : null,
        job: one.job,
        permit: one.permit,
        ...changes,
      });
    const delivery = { one, changed: [], touched: false, ms: 0 };
    switch (consequence.then) {
      case 'pause':
        gate.close(error as Error, consequence.fatal, consequence.inMs);
        return { ...delivery, outcome: 'paused', result: again({ retryInMs: 0 }, consequence.unknownOutcome) };
      case 'retry': {
        const { inMs } = consequence;
        gate.refused(error as Error, inMs);
        logger.warn({ ...line, error: consequence.error, retryInMs: inMs }, 'the target wants this entity later');
        const changes = { error: consequence.error, attempts: one.attempts + 1, retryInMs: inMs };
        return { ...delivery, outcome: 'retry', result: again(changes, consequence.unknownOutcome) };
      }
      case 'rename':
        await surrenderName(dataSource, one.entity, consequence.taken, one.id);
        return { ...delivery, outcome: 'retry', result: again({ retryInMs: 0, verify: true }, false) };
      case 'park': {
        const fingerprint = fingerprintOf(consequence.error);
        // Who has a ticket keeps it for as long as the reason is the same.
        const ticket = one.fingerprint === fingerprint && one.ticket !== null ? one.ticket : newTicket(connector);
        logger.error({ ...line, error: consequence.error, fingerprint, ticket }, 'parked');
        const result = resultOf(one, sync.version, {
          ...kept,
          ...{ status: 'parked', error: consequence.error, fingerprint, ticket, outcome: 'parked' },
          attempts: one.attempts + 1,
          verify: true,
          // A refusal is an answer; after an error that the connector did not expect, its call may go on.
          quarantineMs: error instanceof TargetError ? null : Math.max(callMayLastMs, 0),
        });
        return { ...delivery, outcome: 'parked', result };
      }
    }
  }

  private settled(
    one: Claim,
    mapping: Mapping,
    changes: Pick<Result, 'status'> & Partial<Result>,
    outcome: Delivery['outcome'],
  ): Delivery {
    const projection = this.options.mapper.syncs.get(one.entity)?.version ?? '';
    const kept = {
      targetId: one.targetId,
      row: one.row,
      rowHash: one.rowHash,
      etag: one.etag,
      suspendedOn: one.suspendedOn,
    };
    const result = resultOf(one, projection, { ...kept, outcome, waitsFor: mapping.waitsFor, ...changes });
    const isDone = result.status === 'applied' || result.status === 'suspended' || result.status === 'absent';
    const moved = isDone && (one.acknowledged !== `${one.epoch}.${one.revision}` || one.targetId !== result.targetId);
    return { one, outcome, result: { ...result, moved }, changed: [], touched: false, ms: 0 };
  }

  private count(done: readonly Delivery[]): void {
    for (const { one, outcome, changed } of done) {
      deliveries.inc({ entity: one.entity, outcome });
      this.options.logger.debug({ ...lineOf(one), outcome, changed }, 'delivered');
    }
  }
}

const OUTCOMES: Record<Action, Delivery['outcome']> = {
  create: 'created',
  change: 'modified',
  suspend: 'suspended',
  delete: 'removed',
  none: 'unchanged',
};

const lineOf = ({ entity, id, revision, correlationId }: Claim) => ({ entity, id, revision, correlationId });
