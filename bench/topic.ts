import { createKafka, type KafkaClient } from '@myelin/messaging';
import { createLogger } from '@myelin/platform';
import { suiteName, until } from '@myelin/testing';

/** A message as a producer takes it, and its place. */
export interface Placed {
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
  readonly partition: number;
}

/** Kafka as our services reach it, without their log. */
export function kafkaOf(brokers: string): KafkaClient {
  return createKafka({ brokers: brokers.split(','), clientId: 'bench', logger: createLogger('bench', 'silent') });
}

/** The newest committed message of every key of a topic, once `expected` keys are there and nothing more comes. */
export async function readTopic({ kafka }: KafkaClient, topic: string, expected: number): Promise<Map<string, Placed>> {
  const found = new Map<string, Placed>();
  let last = Date.now();
  const consumer = kafka.consumer({ groupId: suiteName('bench') });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        last = Date.now();
        for (const { key, value, headers } of batch.messages) {
          const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]);
          const message = { key: String(key), value, headers: Object.fromEntries(texts) as Record<string, string> };
          found.set(message.key, { ...message, partition: batch.partition });
        }
        return Promise.resolve();
      },
    });
    await until('the topic should be read', () => Date.now() - last > (found.size >= expected ? 500 : 10_000), {
      deadlineMs: 300_000,
    });
  } finally {
    await consumer.disconnect();
  }
  return found;
}

/** Forgets how far the consumers of an installation have read, so that the next one begins at the beginning. */
export async function forgetGroups({ kafka }: KafkaClient, prefix: string): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.deleteGroups(groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(prefix)));
  await admin.disconnect();
}

/** Reads a topic from the beginning and throws away what it reads; seconds from the moment it may read to the `expected`th message. */
export async function readThrough(
  { kafka }: KafkaClient,
  topic: string,
  expected: number,
): Promise<{ messages: number; time: number }> {
  const consumer = kafka.consumer({ groupId: suiteName('bench') });
  let [messages, begin, end] = [0, 0, 0];
  consumer.on(consumer.events.GROUP_JOIN, () => (begin = performance.now()));
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        messages += batch.messages.length;
        end = performance.now();
        return Promise.resolve();
      },
    });
    await until('the topic should be read', () => messages >= expected, { deadlineMs: 300_000, everyMs: 5 });
  } finally {
    await consumer.disconnect();
  }
  return { messages, time: (end - begin) / 1000 };
}
