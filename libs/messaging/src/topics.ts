import type { TopicContract } from '@myelin/contracts';
import type { Admin, ITopicMetadata } from 'kafkajs';
import type { KafkaClient } from './kafka.js';
import { Outage } from './outage.js';
import { Backoff, bounded, pause } from './waiting.js';

/** An existing topic is not as its contract says: a person must settle it, since the number of partitions is fixed at creation. */
export class TopicMismatch extends Error {
  constructor(topic: string, found: number, expected: number) {
    super(
      `topic ${topic} has ${found} partitions, its contract says ${expected}: records would change partition; ` +
        'create a new topic and republish',
    );
    this.name = 'TopicMismatch';
  }
}

export interface EnsureTopicsOptions {
  /** Default: 3, or the number of brokers when there are fewer. */
  replicationFactor?: number;
  /** Ends the waiting; the call then resolves with the work undone. */
  signal?: AbortSignal;
}

/**
 * Creates the topics that are missing and checks the others, waiting for the broker as long as it takes.
 * @throws TopicMismatch when an existing topic has another number of partitions.
 */
export async function ensureTopics(
  client: KafkaClient,
  contracts: readonly TopicContract[],
  options: EnsureTopicsOptions = {},
): Promise<void> {
  const outage = new Outage(client.logger, { topics: contracts.map(({ name }) => name) });
  const backoff = new Backoff(250, 5_000);
  while (!options.signal?.aborted) {
    try {
      await provisionTopics(client, contracts, options.replicationFactor);
      outage.over('the topics are there');
      return;
    } catch (error) {
      if (error instanceof TopicMismatch) throw error;
      outage.report('Kafka does not answer yet: the topics cannot be checked', error);
      await pause(backoff.take(), options.signal);
    }
  }
}

/** So often, and so far apart, a topic is looked for that another process is creating. */
const LOOKS = 20;
const LOOK_MS = 100;

/** One try of `ensureTopics`: throws when the broker is away. */
export async function provisionTopics(
  client: KafkaClient,
  contracts: readonly TopicContract[],
  replicationFactor?: number,
): Promise<void> {
  const admin = client.kafka.admin();
  try {
    await admin.connect();
    const missing = await check(admin, client, contracts);
    if (missing.length === 0) return;
    const replicas = replicationFactor ?? Math.min(3, (await admin.describeCluster()).brokers.length);
    const created = await admin.createTopics({
      waitForLeaders: true,
      timeout: 10_000,
      topics: missing.map(({ name, partitions, config }) => ({
        topic: client.topicPrefix + name,
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: Object.entries(durable(config, replicas)).map(([key, value]) => ({ name: key, value })),
      })),
    });
    // False: another process was quicker with at least one of them, so they are looked at again.
    // What it has begun to create is told by the broker a moment later.
    let absent = created ? [] : await check(admin, client, missing);
    for (let i = 0; i < LOOKS && absent.length > 0; i++) {
      await pause(LOOK_MS);
      absent = await check(admin, client, missing);
    }
    if (absent.length > 0) throw new Error('some topics could not be created yet');
    if (created) client.logger.info({ topics: missing.map(({ name }) => name), replicas }, 'topics created');
  } finally {
    await bounded(admin.disconnect(), 3_000);
  }
}

/** With three replicas an acknowledged message must stand on two of them, whatever the brokers' default is. */
const durable = (config: TopicContract['config'], replicas: number) =>
  replicas >= 3 ? { 'min.insync.replicas': '2', ...config } : config;

async function check(admin: Admin, { topicPrefix }: KafkaClient, contracts: readonly TopicContract[]) {
  // Asking for all topics: asking for a missing one by name is an error that kafkajs retries for seconds.
  const { topics } = await admin.fetchTopicMetadata();
  const found = new Map(topics.map((topic: ITopicMetadata) => [topic.name, topic.partitions.length]));
  return contracts.filter(({ name, partitions }) => {
    const count = found.get(topicPrefix + name);
    if (count !== undefined && count !== partitions) throw new TopicMismatch(topicPrefix + name, count, partitions);
    return count === undefined;
  });
}
