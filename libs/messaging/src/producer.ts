import { CompressionTypes, Partitioners, type Producer } from 'kafkajs';
import { TopicReplaced } from './continuity.js';
import type { KafkaClient } from './kafka.js';
import type { Outgoing } from './pack.js';
import { bounded } from './waiting.js';

/** A producer that alone may write to its topic, until another one is opened for the same topic. */
export interface FencedProducer {
  /**
   * Sends all messages, or none, in one transaction to a topic that reaches at least to `ends`, and answers how far it reaches
   * then. After a failure the producer is good for nothing but `close`.
   * @throws TopicReplaced, with nothing sent, when the topic does not reach so far.
   */
  send(messages: Outgoing[], ends: readonly bigint[]): Promise<bigint[]>;
  /** Disconnects within 3 s: after a failure kafkajs may wait for answers that never come. */
  close(): Promise<void>;
}

/** With kafkajs's own waiting (300 ms) the short pause that Kafka asks for between two transactions would cost 90 % of the speed. */
const RETRY = { initialRetryTime: 3, maxRetryTime: 200, multiplier: 1.5, retries: 30 };
/** Readers are held back so long by a relay that died inside a transaction, unless the next one comes first. */
const TRANSACTION_TIMEOUT_MS = 10_000;
const CLOSE_MS = 3_000;
/** kafkajs goes on trying for minutes when a broker is frozen; the transaction is over long before. */
const SEND_MS = 30_000;

/** Opens the one producer of a topic, initialised: from here on every older producer of the topic is refused by the broker. */
export async function openProducer({ kafka, topicPrefix }: KafkaClient, name: string): Promise<FencedProducer> {
  const topic = topicPrefix + name;
  const producer = kafka.producer({
    transactionalId: transactionalId(topic),
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    retry: RETRY,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  const close = async () => void (await bounded(producer.disconnect(), CLOSE_MS));
  try {
    await producer.connect();
    // kafkajs initialises a transactional producer with its first transaction; an empty one costs nothing more.
    const first = await producer.transaction();
    await first.abort();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    close,
    async send(messages, ends) {
      const sending = sendAll(producer, topic, messages, ends);
      if (await bounded(sending, SEND_MS)) return sending;
      // What goes on behind cannot do harm: the next producer of the topic fences this one.
      void sending.catch(() => undefined).then(() => producer.disconnect());
      throw new Error(`no answer within ${SEND_MS / 1000} s`);
    },
  };
}

async function sendAll(
  producer: Producer,
  topic: string,
  messages: Outgoing[],
  ends: readonly bigint[],
): Promise<bigint[]> {
  const transaction = await producer.transaction();
  const appended = await transaction.send({ topic, messages, acks: -1, compression: CompressionTypes.GZIP });
  const reached = [...ends];
  for (const { partition, baseOffset } of appended) {
    const base = BigInt(baseOffset ?? -1);
    if (base < (ends[partition] ?? 0n)) {
      await transaction.abort();
      throw new TopicReplaced(topic);
    }
    // The marker of the transaction takes one more.
    reached[partition] = base + BigInt(messages.filter((message) => message.partition === partition).length) + 1n;
  }
  await transaction.commit();
  return reached;
}

/** The transactional id that every relay of a topic uses: Kafka lets only the newest of its users write. */
export const transactionalId = (topic: string) => `${topic}.relay`;
