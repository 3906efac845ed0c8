import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import { referentialTopic } from '@myelin/contracts';
import { Partitioners, type Consumer } from 'kafkajs';
import { from, mergeMap, Observable } from 'rxjs';
import { deleteTopics, kafkaOf, randomName, recorder, SmallReferential, until } from '../test/bed.js';
import { BatchConsumer, connectBatchConsumer, type Batch, type BatchConsumerOptions } from './batch-consumer.js';
import { OtherIncarnation } from './incarnation.js';
import { createKafka } from './kafka.js';
import { eventMessage } from './pack.js';
import { Relay } from './relay.js';
import { ensureTopics } from './topics.js';

const contract = referentialTopic('person');
const ids = (count: number) => Array.from({ length: count }, (_, n) => `e${String(n).padStart(6, '0')}`);

type Handle = (batch: Batch) => unknown;

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A service that consumes persons, as an application would. */
async function startService(prefix: string, handle: Handle, options: Partial<BatchConsumerOptions> = {}) {
  @Controller()
  class Persons {
    @EventPattern<string>(contract.name)
    receive(@Payload() batch: Batch): unknown {
      return handle(batch);
    }
  }
  @Module({ controllers: [Persons] })
  class Service {}

  const { logger, lines } = recorder();
  const consumer = new BatchConsumer({
    client: kafkaOf(prefix, logger),
    service: 'spec',
    logger,
    sessionTimeoutMs: 6_000,
    ...options,
  });
  const app: INestApplication = await NestFactory.create(Service, { logger: false });
  connectBatchConsumer(app, consumer);
  await app.startAllMicroservices();
  await app.init();
  open.push(() => app.close());
  return { app, consumer, lines };
}

async function newTopic() {
  const client = kafkaOf(randomName());
  await ensureTopics(client, [contract]);
  open.push(() => deleteTopics(client));
  return client;
}

/** Sends events of one entity, so that they stand in one partition in this order. */
async function sendRevisions(prefix: string, revisions: number[], broken: number[] = []) {
  const producer = kafkaOf(prefix).kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = revisions.map((revision) => {
    const row = {
      id: 'a',
      revision,
      epoch: 1,
      kind: 'updated' as const,
      value: '{"x":1}',
      time: '2026-11-24T10:00:00Z',
    };
    const message = eventMessage('person', row, contract.partitions);
    return broken.includes(revision) ? { ...message, value: Buffer.from('{"x":') } : message;
  });
  await producer.send({ topic: prefix + contract.name, messages });
  await producer.disconnect();
  return messages[0]!.partition;
}

async function committed(prefix: string, partition: number): Promise<string | undefined> {
  const admin = kafkaOf(prefix).kafka.admin();
  await admin.connect();
  const groupId = `${prefix}spec.${contract.name}`;
  // The coordinator of a group that has just begun may still be loading.
  const [topic] = await admin.fetchOffsets({ groupId, topics: [prefix + contract.name] }).catch(() => []);
  await admin.disconnect();
  return topic?.partitions.find((each) => each.partition === partition)?.offset;
}

describe('BatchConsumer', () => {
  it('gets what a relay publishes, from the beginning, in slices, without transaction markers in its lag', async () => {
    const referential = await SmallReferential.create();
    open.push(() => referential.drop());
    const client = kafkaOf(randomName());
    const relay = new Relay({ client, entity: 'person', outbox: referential.outbox(), logger: client.logger });
    open.push(
      () => deleteTopics(client),
      () => relay.stop(),
    );
    await referential.write(ids(20_000));
    relay.start();
    const seen = new Map<string, number>();
    let largest = 0;
    const { consumer } = await startService(client.topicPrefix, (batch) => {
      largest = Math.max(largest, batch.events.length);
      for (const { attributes, state, json } of batch.events) {
        expect([state, json]).toEqual([{ note: 'é' }, '{"note":"é"}']);
        expect(attributes.revision).toBeGreaterThanOrEqual(seen.get(attributes.subject) ?? 0);
        seen.set(attributes.subject, attributes.revision);
      }
    });
    await until(() => seen.size === 20_000);
    await referential.write(ids(1_000));
    relay.wake();
    await until(async () => (await referential.waiting()) === 0);
    const expected = await referential.revisions();
    await until(() => [...expected].every(([id, revision]) => seen.get(id) === revision));
    expect(largest).toBeGreaterThan(100);
    expect(largest).toBeLessThanOrEqual(500);
    expect(consumer.state()).toEqual({ state: 'consuming' });
    expect(consumer.health()).toEqual({ status: 'ok', detail: 'consuming' });
  }, 60_000);

  it('repeats a slice until its handler succeeds: nothing lost, order kept, committed only then', async () => {
    const { topicPrefix } = await newTopic();
    const partition = await sendRevisions(topicPrefix, [1, 2, 3]);
    const seen: number[] = [];
    let faults = 3;
    let offsetWhileFailing: string | undefined;
    const { consumer, lines } = await startService(topicPrefix, async (batch) => {
      if (faults > 0) {
        // What a failed try did to its batch must not show in the next one.
        batch.events.length = 0;
        if (--faults === 0) offsetWhileFailing = await committed(topicPrefix, partition);
        throw new Error('the database is away');
      }
      seen.push(...batch.events.map(({ attributes }) => attributes.revision));
    });
    await until(() => consumer.state().state === 'retrying');
    expect(consumer.health()).toMatchObject({ status: 'degraded' });
    await until(() => seen.length >= 3);
    await sendRevisions(topicPrefix, [4, 5]);
    await until(() => seen.length >= 5);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(offsetWhileFailing).toBe('-1');
    await until(async () => (await committed(topicPrefix, partition)) === '5');
    expect(consumer.state()).toEqual({ state: 'consuming' });
    // One line says that it fails, one that it works again; the database's words reach the log, Nest's do not.
    expect(lines.filter(({ level }) => level >= 40)).toHaveLength(1);
  }, 60_000);

  it('repeats a slice whose handler fails through its observable', async () => {
    const { topicPrefix } = await newTopic();
    await sendRevisions(topicPrefix, [1]);
    let tries = 0;
    await startService(topicPrefix, (): Observable<void> =>
      from(sleep(10)).pipe(
        mergeMap(async () => {
          if (++tries < 3) throw new Error('not yet');
        }),
      ),
    );
    await until(() => tries === 3);
    await sleep(500);
    expect(tries).toBe(3);
  }, 60_000);

  it('hands over what cannot be read, and the rest flows', async () => {
    const { topicPrefix } = await newTopic();
    const partition = await sendRevisions(topicPrefix, [1, 2, 3], [2]);
    const batches: Batch[] = [];
    await startService(topicPrefix, (batch) => void batches.push(batch));
    await until(() => batches.length > 0);
    const [{ events, unreadable }] = batches as [Batch];
    expect(events.map(({ attributes, offset }) => [attributes.revision, offset])).toEqual([
      [1, '0'],
      [3, '2'],
    ]);
    expect(unreadable).toEqual([
      {
        topic: contract.name,
        partition,
        offset: '1',
        key: 'a',
        bytes: Buffer.from('{"x":'),
        reason: 'value: not JSON',
      },
    ]);
    await until(async () => (await committed(topicPrefix, partition)) === '3');
  }, 60_000);

  it('keeps its place in the group while a handler takes longer than the session', async () => {
    const { topicPrefix } = await newTopic();
    await sendRevisions(topicPrefix, [1]);
    const seen: number[] = [];
    await startService(topicPrefix, async (batch) => {
      if (seen.length === 0) await sleep(9_000);
      seen.push(...batch.events.map(({ attributes }) => attributes.revision));
    });
    await sleep(1_000);
    await sendRevisions(topicPrefix, [2]);
    await until(() => seen.length >= 2);
    expect(seen).toEqual([1, 2]);
  }, 60_000);

  it('gives its partitions to a new member although its handler fails for ever', async () => {
    const { topicPrefix } = await newTopic();
    await sendRevisions(topicPrefix, [1, 2]);
    const seen: number[] = [];
    let failing = true;
    const handle = (batch: Batch) => {
      if (failing) throw new Error('away');
      seen.push(...batch.events.map(({ attributes }) => attributes.revision));
    };
    const first = await startService(topicPrefix, handle);
    await until(() => first.consumer.state().state === 'retrying');
    const second = await startService(topicPrefix, handle);
    await until(() => second.consumer.state().state !== 'waiting for Kafka');
    failing = false;
    await until(() => seen.length >= 2);
    expect(seen).toEqual([1, 2]);
  }, 60_000);

  it('finishes the running slice and commits it when it is closed', async () => {
    const { topicPrefix } = await newTopic();
    const partition = await sendRevisions(topicPrefix, [1, 2]);
    let started = false;
    let finished = false;
    const { app, consumer } = await startService(topicPrefix, async () => {
      started = true;
      await sleep(1_500);
      finished = true;
    });
    await until(() => started);
    const start = Date.now();
    await app.close();
    expect(finished).toBe(true);
    expect(Date.now() - start).toBeLessThan(8_000);
    expect(await committed(topicPrefix, partition)).toBe('2');
    expect(consumer.state()).toEqual({ state: 'stopped' });
  }, 60_000);

  it('waits for a topic that is not there yet, and says so once', async () => {
    const client = kafkaOf(randomName());
    const seen: number[] = [];
    const { consumer, lines } = await startService(client.topicPrefix, ({ events }) => void seen.push(events.length));
    await until(() => consumer.state().detail !== undefined);
    expect(consumer.state()).toMatchObject({
      state: 'waiting for Kafka',
      detail: expect.stringContaining('a topic is missing'),
    });
    await ensureTopics(client, [contract]);
    open.push(() => deleteTopics(client));
    await sendRevisions(client.topicPrefix, [1]);
    await until(() => seen.length > 0);
    expect(lines.filter(({ level }) => level >= 40)).toHaveLength(1);
  }, 60_000);

  it('starts without a broker and can be closed', async () => {
    const { logger } = recorder();
    // A port where nobody listens.
    const client = createKafka({ brokers: ['127.0.0.1:1'], clientId: 'spec', logger });
    const { consumer, app } = await startService('', () => undefined, { client });
    await until(() => consumer.state().detail === 'Kafka does not answer');
    expect(consumer.health()).toMatchObject({ status: 'degraded' });
    const [reading] = consumer.reading();
    expect(reading).toMatchObject({ topic: contract.name, detail: 'Kafka does not answer' });
    expect(reading?.unreadSince?.getTime()).toBeLessThan(Date.now());
    const start = Date.now();
    await app.close();
    expect(Date.now() - start).toBeLessThan(10_000);
  }, 60_000);

  it('joins anew when it stops moving although messages are there', async () => {
    const { topicPrefix } = await newTopic();
    await sendRevisions(topicPrefix, [1]);
    const seen: number[] = [];
    const { consumer, lines } = await startService(
      topicPrefix,
      ({ events }) => void seen.push(...events.map(({ attributes }) => attributes.revision)),
      { lookMs: 500, stallMs: 3_000 },
    );
    await until(() => seen.length === 1);
    // Idle is no standstill.
    await sleep(4_500);
    expect(lines.filter(({ level }) => level >= 40)).toEqual([]);
    consumer.unwrap<Consumer>().pause([{ topic: topicPrefix + contract.name }]);
    await sleep(500);
    await sendRevisions(topicPrefix, [2]);
    await until(() => seen.length === 2);
    expect(lines.filter(({ msg }) => /has not moved for \d+ s/.test(msg))).toHaveLength(1);
    await until(() => consumer.state().state === 'consuming');
  }, 60_000);

  it('leaves a handler alone that takes longer than that', async () => {
    const { topicPrefix } = await newTopic();
    await sendRevisions(topicPrefix, [1]);
    let calls = 0;
    const handle = async () => {
      calls++;
      await sleep(5_000);
    };
    const { lines } = await startService(topicPrefix, handle, { lookMs: 200, stallMs: 1_000 });
    await until(() => calls === 1);
    await sendRevisions(topicPrefix, [2]);
    await until(() => calls === 2);
    expect(lines.filter(({ msg }) => msg.includes('has not moved'))).toEqual([]);
  }, 60_000);

  it('stops at another incarnation, and goes on with the first message of every partition once it is let', async () => {
    const { topicPrefix } = await newTopic();
    const partition = await sendRevisions(topicPrefix, [1, 2]);
    const seen: number[] = [];
    let accepted = true;
    const { consumer, lines } = await startService(topicPrefix, ({ events }) => {
      const revisions = events.map(({ attributes }) => attributes.revision);
      if (revisions.includes(3) && !accepted) throw new OtherIncarnation(contract.name, 'b', 'Look into the runbook.');
      seen.push(...revisions);
    });
    await until(() => seen.length === 2);
    await until(() => consumer.reading()[0]?.unreadSince === undefined);
    expect(consumer.reading()).toEqual([{ topic: contract.name }]);
    const before = new Date();
    accepted = false;
    await sendRevisions(topicPrefix, [3]);
    await until(async () => (await committed(topicPrefix, partition)) === '0');
    // It is read again from its first message, which is older than what has stopped it.
    await until(() => consumer.reading()[0]!.unreadSince! < before);
    expect(consumer.reading()[0]?.detail).toContain('it is another topic than before');
    expect(consumer.health()).toMatchObject({ status: 'degraded', detail: expect.stringContaining('another topic') });
    accepted = true;
    await until(() => seen.length >= 5);
    expect(seen).toEqual([1, 2, 1, 2, 3]);
    await until(() => consumer.health().status === 'ok');
    await until(() => consumer.reading()[0]?.unreadSince === undefined);
    expect(lines.filter(({ level }) => level >= 40)).toHaveLength(1);
  }, 60_000);

  it('says so when its topic ends before what it has read, until it reads again', async () => {
    const client = await newTopic();
    const partition = await sendRevisions(client.topicPrefix, [1, 2, 3]);
    const seen: number[] = [];
    const { consumer, lines } = await startService(
      client.topicPrefix,
      ({ events }) => void seen.push(...events.map(({ attributes }) => attributes.revision)),
      { lookMs: 300 },
    );
    const detail = `partition ${partition} of ${client.topicPrefix}${contract.name} ends at 0, before 3`;
    const says = () => consumer.health().detail?.startsWith(detail);
    // With a topic Kafka forgets what was committed for it: a member that finds out at once begins anew, and has nothing to say.
    for (let isSaid = false; !isSaid;) {
      await until(async () => (await committed(client.topicPrefix, partition)) === '3');
      await deleteTopics(client);
      await ensureTopics(client, [contract]);
      isSaid = await until(says, 15_000).catch(() => false);
      if (!isSaid) await sendRevisions(client.topicPrefix, [1, 2, 3]);
    }
    expect(lines.filter(({ level, msg }) => level === 50 && msg.startsWith(detail))).toHaveLength(1);
    await sendRevisions(client.topicPrefix, [1, 2, 3]);
    await until(() => consumer.health().status === 'ok');
    expect(seen.slice(-3)).toEqual([1, 2, 3]);
  }, 120_000);

  it('reports an error that kafkajs takes for final, and leaves when it does not pass', async () => {
    const { topicPrefix } = await newTopic();
    const told: string[] = [];
    const { consumer } = await startService(topicPrefix, () => undefined, {
      // Refused by every broker.
      sessionTimeoutMs: 30,
      onFatal: () => told.push('fatal'),
      leave: () => told.push('leave'),
    });
    await until(() => told.length > 0);
    expect(consumer.state().state).toBe('failed');
    expect(consumer.health().status).toBe('down');
    await until(() => told.length > 1);
    expect(told).toEqual(['fatal', 'leave']);
  }, 60_000);
});
