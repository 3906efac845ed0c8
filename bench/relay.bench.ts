import { readFileSync } from 'node:fs';
import { CompressionTypes, Partitioners } from 'kafkajs';
import { referentialTopic } from '@myelin/contracts';
import type { KafkaClient } from '@myelin/messaging';
import { until, type Service } from '@myelin/testing';
import { connected, countRows, outboxEmpty, settle } from './database.js';
import { importPersons, type Services } from './hub.js';
import { alternate, peakRssMb, speeds, type Bench } from './measure.js';
import { kafkaOf, readTopic, type Placed } from './topic.js';

const UNIT = 'states/s';
const { name: TOPIC, partitions: PARTITIONS } = referentialTopic('person');

/**
 * A full outbox published by the relay of the person service, from the moment it leads until the outbox is empty; against kafkajs
 * sending the same bytes from memory in as many batches, acknowledged by all replicas and idempotent, without transactions.
 */
export const relayBench: Bench = {
  name: 'relay',
  n: 100_000,
  async run(context) {
    const { n, services } = context;
    const { settings } = await services.stack();
    const server = settings.DATABASE_URL as string;
    const kafka = kafkaOf(settings.KAFKA_BROKERS as string);
    const full = await fullOutbox(services, n);
    const peaks: number[] = [];
    let messages: Placed[] = [];
    let batch = 0;

    const ours = async () => {
      const installation = await services.fresh(['person']);
      const url = installation.databaseUrl('person');
      await connected(server, (client) =>
        client.query(`create database "${nameOf(url)}" template "${nameOf(full.databaseUrl('person'))}"`),
      );
      const { person } = installation.services;
      const time = await connected(url, async (client) => {
        await settle(client);
        await person.start();
        await outboxEmpty(client);
        return (Date.now() - (await leadSince(person))) / 1000;
      });
      peaks.push(peakRssMb(person.pid));
      batch = Math.ceil(n / (await batchesOf(person)));
      await installation.end();
      const found = await readTopic(kafka, installation.topicPrefix + TOPIC, n);
      messages = [...found.values()];
      return { value: n / time, counts: { keys: found.size } };
    };

    const reference = async (round: number) => {
      const topic = `reference-${round}.${TOPIC}`;
      const time = await sendRaw(kafka, topic, messages, batch);
      const found = await readTopic(kafka, topic, n);
      return { value: n / time, counts: { keys: found.size } };
    };

    const sides = await alternate(context, UNIT, ours, reference).finally(() => full.end());
    return speeds(sides, UNIT, peaks);
  },
};

/** An installation whose database holds `n` dirty persons: they were imported while there was no Kafka. */
async function fullOutbox(services: Services, n: number) {
  const file = await services.persons(n);
  const full = await services.fresh(['person'], { settings: { KAFKA_BROKERS: '127.0.0.1:1' } });
  const { person } = full.services;
  await person.start();
  await importPersons(person, file, n);
  await person.stop();
  await connected(full.databaseUrl('person'), async (client) => {
    await client.query('vacuum analyze');
    const { outbox } = await countRows(client, ['outbox']);
    if (outbox !== n) throw new Error(`${outbox} of ${n} persons are dirty`);
  });
  return full;
}

/** Sends the messages from memory, one batch after the other, and answers the seconds that took. */
async function sendRaw({ kafka }: KafkaClient, topic: string, messages: readonly Placed[], batch: number) {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1 }],
  });
  await admin.disconnect();
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  // Metadata and producer id are fetched with the first message: the relay has them when it leads.
  await producer.send({ topic, acks: -1, messages: messages.slice(0, 1) });
  const start = performance.now();
  for (let at = 0; at < messages.length; at += batch) {
    const part = messages.slice(at, at + batch);
    await producer.send({ topic, acks: -1, compression: CompressionTypes.GZIP, messages: part });
  }
  const time = (performance.now() - start) / 1000;
  await producer.disconnect();
  return time;
}

/** When the relay of a service began to lead, by its own log. */
async function leadSince(person: Service): Promise<number> {
  let since: number | undefined;
  await until('the relay should lead', () => {
    const lines = readFileSync(person.logFile, 'utf8').trimEnd().split('\n');
    const line = lines.findLast((text) => text.includes('"msg":"the relay leads"'));
    since = line === undefined ? undefined : Date.parse((JSON.parse(line) as { time: string }).time);
    return since !== undefined;
  });
  return since as number;
}

async function batchesOf(person: Service): Promise<number> {
  const metrics = await (await fetch(`${person.url}/metrics`)).text();
  return Number(/^myelin_relay_batches_total\{[^}]*\} (\d+)$/m.exec(metrics)?.[1]);
}

const nameOf = (url: string) => new URL(url).pathname.slice(1);
