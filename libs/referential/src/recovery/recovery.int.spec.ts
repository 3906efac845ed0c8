import { referentialTopic } from '@myelin/contracts';
import { readTopic } from '../../../messaging/test/bed.js';
import {
  call,
  copyDatabase,
  deleteTopics,
  dropDatabase,
  kafkaOf,
  somebody,
  startPersons,
  until,
  type Running,
} from '../../test/bed.js';

const TOPIC = referentialTopic('person').name;
const order = { author: 'operator', reason: 'exercise' };

let running: Running;
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
}, 60_000);

async function start(at?: { databaseUrl: string; topicPrefix: string }): Promise<Running> {
  running = await startPersons({ kafka: true, ...(at ? { at } : {}) });
  return running;
}

const drained = () =>
  until(async () => {
    const [row] = (await running.dataSource.query('select count(*)::int as n from outbox')) as { n: number }[];
    return row?.n === 0;
  });
const topic = () => readTopic(kafkaOf(running.topicPrefix), TOPIC);
const health = async () =>
  (await call(running, 'GET', '/health')).body.checks as Record<string, { status: string; detail?: string }>;
const create = async (name: string) => String((await call(running, 'POST', '/persons', somebody(name))).body.id);
const newest = async (id: string) => (await topic()).filter(({ key }) => key === id).at(-1);

describe('POST /republish', () => {
  it('publishes every record as it is, once more each time, or those of a list', async () => {
    await start();
    open.push(running.stop);
    const ids = [await create('Martin'), await create('Durand'), await create('Petit')];
    await drained();
    const first = await topic();
    expect((await call(running, 'POST', '/republish', order)).body).toEqual({ records: 3, queued: 3 });
    await drained();
    await call(running, 'POST', '/republish', order);
    await drained();
    const all = await topic();
    expect(all).toHaveLength(9);
    for (const { key, value, headers } of first) {
      const copies = all.filter((message) => message.key === key);
      const { ce_id, ce_time, ce_epoch, ce_revision } = headers;
      const same = { value, headers: expect.objectContaining({ ce_id, ce_time, ce_epoch, ce_revision }) as unknown };
      expect(copies).toEqual([1, 2, 3].map(() => expect.objectContaining(same) as unknown));
    }

    const scope = [ids[1], '018f2f6e-0000-7000-8000-000000000001'];
    const some = await call(running, 'POST', '/republish', { ...order, scope });
    expect(some.body).toEqual({ records: 1, queued: 1 });
    await drained();
    expect((await topic()).filter(({ key }) => key === ids[1])).toHaveLength(4);
    const done: unknown = await running.dataSource.query(
      `select author, action, reason, detail from operation order by n desc limit 1`,
    );
    expect(done).toEqual([{ ...order, action: 'republish', detail: { records: 1, queued: 1, scope: 2 } }]);
  }, 60_000);

  it('leaves what waits to be published as it is, and names what is wrong with an order', async () => {
    const { stop } = (running = await startPersons({ kafka: false }));
    open.push(stop);
    await create('Martin');
    const waiting = () => running.dataSource.query('select * from outbox');
    const before: unknown = await waiting();
    expect((await call(running, 'POST', '/republish', order)).body).toEqual({ records: 1, queued: 0 });
    expect(await waiting()).toEqual(before);

    const fields = async (path: string, body: unknown) => {
      const { status, body: problem } = await call(running, 'POST', path, body);
      return [status, (problem.errors as { field: string }[] | undefined)?.map(({ field }) => field)];
    };
    expect(await fields('/republish', {})).toEqual([422, ['author', 'reason']]);
    expect(await fields('/republish', { ...order, scope: 'all' })).toEqual([422, ['scope']]);
    expect(await fields('/restored', { author: 'x', reason: ' ' })).toEqual([422, ['reason']]);
    expect(await fields('/restored/end-unknown', { ...order, expected: '2' })).toEqual([422, ['expected']]);
    expect((await call(running, 'POST', '/restored', order)).status).toBe(503);
  }, 60_000);
});

describe('a topic that was lost', () => {
  it('begins anew under another incarnation, and health says so until everything is published', async () => {
    await start();
    open.push(running.stop);
    const id = await create('Martin');
    await drained();
    const before = (await newest(id))?.headers.ce_incarnation ?? '';
    expect((await health()).topic).toEqual({ status: 'ok' });
    await deleteTopics(kafkaOf(running.topicPrefix));
    const told = await until(async () => {
      const { topic } = await health();
      return topic?.status === 'degraded' && topic.detail;
    });
    expect(told).toMatch(/^the topic was lost, found at .*POST \/republish/);

    await call(running, 'POST', '/republish', { ...order, scope: [id] });
    expect((await health()).topic?.status).toBe('degraded');
    await call(running, 'POST', '/republish', order);
    expect((await health()).topic).toEqual({ status: 'ok' });
    await drained();
    expect(((await newest(id))?.headers.ce_incarnation ?? '') > before).toBe(true);
  }, 90_000);
});

describe('a database that was restored to an earlier point', () => {
  it('does not publish until that is said; then all is published under a higher epoch, and what is unknown is ended on demand', async () => {
    const first = await start();
    const { databaseUrl, topicPrefix } = first;
    open.push(
      () => dropDatabase(databaseUrl),
      () => deleteTopics(kafkaOf(topicPrefix)),
    );
    const [changed, same] = [await create('Martin'), await create('Durand')];
    await drained();
    await first.leave();
    const backup = await copyDatabase(databaseUrl);
    open.push(() => dropDatabase(backup));

    const second = await start({ databaseUrl, topicPrefix });
    await call(running, 'PATCH', `/persons/${changed}`, { usageName: 'Roy' }, { 'if-match': '"1"' });
    const lost = [await create('Petit'), await create('Moreau')].sort();
    await call(running, 'POST', `/persons/${lost[0]}/deactivation`, { reason: 'left' });
    await drained();
    await second.leave();

    await start({ databaseUrl: backup, topicPrefix });
    open.push(() => running.leave());
    await until(async () => (await health()).relay?.detail?.startsWith('the database is behind its topic'));
    // The same revision as before, with another content.
    await call(running, 'PATCH', `/persons/${changed}`, { usageName: 'Blanc' }, { 'if-match': '"1"' });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await newest(changed)).toMatchObject({ headers: { ce_epoch: '1' }, value: expect.stringContaining('Roy') });

    const messages = (await topic()).length;
    expect(await call(running, 'POST', '/restored', order)).toMatchObject({
      status: 200,
      body: { epoch: 2, messages, unknown: 2, records: 2, queued: 1 },
    });
    await drained();
    expect((await health()).relay).toEqual({ status: 'ok', detail: 'leading' });
    expect(await newest(changed)).toMatchObject({
      headers: { ce_epoch: '2', ce_revision: '2' },
      value: expect.stringContaining('Blanc'),
    });
    expect(await newest(same)).toMatchObject({ headers: { ce_epoch: '2', ce_revision: '1' } });
    for (const id of lost) expect((await newest(id))?.headers.ce_epoch).toBe('1');

    const page = await call(running, 'GET', '/restored/unknown?limit=1');
    expect(page.body).toMatchObject({
      count: 2,
      items: [{ id: lost[0], epoch: 1, revision: 2, status: 'inactive' }],
      next: lost[0],
    });
    const rest = await call(running, 'GET', `/restored/unknown?limit=10&cursor=${lost[0]}`);
    expect(rest.body).toMatchObject({
      count: 2,
      items: [{ id: lost[1], birthName: 'Moreau', status: 'active' }],
      next: null,
    });

    const refused = await call(running, 'POST', '/restored/end-unknown', { ...order, expected: 3 });
    expect(refused).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('2 records are unknown, not 3') },
    });
    const ended = await call(running, 'POST', '/restored/end-unknown', { ...order, expected: 2 });
    expect(ended.body).toEqual({ ended: 2 });
    await drained();
    expect(await newest(lost[0] ?? '')).toMatchObject({
      value: null,
      headers: { ce_type: 'fr.myelin.person.deleted.v1', ce_epoch: '2', ce_revision: '3' },
    });
    expect(await newest(lost[1] ?? '')).toMatchObject({ value: null, headers: { ce_epoch: '2', ce_revision: '2' } });
    expect((await call(running, 'GET', '/restored/unknown')).body).toEqual({ count: 0, items: [], next: null });
    const history: unknown = await running.dataSource.query(
      `select kind, status, actor, reason, state ->> 'birthName' as name from revision where record_id = any($1) order by record_id`,
      [lost],
    );
    const end = { kind: 'deleted', status: 'deleted', actor: 'operator', reason: 'exercise' };
    expect(history).toEqual([
      { ...end, name: 'Petit' },
      { ...end, name: 'Moreau' },
    ]);

    // Repeated, it finds nothing more; and a relay that begins anew knows all that stands there, even what it did not record.
    expect((await call(running, 'POST', '/restored', order)).body).toMatchObject({ epoch: 3, unknown: 0 });
    await drained();
    await running.dataSource.query(`update referential set ends = '{}'`);
    await running.leave();
    await start({ databaseUrl: backup, topicPrefix });
    await until(async () => (await health()).relay?.detail === 'leading');
  }, 180_000);

  it('is recognised when it is empty', async () => {
    const first = await start();
    const { databaseUrl, topicPrefix } = first;
    open.push(
      () => dropDatabase(databaseUrl),
      () => deleteTopics(kafkaOf(topicPrefix)),
    );
    await create('Martin');
    await drained();
    await first.leave();
    await dropDatabase(databaseUrl);
    await start({ databaseUrl, topicPrefix });
    open.push(() => running.leave());
    await until(async () => (await health()).relay?.detail?.startsWith('the database is behind its topic'));
    expect((await call(running, 'POST', '/restored', order)).body).toMatchObject({ epoch: 2, unknown: 1, records: 0 });
  }, 90_000);
});
