import { rowHash, TargetError, type Session, type Sync } from '@myelin/connector';
import { Histogram, type Logger } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import type { Claim } from './claim.sql.js';
import { dayWhenUndone, type Action, type Decision, type Standing } from './decision.js';
import type { Gate } from './gate.js';
import type { Mapper, Mapping } from './mapper.js';
import { surrenderName } from './names.sql.js';
import { consequenceOf, fingerprintOf, newTicket } from './outcome.js';
import { acknowledgedBy, resultOf, type Result } from './result.js';
import { switchedAs } from '../operators/populations.js';
import type { Delivery } from '../reports/report.js';

const calls = new Histogram({
  name: 'myelin_target_call_seconds',
  help: 'Duration of writes to the target',
  labelNames: ['entity'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
});

/** A claim with what there is to do for it. */
export interface Task {
  readonly one: Claim;
  readonly sync: Sync;
  readonly mapping: Extract<Mapping, { is: 'row' | 'absent' }>;
  readonly standing: Standing;
  readonly decision: Decision;
}

/** Brings one entity to the target, or says what became of it instead. */
export class Deliverer {
  constructor(
    private readonly options: {
      readonly connector: string;
      readonly session: Session;
      readonly dataSource: DataSource;
      readonly gate: Gate;
      readonly mapper: Mapper;
      readonly logger: Logger;
    },
  ) {}

  /** Writes the difference, if there is one. */
  async carryOut({ one, sync, mapping, standing, decision }: Task): Promise<Delivery> {
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
          adopted: one.adopted,
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
      const callMayLastMs = this.options.session.callDeadlineMs - (performance.now() - began);
      // What the guards have let past need not ask them again.
      return this.afterError({ ...one, permit: action }, error, callMayLastMs, dayWhenUndone(decision));
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
          adopted: one.adopted && !write,
          row: after,
          rowHash: after && rowHash(after),
          etag,
          suspendedOn: decision.suspendedOn,
          unrepresentable: faults.length > 0 ? faults : null,
          dueDay: decision.dueDay,
          // A target that changes what it is given would be written again and again.
          isUnverified: write && after !== null && one.cause !== 'verify',
          overwritten: write && one.job !== null && !isErased(one) ? { before: standing.row } : null,
        },
        OUTCOMES[action],
      ),
      changed: write ? changed : [],
      touched: write,
    };
  }

  /** The difference is noted and not written. */
  noted({ one, mapping, decision, standing }: Task, status: 'held' | 'observed'): Delivery {
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
      observedAs: status === 'observed' ? switchedAs(one) : null,
      dueDay: dayWhenUndone(decision),
    };
    return { ...this.settled(one, mapping, result, status), changed };
  }

  /** What follows from an error, as `consequenceOf` says. `callMayLastMs`: how long a call without an answer may still take effect. */
  async afterError(one: Claim, error: unknown, callMayLastMs: number, dueDay: string | null): Promise<Delivery> {
    const { gate, dataSource, logger, connector, mapper } = this.options;
    const consequence = consequenceOf(error, one.attempts);
    const line = lineOf(one);
    const again = (changes: Partial<Result>, unknownOutcome: boolean): Result =>
      resultOf(one, mapper.versionOf(one.entity), {
        ...acknowledgedBy(one),
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
        gate.close(error as Error, consequence.fatal, consequence.askedMs);
        return { ...delivery, outcome: 'paused', result: again({ retryInMs: 0 }, consequence.unknownOutcome) };
      case 'retry': {
        const { inMs } = consequence;
        gate.refused(error as Error, consequence.askedMs);
        logger.warn({ ...line, error: consequence.error, retryInMs: inMs }, 'the target wants this entity later');
        const changes = { error: consequence.error, attempts: one.attempts + 1, retryInMs: inMs };
        return { ...delivery, outcome: 'retry', result: again(changes, consequence.unknownOutcome) };
      }
      case 'later': {
        const { error: why, inMs } = consequence;
        logger.warn({ ...line, error: why, retryInMs: inMs }, 'this entity waits for what enriches it');
        const changes = { error: why, attempts: one.attempts + 1, retryInMs: inMs };
        return { ...delivery, outcome: 'retry', result: again(changes, false) };
      }
      case 'rename':
        await surrenderName(dataSource, one.entity, consequence.taken, one.id);
        return { ...delivery, outcome: 'retry', result: again({ retryInMs: 0, verify: true }, false) };
      case 'park': {
        const fingerprint = fingerprintOf(consequence.error);
        // Who has a ticket keeps it for as long as the reason is the same.
        const ticket = one.fingerprint === fingerprint && one.ticket !== null ? one.ticket : newTicket(connector);
        logger.error({ ...line, error: consequence.error, fingerprint, ticket }, 'parked');
        const result = resultOf(one, mapper.versionOf(one.entity), {
          ...acknowledgedBy(one),
          ...{ status: 'parked', error: consequence.error, fingerprint, ticket, outcome: 'parked' },
          attempts: one.attempts + 1,
          verify: true,
          // A refusal is an answer; after an error that the connector did not expect, its call may go on.
          quarantineMs: error instanceof TargetError ? null : Math.max(callMayLastMs, 0),
          dueDay,
        });
        return { ...delivery, outcome: 'parked', result };
      }
    }
  }

  /** What is recorded of a claim for which there is nothing more to do now. */
  settled(
    one: Claim,
    mapping: Mapping,
    changes: Pick<Result, 'status'> & Partial<Result>,
    outcome: Delivery['outcome'],
  ): Delivery {
    const isDone = changes.status === 'applied' || changes.status === 'suspended' || changes.status === 'absent';
    const result = resultOf(one, this.options.mapper.versionOf(one.entity), {
      ...acknowledgedBy(one),
      outcome,
      waitsFor: mapping.waitsFor,
      retryInMs: isDone || changes.status === 'skipped' ? (mapping.againInMs ?? null) : null,
      ...changes,
    });
    // That it was found in the target, or is gone from there, moves it as well, whatever is written.
    const moved = one.targetId !== result.targetId || (isDone && one.acknowledged !== `${one.epoch}.${one.revision}`);
    return { one, outcome, result: { ...result, moved }, changed: [], touched: false, ms: 0 };
  }
}

/** Nothing may be kept of it. */
const isErased = ({ state }: Claim) => state?.status === 'erased';

const OUTCOMES: Record<Action, Delivery['outcome']> = {
  create: 'created',
  change: 'modified',
  suspend: 'suspended',
  delete: 'removed',
  none: 'unchanged',
};

/** What a log line says of a claim. */
export const lineOf = ({ entity, id, revision, correlationId }: Claim) => ({ entity, id, revision, correlationId });
