import { Inject, Injectable } from '@nestjs/common';
import { referentialTopic, type MasterFields } from '@myelin/contracts';
import {
  isUnreadable,
  newestIncarnation,
  readEvent,
  readTopic,
  topicEnds,
  type KafkaClient,
  type Received,
} from '@myelin/messaging';
import { LOGGER, ProblemError, type Logger } from '@myelin/platform';
import { DataSource, QueryFailedError, type QueryRunner } from 'typeorm';
import type { ReferentialDefinition } from '../definition.js';
import { present, type RecordView } from '../record/record.service.js';
import {
  countUnknown,
  endUnknown,
  listUnknown,
  queueRecords,
  raiseEpoch,
  record,
  saveUnknown,
  type Sighting,
  type UnknownRecord,
} from './recovery.sql.js';
import { isMasterId } from '../request.js';
import type { Attributes, MasterRecord } from '../tables.js';
import { DEFINITION, KAFKA, RELAY_SIGNAL, type RelaySignal } from '../tokens.js';

/** Who asks for an operation, why, and under which correlation id. */
export interface Order {
  readonly author: string;
  readonly reason: string;
  readonly correlationId: string;
}

export interface Republished {
  /** Records that are published again. */
  readonly records: number;
  /** Those that did not wait to be published anyway. */
  readonly queued: number;
}

export interface Restored extends Republished {
  readonly epoch: number;
  /** Messages that were read on the topic. */
  readonly messages: number;
  /** Ids on the topic that the database does not know: `GET /restored/unknown`. */
  readonly unknown: number;
}

const CHUNK = 5_000;
/** Held while the topic is compared with the database: one at a time. */
const LOCK = `hashtext('myelin restoration')`;

/** What operators do when the topic was lost or the database was restored. Everything is safe to repeat. */
@Injectable()
export class RecoveryService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) private readonly definition: ReferentialDefinition,
    @Inject(KAFKA) private readonly kafka: KafkaClient,
    @Inject(RELAY_SIGNAL) private readonly relay: RelaySignal,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** When the topic was lost that is not whole again; null when it is. */
  async topicLostAt(): Promise<Date | null> {
    const [row] = (await this.dataSource.query('select topic_lost_at from referential')) as {
      topic_lost_at: Date | null;
    }[];
    return row?.topic_lost_at ?? null;
  }

  /** Publishes records as they are: all of them, or those with these ids. */
  async republish(order: Order, scope?: readonly string[]): Promise<Republished> {
    const lostAt = await this.topicLostAt();
    const { records, queued } = scope ? await this.queue(order, { ids: scope }) : await this.queueAll(order);
    const done = { records, queued };
    if (!scope && lostAt) {
      await this.dataSource.query('update referential set topic_lost_at = null where topic_lost_at = $1', [lostAt]);
    }
    await record(this.dataSource, order, 'republish', { ...done, ...(scope ? { scope: scope.length } : {}) });
    this.logger.info({ ...done, correlationId: order.correlationId }, 'republished');
    return done;
  }

  /**
   * To be called when the database was restored to an earlier point: raises the epoch above all that stands on the topic, publishes
   * every record under it, and lists what stands on the topic and is no record here.
   */
  async restored(order: Order): Promise<Restored> {
    const { epoch, messages, unknown } = await this.alone(async (runner) => {
      await runner.query('delete from unknown_record');
      const read = await this.readTopic(runner);
      const unknown = await countUnknown(runner);
      const epoch = await this.dataSource.transaction(async (manager) => {
        const raised = await raiseEpoch(manager, read);
        await record(manager, order, 'restored', { epoch: raised, messages: read.messages, unknown });
        return raised;
      });
      return { epoch, messages: read.messages, unknown };
    });
    this.logger.warn(
      { epoch, messages, unknown, correlationId: order.correlationId },
      'restored: the epoch was raised',
    );
    return { epoch, messages, unknown, ...(await this.republish(order)) };
  }

  async unknown(after: string | null, limit: number) {
    const [count, rows] = await Promise.all([
      countUnknown(this.dataSource),
      listUnknown(this.dataSource, after, limit),
    ]);
    return {
      count,
      items: rows.map((row) => shown(row, this.definition.letter)),
      next: rows.length === limit ? (rows.at(-1)?.id ?? null) : null,
    };
  }

  /** Publishes the end of all unknown records, when there are as many as the operator has seen. */
  async endUnknown(order: Order, expected: number): Promise<{ ended: number }> {
    const ended = await this.alone(() =>
      this.dataSource.transaction(async (manager) => {
        const count = await countUnknown(manager);
        if (count !== expected) {
          throw new ProblemError(
            'conflict',
            `${count} records are unknown, not ${expected}: look at GET /restored/unknown again and name their number in "expected"`,
          );
        }
        await endUnknown(manager, { correlationId: order.correlationId, actor: order.author, reason: order.reason });
        await record(manager, order, 'end-unknown', { ended: count });
        return count;
      }),
    );
    this.relay.wake();
    this.logger.warn({ ended, correlationId: order.correlationId }, 'records unknown after a restoration were ended');
    return { ended };
  }

  private async queueAll(order: Order): Promise<Republished> {
    let [records, queued] = [0, 0];
    for (let after: string | null = null; ;) {
      const done: Awaited<ReturnType<typeof queueRecords>> = await this.queue(order, { after, limit: CHUNK });
      records += done.records;
      queued += done.queued;
      if (done.records < CHUNK) return { records, queued };
      after = done.last;
    }
  }

  private async queue({ author, ...cause }: Order, page: Parameters<typeof queueRecords>[2]) {
    const { records, queued, last } = await queueRecords(this.dataSource, { ...cause, actor: author }, page);
    this.relay.wake();
    return { records, queued, last };
  }

  /** Reads the topic from its first message to the ends that it has now; keeps what is unknown and answers the highest epoch and incarnation. */
  private async readTopic(runner: QueryRunner) {
    const { name } = referentialTopic(this.definition.entity);
    const read = { epoch: 0, incarnation: null as string | null, messages: 0 };
    try {
      const to = await topicEnds(this.kafka, name);
      await readTopic(this.kafka, name, { from: [], to }, async (batch) => {
        const events = batch.map(readEvent).filter((event): event is Received => !isUnreadable(event));
        for (const { attributes } of events) read.epoch = Math.max(read.epoch, attributes.epoch);
        const seen = newestIncarnation(events);
        if (seen !== undefined && seen > (read.incarnation ?? '')) read.incarnation = seen;
        read.messages += batch.length;
        const newest = new Map(events.flatMap(sighting).map((one) => [one.id, one]));
        await saveUnknown(runner, [...newest.values()]);
      });
    } catch (error) {
      if (error instanceof QueryFailedError) throw error;
      throw new ProblemError('unavailable', `topic ${name} cannot be read: look at the health of the relay`, {
        cause: error,
      });
    }
    return read;
  }

  private async alone<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    try {
      const [row] = (await runner.query(`select pg_try_advisory_lock(${LOCK}) as held`)) as { held: boolean }[];
      if (!row?.held)
        throw new ProblemError('conflict', 'the topic is being compared with the database: try again later');
      try {
        return await work(runner);
      } finally {
        await runner.query(`select pg_advisory_unlock(${LOCK})`).catch(() => undefined);
      }
    } finally {
      await runner.release();
    }
  }
}

/** What a message says of a record; nothing when it is none of ours. */
function sighting({ attributes, json }: Received): Sighting[] {
  const { subject: id, epoch, revision, time } = attributes;
  return isMasterId(id) ? [{ id, epoch, revision, time, json }] : [];
}

/** An unknown record, its data shown as those of any record. */
function shown(
  { id, epoch, revision, time, document }: UnknownRecord,
  letter: string,
): RecordView & { epoch: number; time: string } {
  const { id: _, status, survivor, number, ...state } = document as Attributes & Partial<MasterFields>;
  const asRecord = { id, revision, status, survivor: survivor ?? null, state } as MasterRecord;
  return { ...present(asRecord, letter), number, epoch, time: time.toISOString() };
}
