import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { deliveriesTopic, type MessageAttributes } from '@myelin/contracts';
import { deleteTopics, kafkaOf, randomName, readTopic, recorder, until } from '../test/bed.js';
import { createKafka } from './kafka.js';
import { readMessage } from './message.js';
import { keyPartition } from './pack.js';
import { Publisher } from './publisher.js';

const attributes = (n: number): MessageAttributes => ({
  ...{ id: `m${n}`, source: '/spec', type: 'fr.myelin.spec.v1', subject: `key${n % 50}`, dataschema: 'urn:spec' },
  ...{ time: '2026-11-24T10:00:00Z', correlationid: 'c-1' },
});
const messages = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ attributes: attributes(n), data: { n, text: 'é'.repeat(500) } }));

describe('Publisher', () => {
  const client = kafkaOf(randomName());
  const publisher = new Publisher({ client, contract: deliveriesTopic, logger: recorder().logger });
  afterAll(async () => {
    await publisher.close();
    await deleteTopics(client);
  });

  it('creates its topic, and keeps the order of each key through calls that overlap', async () => {
    const all = messages(2_500);
    await Promise.all([publisher.send(all.slice(0, 2_000)), publisher.send(all.slice(2_000))]);
    const found = await readTopic(client, deliveriesTopic.name);
    expect(found).toHaveLength(2_500);
    for (const [key, own] of Map.groupBy(found, (message) => message.key)) {
      const order = own.map(({ value }) => (JSON.parse(value ?? '') as { n: number }).n);
      expect(order).toEqual([...order].sort((a, b) => a - b));
      expect(new Set(own.map(({ partition }) => partition))).toEqual(
        new Set([keyPartition(key, deliveriesTopic.partitions)]),
      );
    }
    const [{ key, value, headers, partition, offset }] = found as [(typeof found)[0]];
    const incoming = { topic: 'deliveries.v1', partition, offset: String(offset), headers };
    expect(readMessage({ ...incoming, key: Buffer.from(key), value: Buffer.from(value ?? '') })).toMatchObject({
      attributes: { type: 'fr.myelin.spec.v1', subject: key, correlationid: 'c-1' },
      state: { text: 'é'.repeat(500) },
    });
  }, 60_000);

  it('goes on after a failure, with a new producer and a new topic', async () => {
    await deleteTopics(client);
    await expect(publisher.send(messages(1))).rejects.toThrow();
    expect(publisher.health()).toMatchObject({ status: 'degraded' });
    // The broker may still be busy with deleting.
    const sent = () =>
      publisher.send(messages(1)).then(
        () => true,
        () => false,
      );
    await until(sent, 90_000);
    expect(publisher.health()).toEqual({ status: 'ok' });
    expect((await readTopic(client, deliveriesTopic.name)).map(({ key }) => key)).toEqual(['key0']);
  }, 120_000);

  it('says once that there is no broker', async () => {
    const { logger, lines } = recorder();
    // A port where nobody listens.
    const nowhere = createKafka({ brokers: ['127.0.0.1:1'], clientId: 'spec', logger });
    const lonely = new Publisher({ client: nowhere, contract: deliveriesTopic, logger });
    await expect(lonely.send(messages(1))).rejects.toThrow();
    await expect(lonely.ready()).rejects.toThrow();
    expect(lonely.health()).toMatchObject({ status: 'degraded', detail: 'Kafka does not take messages' });
    expect(lines.filter(({ level }) => level >= 40)).toHaveLength(1);
    await lonely.close();
  }, 60_000);

  it('lets nobody wait when it is closed', async () => {
    const mute = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const { logger } = recorder();
    const nowhere = createKafka({ brokers: [`127.0.0.1:${port}`], clientId: 'spec', logger });
    const silent = new Publisher({ client: nowhere, contract: deliveriesTopic, logger });
    const waiting = [silent.send(messages(1)), silent.ready()].map((one) => expect(one).rejects.toThrow());
    const start = Date.now();
    await silent.close();
    await Promise.all(waiting);
    await expect(silent.ready()).rejects.toThrow();
    expect(Date.now() - start).toBeLessThan(10_000);
    mute.close();
  }, 60_000);
});
