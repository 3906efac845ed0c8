import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { KafkaClient } from './kafka.js';
import type { Incoming } from './message.js';
import { bounded } from './waiting.js';

const FETCH_WAIT_MS = 500;
/** Answers without anything from every broker in a row after which nothing more is to come: compaction took the last messages. */
const QUIET_FETCHES = 20;
const CLOSE_MS = 5_000;
const PATIENCE_MS = 10_000;
const AGAIN_MS = 200;

/**
 * The first and the next offset of each partition of a topic. A partition that has just got its leader is waited for: kafkajs
 * itself gives up.
 */
export async function topicOffsets(admin: Admin, topic: string) {
  for (const end = performance.now() + PATIENCE_MS; ;) {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      const { type } = error as { type?: unknown };
      if (type !== 'NOT_LEADER_FOR_PARTITION' || performance.now() > end) throw error;
      await sleep(AGAIN_MS);
    }
  }
}

/** The end of each partition of a topic: the offset that its next message gets. Throws when there is no such topic. */
export async function topicEnds({ kafka, topicPrefix }: KafkaClient, name: string): Promise<bigint[]> {
  const admin = kafka.admin({ retry: { retries: 2 } });
  try {
    await admin.connect();
    const offsets = await topicOffsets(admin, topicPrefix + name);
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => BigInt(high));
  } finally {
    await bounded(admin.disconnect(), CLOSE_MS);
  }
}

/**
 * Gives every committed message between two offsets of each partition to `take`, batch by batch, in the order of each partition;
 * the next batch is fetched when `take` is done. Rejects with what `take` threw.
 */
export async function readTopic(
  { kafka, topicPrefix }: KafkaClient,
  name: string,
  range: { from: readonly bigint[]; to: readonly bigint[] },
  take: (messages: Incoming[]) => Promise<void>,
): Promise<void> {
  const open = new Map([...range.to.entries()].filter(([partition, to]) => to > (range.from[partition] ?? 0n)));
  if (open.size === 0) return;
  const topic = topicPrefix + name;
  const groupId = `${topic}.reading.${randomUUID()}`;
  const consumer = kafka.consumer({
    groupId,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytes: 1_048_576,
    maxBytesPerPartition: 262_144,
    allowAutoTopicCreation: false,
    retry: { retries: 10, restartOnFailure: () => Promise.resolve(false) },
  });
  const quiet = new Map<unknown, number>();
  let failed = false;
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.on(consumer.events.FETCH_START, ({ payload }) => {
        if (!quiet.has(payload.nodeId)) quiet.set(payload.nodeId, 0);
      });
      consumer.on(consumer.events.FETCH, ({ payload }) => {
        quiet.set(payload.nodeId, (quiet.get(payload.nodeId) ?? 0) + 1);
        if ([...quiet.values()].every((fetches) => fetches >= QUIET_FETCHES)) resolve();
      });
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
        quiet.clear();
        const to = open.get(payload.partition);
        if (to !== undefined && BigInt(payload.lastOffset) + 1n >= to) open.delete(payload.partition);
        if (open.size === 0) resolve();
      });
      const eachBatch = async ({ batch }: { batch: { partition: number; messages: readonly Incoming[] } }) => {
        const { partition } = batch;
        const [from, to] = [range.from[partition] ?? 0n, open.get(partition) ?? 0n];
        const within = batch.messages.filter(({ offset }) => BigInt(offset) >= from && BigInt(offset) < to);
        if (failed || within.length === 0) return;
        // Thrown into kafkajs, it would be tried again.
        await take(within.map((message) => ({ ...message, topic: name, partition }))).catch((error: Error) => {
          failed = true;
          reject(error);
        });
      };
      consumer
        .run({ autoCommit: false, eachBatch: eachBatch as never })
        .then(() => {
          for (const [partition] of open) {
            const from = range.from[partition] ?? 0n;
            if (from > 0n) consumer.seek({ topic, partition, offset: String(from) });
          }
        })
        .catch(reject);
    });
  } finally {
    await bounded(consumer.disconnect(), CLOSE_MS);
    await forget(kafka, groupId);
  }
}

/** A group that is left behind does no harm: the broker forgets it after a week. */
async function forget(kafka: KafkaClient['kafka'], groupId: string): Promise<void> {
  const admin = kafka.admin({ retry: { retries: 1 } });
  await bounded(
    admin
      .connect()
      .then(() => admin.deleteGroups([groupId]))
      .finally(() => admin.disconnect()),
    CLOSE_MS,
  );
}
