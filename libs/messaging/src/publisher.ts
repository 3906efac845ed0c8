import type { MessageAttributes, TopicContract } from '@myelin/contracts';
import type { HealthReport, Logger } from '@myelin/platform';
import { CompressionTypes, Partitioners, type Message, type Producer } from 'kafkajs';
import type { KafkaClient } from './kafka.js';
import { Outage } from './outage.js';
import { slices } from './slices.js';
import { provisionTopics } from './topics.js';
import { bounded } from './waiting.js';

/** A message to publish; its `subject` is its key. */
export interface Publication {
  readonly attributes: MessageAttributes;
  readonly data: object;
}

export interface PublisherOptions {
  client: KafkaClient;
  /** The topic; it is created when it is missing. */
  contract: TopicContract;
  logger: Logger;
}

/** Most that one request carries before compression: below the 1 MB that a broker takes, should all go to one partition. */
const REQUEST = { messages: 1_000, bytes: 700_000 };
/** kafkajs goes on trying for minutes when a broker is frozen. */
const SEND_MS = 30_000;
const CLOSE_MS = 3_000;

/**
 * Publishes messages to a topic that has many producers, at least once: a message whose sending failed may be there all the same.
 * Every failure costs the producer: kafkajs does not recover one that has lost its sequence, and a new one costs little.
 */
export class Publisher {
  private opening: Promise<Producer> | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private readonly closing = new AbortController();
  private readonly outage: Outage;

  constructor(private readonly options: PublisherOptions) {
    this.outage = new Outage(options.logger, { topic: options.contract.name });
  }

  /** Sends all messages in their order, after those of earlier calls; rejects when Kafka did not take them all. */
  send(messages: readonly Publication[]): Promise<void> {
    const sending = this.last.then(() => this.sendNow(messages));
    this.last = sending.catch(() => undefined);
    return this.unlessClosed(sending);
  }

  /** Resolves when Kafka takes messages; rejects when it does not answer. */
  async ready(): Promise<void> {
    await this.unlessClosed(this.producer());
  }

  /** Degraded, never down, while Kafka takes no messages. */
  health(): HealthReport {
    const { detail } = this.outage;
    return detail === undefined ? { status: 'ok' } : { status: 'degraded', detail };
  }

  /** Lets the running requests end for 3 s, then makes whoever waits fail, and disconnects. */
  async close(): Promise<void> {
    await bounded(this.last, CLOSE_MS);
    this.closing.abort();
    await this.discard();
  }

  private async unlessClosed<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.closing;
    let refuse: () => void = () => undefined;
    const refused = new Promise<never>((_, reject) => (refuse = () => reject(closed())));
    signal.addEventListener('abort', refuse, { once: true });
    try {
      return await Promise.race([work, refused]);
    } finally {
      signal.removeEventListener('abort', refuse);
    }
  }

  private async sendNow(publications: readonly Publication[]): Promise<void> {
    const producer = await this.producer();
    const { client, contract } = this.options;
    const topic = client.topicPrefix + contract.name;
    try {
      for (const messages of slices(publications.map(toMessage), REQUEST)) {
        const sending = producer.send({ topic, messages, acks: -1, compression: CompressionTypes.GZIP });
        if (!(await bounded(sending, SEND_MS))) throw new Error(`no answer within ${SEND_MS / 1000} s`);
        await sending;
      }
      this.outage.over('Kafka takes messages again');
    } catch (error) {
      this.outage.report('Kafka does not take messages', error);
      await this.discard();
      throw error;
    }
  }

  private async producer(): Promise<Producer> {
    if (this.closing.signal.aborted) throw closed();
    this.opening ??= this.open();
    try {
      return await this.opening;
    } catch (error) {
      this.opening = undefined;
      this.outage.report('Kafka does not take messages', error);
      throw error;
    }
  }

  private async open(): Promise<Producer> {
    const { client, contract } = this.options;
    await provisionTopics(client, [contract]);
    const producer = client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    return producer;
  }

  private async discard(): Promise<void> {
    const { opening } = this;
    this.opening = undefined;
    if (opening)
      await bounded(
        opening.then((producer) => producer.disconnect()),
        CLOSE_MS,
      );
  }
}

const closed = () => new Error('the publisher is closed');

/** CloudEvents 1.0, binary mode. */
function toMessage({ attributes, data }: Publication): Message & { value: Buffer } {
  const { traceparent, ...named } = attributes;
  const headers: Record<string, string> = { ce_specversion: '1.0', 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(named)) if (value !== undefined) headers[`ce_${name}`] = String(value);
  if (traceparent) headers.traceparent = traceparent;
  return { key: attributes.subject, value: Buffer.from(JSON.stringify(data)), headers };
}
