import { ApiDescription } from '@myelin/testing';
import { Bed, person, structure, until } from './bed.testing.js';

jest.setTimeout(60_000);

/** Where the API is tried: an entity in each of the states that it tells of. */
describe('the answers of the API', () => {
  const api = ApiDescription.read('libs/connector-runtime/openapi.json');
  let bed: Bed;
  beforeAll(async () => (bed = await Bed.start()));
  afterAll(() => bed.stop());

  const one = structure('ONE');
  const ended = structure('ENDED');
  const who = person('Someone', 'code:NOWHERE');
  const order = { author: 'olga', reason: 'try' };

  async function answer(method: string, path: string, body?: object): Promise<any> {
    const answered = await bed.call(method, path, body);
    const fault = api.answerFault(method, path, answered.status, answered.body);
    expect([method, path, fault]).toEqual([method, path, undefined]);
    return answered.body;
  }

  it('are as openapi.json says', async () => {
    [bed.target.graceDays, bed.target.faults.refuses] = [30, 'bad'];
    const bad = [1, 2].map((n) => structure(`B${n}`, { longLabel: `bad ${n}` }));
    const used = structure('USED');
    const user = person('User', 'code:USED');
    await bed.take('structure', [one, 1], [ended, 1], [used, 1], [bad[0]!, 1], [bad[1]!, 1]);
    await bed.take('person', [who, 1], [user, 1]);
    await bed.settled();
    await bed.take('structure', [{ ...ended, status: 'deleted' }, 2]);
    await bed.settled();
    await answer('PUT', '/guards/budgets', {
      ...order,
      entity: 'structure',
      action: 'change',
      cause: '*',
      absolute: 0,
    });
    await bed.take('structure', [{ ...one, longLabel: 'other' }, 2]);
    await until(async () => (await bed.ledger(one.id))?.status === 'held', 'nothing is held');

    for (const id of [one, ended, bad[0]!]) await answer('GET', `/explain/structure/${id.id}`);
    for (const id of [who.id, user.id]) await answer('GET', `/explain/person/${id}`);
    for (const kind of ['parked', 'waiting', 'held', 'observed', 'suspended', 'unrepresentable'])
      await answer('GET', `/troubles?kind=${kind}`);
    for (const path of ['/status', '/aside', '/topics', '/check', '/guards/held', '/parked/groups'])
      await answer('GET', path);

    const { items } = await answer('GET', '/parked');
    await answer('GET', `/parked/${items[0].ticket}`);
    await answer('POST', '/parked/dismiss', { ...order, tickets: [items[0].ticket] });
    await answer('GET', '/parked?status=dismissed');
    await answer('POST', '/parked/retry', { ...order, all: true });

    const campaign = { name: 'try', owner: 'olga', entity: 'structure', action: 'delete', cause: '*', percent: 9 };
    const days = { starts: '2026-08-25T00:00:00Z', ends: '2126-09-30T00:00:00Z' };
    const { id } = await answer('POST', '/guards/campaigns', { ...order, ...campaign, ...days });
    await answer('GET', '/guards');
    await answer('DELETE', `/guards/campaigns/${id}`, order);
    await answer('POST', '/guards/release', { ...order, entity: 'structure', action: 'change' });
  });

  it('to orders of jobs and switches are as openapi.json says', async () => {
    const many = Array.from({ length: 60 }, (_, n): [ReturnType<typeof structure>, number] => [structure(`M${n}`), 1]);
    await bed.take('structure', ...many);
    await bed.settled();
    await bed.dataSource.query('delete from target');
    const hours = { from: '00:00', to: '00:00' };
    const request = { ...order, mode: 'verify', planOnly: true, rate: 1, hours, scope: { entities: ['structure'] } };
    const { id } = await answer('POST', '/resyncs', request);
    await bed.job(id, 'planned');
    const { planHash } = await answer('GET', `/resyncs/${id}`);
    const run = await answer('POST', `/resyncs/${id}/execute`, { ...order, hash: planHash, override: true });
    for (const path of [`/resyncs/${run.id}`, `/resyncs/${id}/items`, '/resyncs']) await answer('GET', path);
    for (const verb of ['pause', 'resume', 'cancel']) await answer('POST', `/resyncs/${run.id}/${verb}`, order);
    await answer('GET', `/resyncs/${run.id}/items?outcome=cancelled`);

    await answer('POST', '/control/pause', { ...order, until: '2126-01-04T08:00:00Z' });
    const windows = [{ days: [7], from: '22:00', to: '02:00' }];
    await answer('PUT', '/control/maintenance', { ...order, windows });
    for (const name of ['resume', 'observe', 'write', 'disable', 'enable'])
      await answer('POST', `/control/${name}`, order);
    for (const path of ['/control', '/operations']) await answer('GET', path);
  });
});
