import { setTimeout as sleep } from 'node:timers/promises';
import { PARTITIONS, referentialTopic } from '@myelin/contracts';
import { deleteTopics, kafkaOf, randomName, recorder } from '../test/bed.js';
import { openProducer } from './producer.js';
import { ensureTopics, TopicMismatch } from './topics.js';

const contract = referentialTopic('person');

describe('createKafka', () => {
  const client = kafkaOf(randomName());
  afterAll(() => deleteTopics(client));

  it('costs next to nothing while idle, and warns of nothing', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning.name);
    process.on('warning', onWarning);
    await ensureTopics(client, [contract]);
    const topic = client.topicPrefix + contract.name;
    const admin = client.kafka.admin();
    await admin.connect();
    await admin.describeCluster();
    const producer = await openProducer(client, contract.name);
    await producer.send([{ key: 'a', value: null, partition: 0, headers: {} }], []);
    const consumer = client.kafka.consumer({ groupId: randomName(), maxWaitTimeInMs: 5_000 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async () => undefined });

    // A loop of 1 ms on each connection takes about 2.6 % of a core all the time; other work of this process comes and goes.
    const shares: number[] = [];
    for (let i = 0; i < 6; i++) {
      const before = process.cpuUsage();
      await sleep(2_500);
      const { user, system } = process.cpuUsage(before);
      shares.push((user + system) / 2_500_000);
    }
    expect(Math.min(...shares)).toBeLessThan(0.01);
    expect(warnings).toEqual([]);
    process.off('warning', onWarning);
    await consumer.disconnect();
    await producer.close();
    await admin.disconnect();
  });
});

describe('ensureTopics', () => {
  const client = kafkaOf(randomName());
  afterAll(() => deleteTopics(client));

  it('creates a topic as its contract says, and is quiet when it is there', async () => {
    await ensureTopics(client, [contract]);

    const { logger, lines } = recorder('info');
    await ensureTopics({ ...kafkaOf(client.topicPrefix, logger), logger }, [contract]);
    expect(lines).toEqual([]);

    const admin = client.kafka.admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [client.topicPrefix + contract.name] });
    expect(topics[0]?.partitions).toHaveLength(PARTITIONS);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: client.topicPrefix + contract.name, configNames: ['cleanup.policy'] }],
    });
    expect(resources[0]?.configEntries).toMatchObject([{ configName: 'cleanup.policy', configValue: 'compact' }]);
    await admin.disconnect();
  });

  it('can be called by several processes at once', async () => {
    const other = { ...contract, name: 'other' };
    await Promise.all([1, 2, 3].map(() => ensureTopics(kafkaOf(client.topicPrefix), [other, contract])));
  });

  it('refuses a topic with another number of partitions', async () => {
    await expect(ensureTopics(client, [{ ...contract, partitions: 3 }])).rejects.toThrow(TopicMismatch);
    await expect(ensureTopics(client, [{ ...contract, partitions: 3 }])).rejects.toThrow(/has 12 partitions.* says 3/);
  });
});
