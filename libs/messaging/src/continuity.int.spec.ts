import { referentialTopic } from '@myelin/contracts';
import {
  deleteTopics,
  kafkaOf,
  randomName,
  readTopic as readAll,
  recorder,
  SmallReferential,
  until,
} from '../test/bed.js';
import type { Incoming } from './message.js';
import { openProducer } from './producer.js';
import { Relay } from './relay.js';
import { readTopic, topicEnds } from './topic-reader.js';
import { ensureTopics } from './topics.js';

const contract = referentialTopic('person');
const ids = (count: number) => Array.from({ length: count }, (_, n) => `e${String(n).padStart(6, '0')}`);

let referential: SmallReferential;
const open: (() => Promise<unknown>)[] = [];

beforeEach(async () => void (referential = await SmallReferential.create()));
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  await referential.drop();
});

function setUp(prefix?: string) {
  const { logger, lines } = recorder();
  const client = kafkaOf(prefix ?? randomName(), logger);
  const relay = new Relay({ client, entity: 'person', outbox: referential.outbox(), logger, lookMs: 300 });
  if (prefix === undefined) open.push(() => deleteTopics(client));
  open.push(() => relay.stop());
  return { client, relay, lines };
}

const drained = () => until(async () => (await referential.waiting()) === 0);
const publication = () => referential.outbox().publication();
const incarnations = async (client: ReturnType<typeof kafkaOf>) =>
  new Set((await readAll(client, contract.name)).map(({ headers }) => headers.ce_incarnation));
/** The ends of the topic, when the markers of all transactions stand there, as the database has recorded them. */
const reached = (client: ReturnType<typeof kafkaOf>) =>
  until(async () => {
    const [ends, { ends: recorded }] = [await topicEnds(client, contract.name), await publication()];
    return String(ends) === String(recorded) ? ends : undefined;
  });
const lost = (lines: { msg: string }[]) => lines.filter(({ msg }) => msg.startsWith('the topic was lost')).length;

describe('a relay and its topic', () => {
  it('records how far the topic reaches, and finds it so again', async () => {
    const first = setUp();
    await referential.write(ids(100));
    first.relay.start();
    await drained();
    await first.relay.stop();
    const known = await publication();
    expect(known.ends).toEqual(await reached(first.client));
    expect(await incarnations(first.client)).toEqual(new Set([known.incarnation]));

    const second = setUp(first.client.topicPrefix);
    second.relay.start();
    await referential.write(ids(100));
    await drained();
    expect((await publication()).incarnation).toBe(known.incarnation);
    expect(lost(second.lines)).toBe(0);
  }, 60_000);

  it('provisions a topic that vanishes while there is nothing to send, under a new incarnation', async () => {
    const { client, relay, lines } = setUp();
    await referential.write(ids(50));
    relay.start();
    await drained();
    const before = (await publication()).incarnation!;
    await deleteTopics(client);
    const after = await until(async () => {
      const { incarnation } = await publication();
      return incarnation !== before && incarnation;
    });
    expect(after > before).toBe(true);
    await until(() => relay.status().state === 'leading');
    await referential.write(ids(50));
    await drained();
    expect(await incarnations(client)).toEqual(new Set([after]));
    expect(lost(lines)).toBe(1);
    expect(relay.health()).toEqual({ status: 'ok', detail: 'leading' });
  }, 60_000);

  it('finds a topic that was created again behind its back, also by a relay that died before it could say so', async () => {
    const first = setUp();
    await referential.write(ids(50));
    first.relay.start();
    await drained();
    await first.relay.stop();
    const before = (await publication()).incarnation;
    await deleteTopics(first.client);
    await ensureTopics(first.client, [contract]);
    const second = setUp(first.client.topicPrefix);
    second.relay.start();
    await until(async () => (await publication()).incarnation !== before);
    await referential.write(['a']);
    await drained();
    expect(await incarnations(first.client)).toEqual(new Set([(await publication()).incarnation]));
  }, 60_000);

  it('takes nothing to a topic that does not reach as far as it was published to', async () => {
    const { client } = setUp();
    await ensureTopics(client, [contract]);
    const producer = await openProducer(client, contract.name);
    open.push(() => producer.close());
    const message = { key: 'a', value: null, partition: 3, headers: {} };
    const ends = await producer.send([message, message], []);
    expect(ends[3]).toBe(3n);
    expect((await producer.send([message], ends))[3]).toBe(5n);
    await expect(producer.send([message], [0n, 0n, 0n, 6n])).rejects.toThrow('it was lost and began anew');
    expect(await readAll(client, contract.name)).toHaveLength(3);
  }, 60_000);

  it('lets two relays that find the topic lost agree on one incarnation', async () => {
    const first = setUp();
    await referential.write(ids(20));
    first.relay.start();
    await drained();
    const before = (await publication()).incarnation!;
    const outbox = referential.outbox();
    await outbox.renew(before, 'f1');
    await outbox.renew(before, 'f2');
    expect(await publication()).toMatchObject({ incarnation: 'f1', ends: [] });
  }, 60_000);

  it('knows again what a relay sent and could not record', async () => {
    const first = setUp();
    await referential.write(ids(20));
    first.relay.start();
    await drained();
    await first.relay.stop();
    const { incarnation } = await publication();
    await referential.pool.query(`update publication set ends = '{}'`);
    const second = setUp(first.client.topicPrefix);
    second.relay.start();
    await until(() => second.relay.status().state === 'leading');
    expect(await publication()).toEqual({
      epoch: 1,
      incarnation,
      ends: await topicEnds(first.client, contract.name),
    });
  }, 60_000);

  it('refuses to publish when the database does not know what stands on the topic, until the epoch is raised', async () => {
    const first = setUp();
    await referential.write(ids(20));
    first.relay.start();
    await drained();
    await first.relay.stop();
    const earlier = await publication();
    await first.relay.stop();
    const later = setUp(first.client.topicPrefix);
    later.relay.start();
    await referential.write(ids(5));
    await drained();
    await later.relay.stop();

    // Restored to the earlier point, and then changed.
    await referential.pool.query(`update entity set revision = 1`);
    await referential.pool.query(`update publication set ends = $1`, [earlier.ends.map(String)]);
    await referential.write(['new']);
    const { relay, lines, client } = setUp(first.client.topicPrefix);
    relay.start();
    await until(() => relay.status().state === 'waiting for a person');
    expect(relay.health()).toEqual({
      status: 'degraded',
      detail: expect.stringMatching(
        /^the database is behind its topic .*e00000\d at epoch 1, revision 2.*POST \/restored/,
      ),
    });
    expect(lines.filter(({ level }) => level >= 50)).toHaveLength(1);
    expect(await referential.waiting()).toBe(1);

    await referential.pool.query('update publication set epoch = 2');
    await drained();
    expect(relay.health()).toEqual({ status: 'ok', detail: 'leading' });
    const published = (await readAll(client, contract.name)).filter(({ headers }) => headers.ce_epoch === '2');
    expect(published.map(({ key }) => key)).toEqual(['new']);
  }, 90_000);
});

describe('readTopic', () => {
  it('gives all committed messages between two offsets, and none else', async () => {
    const { client, relay } = setUp();
    await referential.write(ids(3_000));
    relay.start();
    await drained();
    const middle = await reached(client);
    await referential.write(ids(2_000));
    await drained();
    const end = await reached(client);
    await referential.write(ids(1_000));
    await drained();

    const read = async (from: bigint[], to: bigint[]) => {
      const messages: Incoming[] = [];
      await readTopic(client, contract.name, { from, to }, async (batch) => void messages.push(...batch));
      return messages;
    };
    expect(await read([], middle)).toHaveLength(3_000);
    expect(await read(middle, end)).toHaveLength(2_000);
    expect(await read(end, end)).toEqual([]);
    expect(new Set((await read([], end)).map(({ key }) => String(key))).size).toBe(3_000);
  }, 60_000);

  it('rejects with what its taker threw', async () => {
    const { client, relay } = setUp();
    await referential.write(ids(10));
    relay.start();
    await drained();
    const to = await topicEnds(client, contract.name);
    const taken = readTopic(client, contract.name, { from: [], to }, () => Promise.reject(new Error('enough')));
    await expect(taken).rejects.toThrow('enough');
  }, 60_000);
});
