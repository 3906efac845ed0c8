import type { Received } from '@myelin/messaging';
import { createLogger, Health } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import { TestDatabase } from '../database.testing.js';
import { Incarnations } from './incarnations.js';
import { TopicsController } from './topics.controller.js';

const TOPIC = 'referential.person.v1';
const [FIRST, SECOND, THIRD] = ['01', '02', '03'].map((n) => `019ab${n}0-0000-7000-8000-000000000000`) as [
  string,
  string,
  string,
];
const logger = createLogger('test', 'silent');

const events = (...incarnations: (string | undefined)[]) =>
  incarnations.map((incarnation) => ({ attributes: { incarnation } }) as unknown as Received);

describe('the incarnations of topics', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let health: Health;
  let incarnations: Incarnations;
  let topics: TopicsController;

  const instance = () => {
    const one = new Incarnations(dataSource, health, logger);
    one.onApplicationBootstrap();
    return one;
  };

  beforeEach(async () => {
    database = await TestDatabase.create();
    ({ dataSource } = database);
    health = new Health();
    incarnations = instance();
    topics = new TopicsController(incarnations);
  });

  afterEach(() => database.drop());

  const check = (...seen: (string | undefined)[]) => incarnations.check(TOPIC, events(...seen));
  const report = async () => (await health.report()).checks.topics;

  it('are stored at first sight; messages without one are taken as they are', async () => {
    await check(undefined);
    expect(await topics.list()).toEqual({ items: [] });
    await check(undefined, FIRST);
    await check(FIRST, undefined);
    expect(await topics.list()).toEqual({ items: [{ topic: TOPIC, stored: FIRST, found: null, state: 'read' }] });
    expect(await report()).toEqual({ status: 'ok' });
  });

  it('stop a topic that began anew until somebody accepts it, through any instance', async () => {
    await check(FIRST);
    await expect(check(FIRST, SECOND)).rejects.toThrow(
      /another one than was read so far.*POST \/republish.*POST \/topics/,
    );
    incarnations = instance();
    await expect(check(SECOND)).rejects.toThrow('another one');
    expect(await topics.list()).toEqual({ items: [{ topic: TOPIC, stored: FIRST, found: SECOND, state: 'stopped' }] });
    expect(await report()).toEqual({
      status: 'degraded',
      detail: expect.stringContaining(`POST /topics/${TOPIC}/accept`),
    });

    const accepted = await topics.accept(TOPIC, { author: 'operator', reason: 'republished' });
    expect(accepted).toEqual({ topic: TOPIC, stored: SECOND, found: null, state: 'read' });
    await check(SECOND);
    // What the topic kept of its past is no news.
    await check(FIRST);
    await check(FIRST, SECOND);
    expect(await report()).toEqual({ status: 'ok' });
    expect(await dataSource.query('select author, action, reason, detail from operation')).toEqual([
      {
        author: 'operator',
        action: 'accept topic',
        reason: 'republished',
        detail: { topic: TOPIC, from: FIRST, to: SECOND },
      },
    ]);
    await expect(check(THIRD)).rejects.toThrow('another one');
  });

  it('make an instance begin the topic again that was accepted through another', async () => {
    await check(FIRST);
    const other = new TopicsController(instance());
    await expect(check(SECOND)).rejects.toThrow('another one');
    await other.accept(TOPIC, { author: 'operator', reason: 'republished' });
    await expect(check(SECOND)).rejects.toThrow('read from its beginning');
    await check(SECOND);
  });

  it('are accepted by somebody, for a reason, where a topic is stopped', async () => {
    const order = { author: 'operator', reason: 'republished' };
    await expect(topics.accept(TOPIC, order)).rejects.toMatchObject({ type: 'not-found' });
    await check(FIRST);
    await expect(topics.accept(TOPIC, order)).rejects.toMatchObject({ type: 'conflict' });
    expect(() => topics.accept(TOPIC, { author: 'operator' })).toThrow('who accepts the topic and why');
  });
});
