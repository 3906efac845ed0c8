import { Catch, type INestApplication, type RpcExceptionFilter } from '@nestjs/common';
import {
  BaseRpcContext,
  Server,
  type CustomTransportStrategy,
  type MessageHandler,
  type NestMicroservice,
} from '@nestjs/microservices';
import type { EventAttributes, MessageAttributes, TopicContract } from '@myelin/contracts';
import { briefly, type HealthReport, type Logger } from '@myelin/platform';
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { isObservable, lastValueFrom, throwError, type Observable } from 'rxjs';
import { GroupMember } from './group-member.js';
import { OtherIncarnation } from './incarnation.js';
import type { KafkaClient } from './kafka.js';
import { isUnreadable, readEvent, type Reader, type Received, type Unreadable } from './message.js';
import { failures, lag, received, sliceSeconds, unreadable } from './metrics.js';
import { Outage } from './outage.js';
import { slices } from './slices.js';
import { ensureTopics } from './topics.js';
import { Backoff, pause } from './waiting.js';

/** What a handler receives: at most 500 consecutive messages of one partition, in the order of their offsets. */
export interface Batch<A extends MessageAttributes = EventAttributes> {
  /** Contract name, without the installation's prefix. */
  topic: string;
  partition: number;
  events: Received<A>[];
  unreadable: Unreadable[];
}

export interface BatchConsumerOptions {
  client: KafkaClient;
  /** Topics that are created where they are missing: who writes one may not be in service yet, and others are read meanwhile. */
  provision?: readonly TopicContract[];
  /** Name of the service: with the topics it makes the id of the consumer group. */
  service: string;
  logger: Logger;
  /** Those of the handlers' topics that this consumer reads; default: all. Several consumers in one process share them out. */
  topics?: readonly string[];
  /** How messages are read; default: as events of a referential. */
  read?: Reader;
  /** After so long without a sign the broker gives the partitions to others; default 15 s. */
  sessionTimeoutMs?: number;
  /** How often the consumer looks where it stands, default 30 s; and after how long without a move it joins anew, default 2 min. */
  lookMs?: number;
  stallMs?: number;
  /** Longest time that `close` takes; default 15 s. */
  closeDeadlineMs?: number;
  /** Told when kafkajs gave up on an error that it takes for final. */
  onFatal?: (error: Error) => void;
  /** What to do when the consumer does not read again within 10 s after `onFatal`; default: leave the process with 1. */
  leave?: () => void;
}

/** How a topic is being read. */
export interface Reading {
  /** Contract name. */
  readonly topic: string;
  /** When the oldest message was sent that is known to be unread, or since when none could be read; absent: all is read as it comes. */
  readonly unreadSince?: Date;
  /** Why it is not read. */
  readonly detail?: string;
}

export type ConsumerState = 'stopped' | 'waiting for Kafka' | 'consuming' | 'retrying' | 'failed';

const HEARTBEAT_MS = 1_000;
const RETRY_MS = { first: 100, most: 5_000 };

/**
 * Nest transport that gives batches of events to `@EventPattern<string>(topic)` methods, the topic being the contract's name.
 * A slice is committed after its handler succeeded; one whose handler fails is repeated until it succeeds, so nothing is
 * skipped and the order within a partition is kept. A handler must therefore bear to see a message twice. One that throws
 * `OtherIncarnation` stops its topic, which is then read again from its first message.
 */
export class BatchConsumer extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('kafka batches');
  // The failure of a handler comes back here instead of being logged by Nest.
  override readonly propagatesEventHandlerErrors = true;
  private member: GroupMember | undefined;
  /** The incarnation for which a topic was rewound. */
  private readonly rewound = new Map<string, string>();
  private readonly outage: Outage;
  private topics: readonly string[] = [];
  /** The slice that a handler has, or that is repeated until it succeeds. */
  private inHand: { topic: string; sentAt: number } | undefined;

  constructor(private readonly options: BatchConsumerOptions) {
    super();
    this.outage = new Outage(options.logger, { service: options.service });
  }

  /** Starts consuming in the background: a broker or a topic that is not there yet is waited for. */
  override listen(callback: (error?: unknown) => void): void {
    const { client, service, logger, onFatal, topics: wanted } = this.options;
    const topics = [...this.getHandlers().keys()].filter((topic) => wanted?.includes(topic) ?? true).sort();
    this.topics = topics;
    if (topics.length === 0) return callback(new Error('no handler: @EventPattern methods name the topics to consume'));
    this.member = new GroupMember({
      client,
      logger,
      // Another set of topics is another group: members of one group that want different topics leave some without a reader.
      groupId: `${client.topicPrefix}${service}.${topics.join('+')}`,
      topics: topics.map((topic) => client.topicPrefix + topic),
      sessionTimeoutMs: this.options.sessionTimeoutMs ?? 15_000,
      ...(this.options.lookMs === undefined ? {} : { lookMs: this.options.lookMs }),
      ...(this.options.stallMs === undefined ? {} : { stallMs: this.options.stallMs }),
      onBatch: (payload) => this.take(payload),
      onFatal: (error) => onFatal?.(error),
      leave: this.options.leave ?? (() => this.leaveProcess()),
    });
    if (this.options.provision) {
      void ensureTopics(client, this.options.provision, { signal: this.member.closed }).catch((error: unknown) =>
        logger.error({ err: briefly(error) }, 'a topic is not as its contract says'),
      );
    }
    this.member.start();
    callback();
  }

  /** Finishes the running slice, commits it and leaves the group, within the deadline. */
  override async close(): Promise<void> {
    const orderly = await this.member?.stop(this.options.closeDeadlineMs ?? 15_000);
    if (orderly === false) this.options.logger.warn('the consumer did not end in time: its last slice will come again');
  }

  /** What the consumer does now, and why when that is not its work. */
  state(): { state: ConsumerState; detail?: string } {
    const member = this.member?.state ?? 'stopped';
    const state = member === 'consuming' && this.outage.detail !== undefined ? 'retrying' : member;
    const detail = this.member?.detail ?? this.outage.detail;
    return { state, ...(detail === undefined ? {} : { detail }) };
  }

  /** How each topic is being read, as far as this member of the group knows. */
  reading(): Reading[] {
    const { state, detail } = this.state();
    const isRead = state === 'consuming';
    const stopped = isRead ? [] : [(state === 'retrying' ? this.outage.began : this.member?.readUntil) ?? Date.now()];
    return this.topics.map((topic) => {
      // What was sent before reading ended is older than that.
      const times = this.inHand?.topic === topic ? [this.inHand.sentAt, ...stopped] : stopped;
      return {
        topic,
        ...(times.length > 0 && { unreadSince: new Date(Math.min(...times)) }),
        ...(!isRead && { detail: detail ?? state }),
      };
    });
  }

  /** `down` when only a restart helps, `degraded` while it waits for a server or its handler fails. */
  health(): HealthReport {
    const { state, detail } = this.state();
    const warning = this.member?.warning;
    const fine = (state === 'consuming' || state === 'stopped') && warning === undefined;
    const status = state === 'failed' ? 'down' : fine ? 'ok' : 'degraded';
    return { status, detail: detail ?? warning ?? state };
  }

  override on(): never {
    throw new Error('the consumer has no events: read state() or health()');
  }

  override unwrap<T>(): T {
    return this.member?.unwrap() as T;
  }

  /** Once per incarnation: what stood on the topic before says nothing about what stands there now. */
  private async rewind({ topic, found }: OtherIncarnation): Promise<boolean> {
    if (this.rewound.get(topic) === found) return false;
    await this.member!.rewind(this.options.client.topicPrefix + topic);
    this.rewound.set(topic, found);
    return true;
  }

  private leaveProcess(): void {
    this.options.logger.fatal('the consumer did not recover: leaving, to be started anew');
    process.exit(1);
  }

  /** Never throws: kafkajs would stop the consumer for good. What its broker says is seen by its next heartbeat as well. */
  private async take(payload: EachBatchPayload): Promise<void> {
    const { batch, isRunning, isStale, resolveOffset, commitOffsetsIfNecessary } = payload;
    const { partition } = batch;
    const topic = batch.topic.slice(this.options.client.topicPrefix.length);
    const handler: MessageHandler<Batch<MessageAttributes>, BaseRpcContext> | null = this.getHandlerByPattern(topic);
    if (!handler) return;
    const left = new AbortController();
    const heart = setInterval(() => void payload.heartbeat().catch(() => left.abort()), HEARTBEAT_MS);
    try {
      // Partitions of an earlier fetch may have been taken away while another one was handled.
      await payload.heartbeat();
      for (const slice of slices(batch.messages)) {
        if (!isRunning() || isStale() || left.signal.aborted || this.member!.closed.aborted) return;
        this.inHand = { topic, sentAt: Number(slice[0]!.timestamp) };
        const timer = sliceSeconds.startTimer({ topic });
        if (!(await this.deliver(handler, topic, partition, slice, left.signal))) return;
        timer();
        const end = slice.at(-1)!.offset;
        // The marker of a transaction is no message but has an offset: it is passed with the last message.
        const reached = end === batch.messages.at(-1)!.offset ? batch.lastOffset() : end;
        const next = (BigInt(reached) + 1n).toString();
        await commitOffsetsIfNecessary({ topics: [{ topic: batch.topic, partitions: [{ partition, offset: next }] }] });
        resolveOffset(end);
        lag.set({ topic, partition }, Math.max(0, Number(BigInt(batch.highWatermark) - BigInt(next))));
      }
    } catch (error) {
      this.options.logger.debug({ topic, partition, err: error }, 'slice not committed: it will come again');
    } finally {
      this.inHand = undefined;
      clearInterval(heart);
    }
  }

  /** Gives a slice to its handler until that succeeds; false when the member stopped or lost the partition first. */
  private async deliver(
    handler: MessageHandler<Batch<MessageAttributes>, BaseRpcContext>,
    topic: string,
    partition: number,
    slice: KafkaMessage[],
    left: AbortSignal,
  ): Promise<boolean> {
    const backoff = new Backoff(RETRY_MS.first, RETRY_MS.most);
    const end = AbortSignal.any([left, this.member!.closed]);
    for (;;) {
      // Read anew for every try: a handler may have changed what it got.
      const batch = toBatch(topic, partition, slice, this.options.read ?? readEvent);
      try {
        await settled(await handler(batch, new BaseRpcContext([])));
        this.outage.over('the handler works again');
        received.inc({ topic }, batch.events.length);
        unreadable.inc({ topic }, batch.unreadable.length);
        return true;
      } catch (error) {
        failures.inc({ topic });
        if (error instanceof OtherIncarnation) {
          this.outage.report(`reading ${topic} is stopped: it is another topic than before`, error);
          if (await this.rewind(error)) return false;
        } else this.outage.report(`the handler of ${topic} fails; its slice is repeated until it succeeds`, error);
      }
      await pause(backoff.take(), end);
      if (end.aborted) return false;
    }
  }
}

const settled = (result: unknown) =>
  isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;

function toBatch(topic: string, partition: number, messages: KafkaMessage[], read: Reader): Batch<MessageAttributes> {
  const batch: Batch<MessageAttributes> = { topic, partition, events: [], unreadable: [] };
  for (const { offset, key, value, timestamp, headers } of messages) {
    const event = read({ topic, partition, offset, key, value, timestamp, ...(headers ? { headers } : {}) });
    if (isUnreadable(event)) batch.unreadable.push(event);
    else batch.events.push(event);
  }
  return batch;
}

/** Gives the failure of a handler back as it is; Nest's own filter would log it and hide it. */
@Catch()
class HandlerFailure implements RpcExceptionFilter {
  catch(failure: unknown): Observable<never> {
    return throwError(() => failure);
  }
}

/** Connects a consumer to an application; it starts with `app.startAllMicroservices()` and ends with `app.close()`. */
export function connectBatchConsumer(app: INestApplication, consumer: BatchConsumer): void {
  const microservice = app.connectMicroservice(
    { strategy: consumer },
    { inheritAppConfig: false, deferInitialization: true },
  ) as NestMicroservice;
  microservice.useGlobalFilters(new HandlerFailure());
  // The application itself runs the hooks of its modules.
  microservice.setIsInitHookCalled(true);
}
