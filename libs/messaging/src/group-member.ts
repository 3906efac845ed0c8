import type { Logger } from '@myelin/platform';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { isTopicMissing } from './errors.js';
import type { KafkaClient } from './kafka.js';
import { Outage } from './outage.js';
import { Progress, type Standing } from './progress.js';
import { topicOffsets } from './topic-reader.js';
import { Backoff, bounded, pause } from './waiting.js';

export type MemberState = 'stopped' | 'waiting for Kafka' | 'consuming' | 'failed';

export interface GroupMemberOptions {
  client: KafkaClient;
  logger: Logger;
  groupId: string;
  /** Names with the installation's prefix. */
  topics: string[];
  sessionTimeoutMs: number;
  /** Must not throw. */
  onBatch: (payload: EachBatchPayload) => Promise<void>;
  /** Called when kafkajs gave up on an error that it takes for final. */
  onFatal: (error: Error) => void;
  /** Called when the member has not read again within 10 s after `onFatal`. */
  leave: () => void;
  /** How often the member compares where it stands with the ends of its partitions; default 30 s. */
  lookMs?: number;
  /** After so long without a move, with messages left and no handler at work, it joins anew; default 2 min. */
  stallMs?: number;
}

const REBALANCE_MS = 90_000;
/** Longest wait of an idle fetch: idle processes cost next to nothing, and it is what an orderly end may wait for. */
const FETCH_WAIT_MS = 5_000;
/** Compressed bytes of one fetch, in all and per partition: what bounds the memory. */
const FETCH_BYTES = 1_048_576;
const PARTITION_BYTES = 262_144;
const DISCONNECT_MS = 15_000;
const LEAVE_MS = 10_000;
/** Longer than any rebalance: a member that has not even tried to read for so long hangs. */
const SILENCE_MS = 2 * REBALANCE_MS;
/** An idle fetch is answered within 5 s: after so long the broker hangs, or the group is being distributed anew. */
const UNANSWERED_MS = 30_000;
const WATCH_MS = 10_000;
const LOOK_MS = 30_000;
const STALL_MS = 120_000;

/** kafkajs reads, and nothing comes although there is something. */
class Stalled extends Error {}

/** How a membership ended. */
interface End {
  error: Error;
  /** False: kafkajs takes the error for final. */
  passing: boolean;
}

/**
 * Keeps a member of a consumer group alive: joins when the broker and the topics are there, and joins anew with a fresh
 * kafkajs consumer after every crash. kafkajs's own restart is not used, since it never happens after a final error
 * and may happen while the process stops.
 */
export class GroupMember {
  private readonly outage: Outage;
  private readonly closing = new AbortController();
  private running: Promise<void> | undefined;
  private consumer: Consumer | undefined;
  private leaving: NodeJS.Timeout | undefined;
  private current: MemberState = 'stopped';
  /** When something was last asked of Kafka, and when it last answered a fetch. */
  private lastSign = Date.now();
  private lastRead = Date.now();
  private handling = false;
  private readonly progress = new Progress();
  /** A partition that ends before what the member has read. */
  private misplaced: Standing | undefined;

  constructor(private readonly options: GroupMemberOptions) {
    this.outage = new Outage(options.logger, { groupId: options.groupId });
  }

  get state(): MemberState {
    const silent = this.current === 'consuming' && !this.handling && Date.now() - this.lastRead > UNANSWERED_MS;
    return silent ? 'waiting for Kafka' : this.current;
  }

  /** Why the member does not consume. */
  get detail(): string | undefined {
    return this.outage.detail;
  }

  /** When Kafka last answered a fetch, in milliseconds since 1970; at first, when the member was made. */
  get readUntil(): number {
    return this.lastRead;
  }

  /** Said while a committed offset lies beyond the end of its partition. */
  get warning(): string | undefined {
    return this.misplaced && misplacement(this.misplaced);
  }

  get closed(): AbortSignal {
    return this.closing.signal;
  }

  unwrap(): Consumer | undefined {
    return this.consumer;
  }

  /** Starts in the background. */
  start(): void {
    this.current = 'waiting for Kafka';
    this.running ??= this.run();
  }

  /** Finishes the running slice, commits and leaves the group; true when that took at most `ms`. */
  async stop(ms: number): Promise<boolean> {
    this.closing.abort();
    clearTimeout(this.leaving);
    const orderly = !this.running || (await bounded(this.running, ms));
    this.current = 'stopped';
    return orderly;
  }

  /** Begins a topic again with the first message of each partition that this member has. */
  async rewind(topic: string): Promise<void> {
    const { consumer } = this;
    const starts = this.progress.partitionsOf(topic).map((partition) => ({ topic, partition, offset: '0' }));
    // kafkajs reads on from what is resolved, whatever is committed; and others from what is committed.
    for (const start of starts) consumer?.seek(start);
    await consumer?.commitOffsets(starts);
  }

  private async run(): Promise<void> {
    const backoff = new Backoff(250, 5_000);
    while (!this.closing.signal.aborted) {
      const end = await this.beMember(() => backoff.reset());
      if (!end) return;
      if (end.passing) this.waits(end.error);
      else this.fails(end.error);
      await pause(backoff.take(), this.closing.signal);
    }
  }

  private waits(error: Error): void {
    if (this.current !== 'failed') this.current = 'waiting for Kafka';
    const what = isTopicMissing(error)
      ? `a topic is missing: ${this.options.topics.join(', ')}`
      : error instanceof Stalled
        ? error.message
        : 'Kafka does not answer';
    this.outage.report(what, error);
  }

  private fails(error: Error): void {
    this.current = 'failed';
    this.outage.report('the consumer failed and does not recover by itself', error);
    if (this.leaving) return;
    this.options.onFatal(error);
    this.leaving = setTimeout(this.options.leave, LEAVE_MS);
  }

  private reads(): void {
    this.lastSign = this.lastRead = Date.now();
    clearTimeout(this.leaving);
    this.leaving = undefined;
    this.current = 'consuming';
    this.outage.over('the consumer reads again');
  }

  /** One membership, from joining to its end; undefined when it ended because the member was stopped. */
  private async beMember(onProgress: () => void): Promise<End | undefined> {
    let finish: (end: End | undefined) => void = () => undefined;
    const ended = new Promise<End | undefined>((resolve) => (finish = resolve));
    const consumer = this.newConsumer(finish);
    this.consumer = consumer;
    consumer.on(consumer.events.FETCH_START, () => void (this.lastSign = Date.now()));
    consumer.on(consumer.events.FETCH, () => {
      this.reads();
      onProgress();
    });
    const stop = () => finish(undefined);
    this.closing.signal.addEventListener('abort', stop, { once: true });
    const watch = setInterval(() => {
      if (this.handling || Date.now() - this.lastSign < SILENCE_MS) return;
      finish({ error: new Error('the consumer has not read for too long'), passing: true });
    }, WATCH_MS).unref();
    this.followProgress(consumer);
    const look = setInterval(() => void this.look(finish), this.options.lookMs ?? LOOK_MS).unref();
    this.lastSign = Date.now();
    const joining = this.join(consumer).catch((error: Error) => finish({ error, passing: true }));
    const end = await ended;
    clearInterval(watch);
    clearInterval(look);
    this.closing.signal.removeEventListener('abort', stop);
    // While kafkajs joins it cannot be stopped and would stay behind as a second member: it is let in first.
    await bounded(
      joining.then(() => consumer.disconnect()),
      this.closing.signal.aborted ? REBALANCE_MS : DISCONNECT_MS,
    );
    return end;
  }

  private followProgress(consumer: Consumer): void {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.progress.given(payload.memberAssignment));
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      for (const { topic, partitions } of payload.topics) {
        for (const { partition, offset } of partitions) {
          this.progress.reached(topic, partition, BigInt(offset));
          if (this.misplaced?.topic === topic && this.misplaced.partition === partition) this.misplaced = undefined;
        }
      }
    });
    // What kafkajs passes over by itself (markers, aborted messages) is never committed.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
      if (batchSize === 0) this.progress.reached(topic, partition, BigInt(lastOffset) + 1n);
    });
  }

  /** Compares where the member stands with the ends of its partitions: joins anew when it has stopped moving, and tells when an end lies before it. */
  private async look(finish: (end: End) => void): Promise<void> {
    if (this.state !== 'consuming') return;
    const standings = await this.standings().catch(() => []);
    const { lag, stillMs, beyond } = this.progress.against(standings);
    if (beyond && !this.misplaced) {
      this.options.logger.error({ groupId: this.options.groupId }, misplacement(beyond));
    }
    this.misplaced = beyond;
    const stallMs = this.options.stallMs ?? STALL_MS;
    if (lag > 0n && stillMs > stallMs && !this.handling) {
      const what = `the consumer has not moved for ${Math.round(stillMs / 1000)} s although messages are there: it joins anew`;
      finish({ error: new Stalled(what), passing: true });
    }
  }

  private async standings(): Promise<Standing[]> {
    const { client, groupId, topics } = this.options;
    const admin = client.kafka.admin({ retry: { retries: 1 } });
    try {
      await admin.connect();
      const committed = new Map(
        (await admin.fetchOffsets({ groupId, topics })).flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => [`${topic}/${partition}`, BigInt(offset)] as const),
        ),
      );
      const standings: Standing[] = [];
      for (const topic of topics) {
        for (const { partition, low, high } of await topicOffsets(admin, topic)) {
          const offset = committed.get(`${topic}/${partition}`) ?? -1n;
          standings.push({
            topic,
            partition,
            committed: offset < 0n ? null : offset,
            low: BigInt(low),
            end: BigInt(high),
          });
        }
      }
      return standings;
    } finally {
      await bounded(admin.disconnect(), DISCONNECT_MS);
    }
  }

  private newConsumer(finish: (end: End) => void): Consumer {
    const { client, groupId, sessionTimeoutMs } = this.options;
    let passing = false;
    const consumer = client.kafka.consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: REBALANCE_MS,
      heartbeatInterval: Math.min(3_000, sessionTimeoutMs / 3),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytes: FETCH_BYTES,
      maxBytesPerPartition: PARTITION_BYTES,
      allowAutoTopicCreation: false,
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 1_000,
        retries: 5,
        // Asked for passing errors only, before the crash is told.
        restartOnFailure: () => {
          passing = true;
          return Promise.resolve(false);
        },
      },
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => finish({ error: payload.error, passing }));
    return consumer;
  }

  private async join(consumer: Consumer): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics: this.options.topics, fromBeginning: true });
    if (this.closing.signal.aborted) return;
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: async (payload) => {
        this.handling = true;
        try {
          await this.options.onBatch(payload);
        } finally {
          this.handling = false;
          this.lastSign = this.lastRead = Date.now();
        }
      },
    });
  }
}

const misplacement = ({ topic, partition, end, committed }: Standing) =>
  `partition ${partition} of ${topic} ends at ${end}, before ${committed} where this group had read to: ` +
  'the topic was lost and is read from its beginning (docs/runbook.md, "Kafka lost")';
