import { referentialTopic } from '@myelin/contracts';
import type { Kafka, Producer, ProducerConfig } from 'kafkajs';
import {
  deleteTopics,
  kafkaOf,
  randomName,
  readTopic,
  recorder,
  SmallReferential,
  until,
  type OnTopic,
} from '../test/bed.js';
import type { KafkaClient } from './kafka.js';
import type { Outbox } from './outbox.js';
import { PACK_LIMITS } from './pack.js';
import { openProducer } from './producer.js';
import { Relay } from './relay.js';

const TOPIC = referentialTopic('person').name;
const ids = (count: number, start = 0) =>
  Array.from({ length: count }, (_, n) => `e${String(n + start).padStart(6, '0')}`);

let referential: SmallReferential;
const open: (() => Promise<unknown>)[] = [];

beforeAll(async () => void (referential = await SmallReferential.create()));
afterAll(() => referential.drop());
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  await referential.pool.query('truncate entity, outbox');
  // The next topic is another one, not the same that was lost.
  await referential.pool.query(`update publication set incarnation = null, ends = '{}'`);
});

function setUp(outbox: Outbox = referential.outbox(), prefix = randomName()) {
  const { logger, lines } = recorder();
  const client = kafkaOf(prefix, logger);
  const relay = new Relay({ client, entity: 'person', outbox, logger });
  open.push(
    () => deleteTopics(client),
    () => relay.stop(),
  );
  return { client, relay, lines, outbox, logger };
}

/** An outbox whose relay does not learn that its session was cut, as if it had been frozen. */
function deaf({ lead, ...rest }: Outbox): Outbox {
  return {
    ...rest,
    lead: async () => {
      const leadership = await lead();
      return leadership && { ...leadership, lost: new Promise(() => undefined) };
    },
  };
}

/** The same access to Kafka, with something that happens before every commit of a transaction. */
function beforeCommit(client: KafkaClient, happens: () => Promise<void>): KafkaClient {
  const producer = (config?: ProducerConfig): Producer => {
    const real = client.kafka.producer(config);
    const transaction = async () => {
      const open = await real.transaction();
      return { ...open, commit: () => happens().then(() => open.commit()) };
    };
    return { ...real, transaction };
  };
  return { ...client, kafka: Object.assign(Object.create(client.kafka) as Kafka, { producer }) };
}

/** By offset, the published revisions of an entity never decrease; the last one is the newest. */
async function expectConverged(messages: OnTopic[]): Promise<void> {
  const last = new Map<string, number>();
  for (const { key, headers } of messages) {
    const revision = Number(headers.ce_revision);
    expect({ key, revision, notLower: revision >= (last.get(key) ?? 0) }).toEqual({ key, revision, notLower: true });
    last.set(key, revision);
  }
  expect(last).toEqual(await referential.revisions());
}

describe('Relay', () => {
  it('publishes every dirty entity as a CloudEvent and empties the outbox', async () => {
    const { client, relay } = setUp();
    await referential.write(ids(5_000));
    await referential.write(['gone'], null);
    relay.start();
    await until(async () => (await referential.waiting()) === 0);
    expect(relay.status()).toEqual({ state: 'leading' });
    expect(relay.health()).toEqual({ status: 'ok', detail: 'leading' });

    const messages = await readTopic(client, TOPIC);
    expect(messages).toHaveLength(5_001);
    await expectConverged(messages);
    expect(messages.find(({ key }) => key === 'e000007')).toMatchObject({
      value: '{"note":"é"}',
      headers: {
        ce_specversion: '1.0',
        ce_id: '1-e000007-1',
        ce_source: '/referentials/person',
        ce_type: 'fr.myelin.person.updated.v1',
        ce_subject: 'e000007',
        ce_time: '2026-11-24T10:00:00Z',
        ce_dataschema: 'urn:myelin:master:person:1',
        ce_epoch: '1',
        ce_revision: '1',
        ce_correlationid: 'c-1',
        'content-type': 'application/json',
      },
    });
    expect(messages.find(({ key }) => key === 'gone')).toMatchObject({ value: null, headers: { ce_revision: '1' } });
  }, 60_000);

  it('publishes at once when it is woken', async () => {
    const { client, relay } = setUp();
    relay.start();
    await until(() => relay.status().state === 'leading');
    // Idle for long enough to look only twice a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const start = Date.now();
    await referential.write(['a']);
    relay.wake();
    await until(async () => (await referential.waiting()) === 0);
    expect(Date.now() - start).toBeLessThan(400);
    expect(await readTopic(client, TOPIC)).toHaveLength(1);
  }, 60_000);

  it('sets aside what is too large, once, and publishes the others', async () => {
    const { client, relay, lines } = setUp();
    await referential.write(ids(1), JSON.stringify({ text: 'x'.repeat(PACK_LIMITS.bytesPerPartition) }));
    await referential.write(ids(500, 1));
    relay.start();
    await until(async () => (await referential.waiting()) === 1);
    await referential.write(['later']);
    await until(async () => (await referential.waiting()) === 1);
    expect(await readTopic(client, TOPIC)).toHaveLength(501);
    expect(lines.filter(({ msg }) => msg.includes('too large'))).toHaveLength(1);
  }, 60_000);

  it('carries large states without ever exceeding what a partition takes', async () => {
    const { client, relay } = setUp();
    // Incompressible, in few partitions' worth of keys.
    const text = () => Array.from({ length: 20_000 }, () => Math.random().toString(36).slice(2, 12)).join('');
    for (const id of ids(60)) await referential.write([id], JSON.stringify({ text: text() }));
    relay.start();
    await until(async () => (await referential.waiting()) === 0);
    await expectConverged(await readTopic(client, TOPIC));
  }, 60_000);

  it('keeps revisions from decreasing, under constant change, when its lock is lost unnoticed and another takes over', async () => {
    const prefix = randomName();
    const first = setUp(deaf(referential.outbox()), prefix);
    const second = setUp(referential.outbox(), prefix);
    const all = ids(300);
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        await referential.write(all.filter((_, index) => (index * 7 + n) % 3 === 0));
        if (n % 50 === 0) first.relay.wake();
      }
    })();
    first.relay.start();
    await until(() => first.relay.status().state === 'leading');
    second.relay.start();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(second.relay.status().state).toBe('standby');

    expect(await referential.cutLeader()).toBe(1);
    await until(() => second.relay.status().state === 'leading');
    await until(() => first.relay.status().state === 'standby');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    writing = false;
    await writer;
    await until(async () => (await referential.waiting()) === 0);

    expect(first.lines.filter(({ msg }) => msg.startsWith('relay fenced: another relay took over'))).toHaveLength(1);
    expect(second.lines.filter(({ msg }) => msg.startsWith('relay fenced'))).toHaveLength(0);
    await expectConverged(await readTopic(first.client, TOPIC));
  }, 90_000);

  it('is fenced in the middle of a transaction: what it had sent is never seen', async () => {
    const prefix = randomName();
    const second = setUp(referential.outbox(), prefix);
    const { logger, lines } = recorder();
    let frozen = false;
    // Its first transaction stands open, messages sent, until the second relay has published.
    const client = beforeCommit(kafkaOf(prefix, logger), async () => {
      frozen = true;
      await until(async () => (await referential.waiting()) === 0);
    });
    const first = new Relay({ client, entity: 'person', outbox: deaf(referential.outbox()), logger });
    open.push(() => first.stop());
    await referential.write(ids(10));
    first.start();
    await until(() => frozen);

    await referential.write(ids(10));
    await referential.cutLeader();
    second.relay.start();
    await until(() => first.status().state === 'standby');

    expect(lines.filter(({ msg }) => msg.startsWith('relay fenced: another relay took over'))).toHaveLength(1);
    expect(second.relay.status()).toEqual({ state: 'leading' });
    const messages = await readTopic(second.client, TOPIC);
    expect(messages.map(({ headers }) => headers.ce_revision)).toEqual(Array.from({ length: 10 }, () => '2'));
    await expectConverged(messages);
  }, 60_000);

  it('comes back as a candidate when a producer that is no relay took its topic', async () => {
    const { client, relay, lines } = setUp();
    await referential.write(ids(10));
    relay.start();
    await until(async () => (await referential.waiting()) === 0);
    const usurper = await openProducer(kafkaOf(client.topicPrefix), TOPIC);
    await referential.write(ids(10));
    await until(() => lines.some(({ msg }) => msg.startsWith('relay fenced')));
    await usurper.close();
    await until(async () => (await referential.waiting()) === 0);
    await expectConverged(await readTopic(client, TOPIC));
  }, 60_000);

  it('leaves when its session is cut, and comes back', async () => {
    const { relay, client, lines } = setUp();
    relay.start();
    await until(() => relay.status().state === 'leading');
    await referential.cutLeader();
    await until(() => lines.some(({ msg }) => msg === 'the relay no longer leads'));
    await referential.write(ids(3));
    await until(async () => (await referential.waiting()) === 0);
    await expectConverged(await readTopic(client, TOPIC));
  }, 60_000);

  it('repeats a batch whose rows could not be marked: duplicates, no loss', async () => {
    const outbox = referential.outbox();
    let faults = 2;
    const { client, relay, lines } = setUp({
      ...outbox,
      done: (rows, sent) =>
        rows.length > 0 && faults-- > 0 ? Promise.reject(new Error('the database is away')) : outbox.done(rows, sent),
    });
    await referential.write(ids(10));
    relay.start();
    await until(async () => (await referential.waiting()) === 0);
    const messages = await readTopic(client, TOPIC);
    expect(messages).toHaveLength(30);
    await expectConverged(messages);
    // Of a new topic's leader Kafka may tell something too.
    const warnings = lines.filter(({ level, msg }) => level >= 40 && !String(msg).startsWith('Kafka does not'));
    expect(warnings.map(({ msg }) => msg)).toEqual(['the outbox cannot be read or written']);
  }, 60_000);

  it('stops quickly', async () => {
    const { relay } = setUp();
    relay.start();
    await until(() => relay.status().state === 'leading');
    const start = Date.now();
    await relay.stop();
    expect(Date.now() - start).toBeLessThan(2_000);
    expect(relay.status().state).toBe('stopped');
  }, 60_000);
});
