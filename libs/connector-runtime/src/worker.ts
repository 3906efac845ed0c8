import {
  changedAttributes,
  SKIP,
  type Mapped,
  type Reference,
  type Row,
  type Session,
  type Sync,
} from '@myelin/connector';
import type { DeliveryReport, Entity, Master } from '@myelin/contracts';
import { Counter, Histogram, type Logger } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import type { Gate } from './gate.js';
import { claim, giveBack, record, resolve, type Claim, type Result } from './ledger.sql.js';
import { allocateNames, surrenderName } from './names.sql.js';
import { consequenceOf } from './outcome.js';
import type { Wakeup } from './wakeup.js';

/** Entities taken at once by one worker. */
const BATCH = 200;
/** A taken entity comes back to the queue after this long, should its taker die. */
const LEASE_SECONDS = 30;
/** No delivery begins later than this after the claim: what it calls must have ended when the lease has. */
const LAST_START_MS = 10_000;
/** Deliveries of one worker under way at once; the connector's own pool may hold them back further. */
const IN_FLIGHT = 32;
const SHORTEST_POLL_MS = 20;
const LONGEST_POLL_MS = 1000;

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
  /** Name of the connector. */
  readonly connector: string;
  readonly session: Session;
  readonly dataSource: DataSource;
  readonly gate: Gate;
  readonly wakeup: Wakeup;
  readonly logger: Logger;
  /** Today in Europe/Paris, `YYYY-MM-DD`. */
  readonly today: () => string;
}

/** Takes due entities in batches, maps them, compares with what the target acknowledged, writes the difference, records. */
export class Worker {
  private running: Promise<void> | undefined;
  private stopping = false;
  private readonly syncs: ReadonlyMap<Entity, Sync>;

  constructor(private readonly options: WorkerOptions) {
    this.syncs = new Map(options.session.syncs.map((sync) => [sync.entity, sync]));
  }

  start(): void {
    this.running = this.loop();
  }

  /** Finishes the batch in hand and ends. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.options.wakeup.wake();
    await this.running;
  }

  private async loop(): Promise<void> {
    const { gate, wakeup, logger, dataSource, name } = this.options;
    let pause = SHORTEST_POLL_MS;
    while (!this.stopping) {
      const seen = wakeup.seen;
      try {
        await gate.passage();
        if (this.stopping) break;
        const claims = await claim(dataSource, name, this.syncs.size, BATCH, LEASE_SECONDS);
        if (claims.length > 0) {
          await this.work(claims);
          pause = SHORTEST_POLL_MS;
          continue;
        }
      } catch (error) {
        logger.warn(
          { worker: name, err: { type: (error as Error).name, message: (error as Error).message } },
          'the ledger cannot be worked on',
        );
      }
      await wakeup.wait(pause, seen);
      pause = Math.min(pause * 2, LONGEST_POLL_MS);
    }
    await giveBack(dataSource, name).catch(() => undefined);
  }

  private async work(claims: readonly Claim[]): Promise<void> {
    const { dataSource, name, wakeup } = this.options;
    const lastStart = Date.now() + LAST_START_MS;
    const context = await this.prepare(claims);
    const reports: DeliveryReport[] = [];
    const results = await inParallel(claims, IN_FLIGHT, async (one) => {
      if (Date.now() >= lastStart) return untouched(one);
      const start = performance.now();
      const result = await this.deliver(one, context);
      if (result.outcome) reports.push(this.report(one, result, Math.round(performance.now() - start)));
      return result;
    });
    const woken = await record(dataSource, name, results, reports);
    if (woken > 0 || reports.length > 0) wakeup.wake();
  }

  /** Everything that mapping the batch needs, in as few queries as the batch has kinds of entities. */
  private async prepare(claims: readonly Claim[]): Promise<BatchContext> {
    const { dataSource } = this.options;
    const day = this.options.today();
    const references = new Map<Claim, readonly Reference[]>();
    const names = new Map<string, string>();
    const wanted = new Map<string, { entity: Entity; key: string }>();
    for (const [entity, group] of Map.groupBy(claims, (one) => one.entity)) {
      const sync = this.syncs.get(entity);
      if (!sync) continue;
      for (const one of group) {
        const named = (one.state && sync.references?.(one.state, day)) ?? [];
        references.set(one, named);
        for (const { entity: kind, key } of named) wanted.set(`${kind}|${key}`, { entity: kind, key });
      }
      const requests = group.flatMap((one) => {
        const request = one.state && sync.nameRequest?.(one.state, day);
        return request ? [{ id: one.id, ...request }] : [];
      });
      for (const [id, name] of await allocateNames(dataSource, entity, requests)) names.set(id, name);
    }
    return { references, names, resolved: await resolve(dataSource, [...wanted.values()]), today: day };
  }

  private async deliver(one: Claim, context: BatchContext): Promise<Result> {
    const sync = this.syncs.get(one.entity);
    if (!sync) return result(one, '', { status: 'skipped' });
    try {
      return await this.bring(one, sync, context);
    } catch (error) {
      return this.afterError(one, sync, error);
    }
  }

  private report(one: Claim, { outcome, changed = [], error }: Result, durationMs: number): DeliveryReport {
    const { entity, id, epoch, revision, attempts, correlationId, changedAt } = one;
    return {
      connector: this.options.connector,
      ...{ entity, id, epoch, revision, outcome: outcome!, cause: 'change', attempt: attempts + 1 },
      changed: [...changed],
      durationMs,
      correlationId,
      error: error && {
        name: error.name,
        fingerprint: [error.name, ...(error.attributes ?? [])].join(' ').slice(0, 100),
      },
      changedAt: changedAt?.toISOString() ?? null,
      at: new Date().toISOString(),
    };
  }

  private async bring(one: Claim, sync: Sync, { references, names, resolved, today }: BatchContext): Promise<Result> {
    const named = references.get(one) ?? [];
    const inTarget = (key: string) => {
      const found = resolved.get(key);
      return found?.targetId ? { master: found.master, targetId: found.targetId } : undefined;
    };
    const missing = named.filter(({ entity, key }) => !inTarget(`${entity}|${key}`));
    const waitsFor = missing.length > 0 ? missing.map(({ entity, key }) => `${entity}|${key}`) : null;
    if (missing.some(({ required }) => required)) {
      deliveries.inc({ entity: one.entity, outcome: 'waiting' });
      return result(one, sync.version, { status: 'waiting', waitsFor, outcome: 'waiting' });
    }
    const kindOf = new Map(named.map(({ entity, key }) => [key, entity]));
    const mapped =
      one.state &&
      sync.map(one.state as Master, {
        today,
        name: names.get(one.id),
        reference: (key) => inTarget(`${kindOf.get(key)}|${key}`),
      });
    if (mapped === SKIP) return result(one, sync.version, { status: 'skipped', waitsFor, outcome: 'skipped' });
    return this.reconcile(one, sync, mapped, waitsFor, names.get(one.id));
  }

  /** Writes the difference between what the target has and what it must have, if there is one. */
  private async reconcile(
    one: Claim,
    sync: Sync,
    mapped: Mapped | null,
    waitsFor: readonly string[] | null,
    name: string | undefined,
  ): Promise<Result> {
    let { row: before, targetId }: { row: Row | null; targetId: string | null } = one;
    if (one.verify) {
      const found = await sync.read({ id: one.id, targetId });
      before = found?.row ?? null;
      targetId = found?.targetId ?? null;
    }
    const after = mapped?.row ?? null;
    const changed = changedAttributes(before, after);
    const existed = before !== null;
    const write = changed.length > 0 || existed !== (after !== null);
    if (write) {
      const end = calls.startTimer({ entity: one.entity });
      const written = await sync.write({
        id: one.id,
        epoch: one.epoch,
        revision: one.revision,
        targetId,
        before,
        etag: undefined,
        after,
        changed,
        name,
        correlationId: one.correlationId ?? undefined,
      });
      end();
      targetId = after === null ? null : written.targetId;
    }
    const outcome = !write ? 'unchanged' : after === null ? 'removed' : existed ? 'modified' : 'created';
    deliveries.inc({ entity: one.entity, outcome });
    this.options.logger.debug(
      {
        entity: one.entity,
        id: one.id,
        revision: one.revision,
        outcome,
        changed: existed && after ? changed : undefined,
        correlationId: one.correlationId,
      },
      'delivered',
    );
    return result(one, sync.version, {
      status: after === null ? 'absent' : 'applied',
      targetId,
      row: after,
      waitsFor,
      unrepresentable: mapped?.unrepresentable?.length ? mapped.unrepresentable : null,
      dueDay: mapped?.validUntil ?? null,
      outcome,
      changed: write ? changed : [],
    });
  }

  private async afterError(one: Claim, sync: Sync, error: unknown): Promise<Result> {
    const { gate, dataSource, logger } = this.options;
    const consequence = consequenceOf(error, one.attempts);
    deliveries.inc({ entity: one.entity, outcome: consequence.then });
    const kept = { targetId: one.targetId, row: one.row, attempts: one.attempts };
    const line = { entity: one.entity, id: one.id, revision: one.revision, correlationId: one.correlationId };
    switch (consequence.then) {
      case 'pause':
        gate.close(error as Error, consequence.fatal);
        return result(one, sync.version, {
          ...kept,
          status: 'due',
          retryInMs: 0,
          verify: one.verify || consequence.verify,
          outcome: 'paused',
        });
      case 'retry':
        logger.warn(
          { ...line, error: consequence.error, retryInMs: consequence.inMs },
          'the target wants this entity later',
        );
        return result(one, sync.version, {
          ...kept,
          status: 'due',
          error: consequence.error,
          attempts: one.attempts + 1,
          retryInMs: consequence.inMs,
          verify: one.verify || consequence.verify,
          outcome: 'retry',
        });
      case 'rename':
        await surrenderName(dataSource, one.entity, consequence.taken, one.id);
        return result(one, sync.version, { ...kept, status: 'due', retryInMs: 0 });
      case 'park':
        logger.error({ ...line, error: consequence.error }, 'parked');
        return result(one, sync.version, {
          ...kept,
          status: 'parked',
          error: consequence.error,
          attempts: one.attempts + 1,
          verify: true,
          outcome: 'parked',
        });
    }
  }
}

interface BatchContext {
  readonly references: ReadonlyMap<Claim, readonly Reference[]>;
  readonly names: ReadonlyMap<string, string>;
  readonly resolved: ReadonlyMap<string, { master: Master; targetId: string | null }>;
  readonly today: string;
}

/** Gives an entity back as it was taken, due at once. */
const untouched = (one: Claim): Result =>
  result(one, '', { status: 'due', attempts: one.attempts, verify: one.verify, retryInMs: 0 });

/** Runs `work` over the items, at most `limit` at once, and answers in their order. */
async function inParallel<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}

function result(one: Claim, projection: string, changes: Pick<Result, 'status'> & Partial<Result>): Result {
  return {
    entity: one.entity,
    id: one.id,
    mark: one.mark,
    epoch: one.epoch,
    revision: one.revision,
    projection,
    targetId: one.targetId,
    row: one.row,
    unrepresentable: null,
    waitsFor: null,
    error: null,
    attempts: 0,
    verify: false,
    retryInMs: null,
    dueDay: null,
    ...changes,
  };
}
