import { Bed, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

describe('guards', () => {
  let bed: Bed;
  beforeEach(async () => (bed = await Bed.start()));
  afterEach(() => bed.stop());

  async function given(count: number) {
    const all = Array.from({ length: count }, (_, i) => structure(`G${i}`));
    await bed.take('structure', ...all.map((one): [typeof one, number] => [one, 1]));
    await bed.settled();
    return all;
  }
  const left = async () => Object.keys(await bed.target.rows()).length;
  const budget = (fields: object) =>
    bed.call('PUT', '/guards/budgets', { author: 'olga', entity: 'structure', cause: '*', ...fields });

  it('hold a wave of deletions back beyond 5 % of what the target holds within an hour, until somebody releases it', async () => {
    const all = await given(400);
    await bed.take(
      'structure',
      ...all.slice(0, 100).map((one): [Record<string, unknown>, number] => [{ ...one, status: 'deleted' }, 2]),
    );
    await bed.settled();
    expect(await left()).toBe(380);
    const { body } = await bed.get('/guards');
    expect(body.held).toEqual([{ entity: 'structure', action: 'delete', cause: 'change', count: 80 }]);
    const { body: page } = await bed.get('/guards/held');
    expect(page.items[0]).toMatchObject({ entity: 'structure', action: 'delete', cause: 'change', changed: ['label'] });

    const { body: refused } = await bed.post('/guards/release', { entity: 'structure', action: 'delete' });
    expect(refused.errors[0]).toMatchObject({ field: 'reason' });
    const order = { entity: 'structure', action: 'delete', reason: 'the reorganisation was decided' };
    expect((await bed.post('/guards/release', order)).body).toEqual({ released: 80 });
    await bed.settled();
    expect(await left()).toBe(300);
    const { body: operations } = await bed.get('/operations');
    expect(operations.items[0]).toMatchObject({
      author: 'olga',
      action: 'held released',
      reason: order.reason,
      detail: { count: 80 },
    });
  });

  it('hold tombstones back like any deletion, beyond the few that are always allowed', async () => {
    const all = await given(40);
    await bed.take('structure', ...all.slice(0, 15).map(({ id }): [Record<string, unknown>, number] => [{ id }, 2]));
    await bed.settled();
    expect(await left()).toBe(30);
    const { body } = await bed.get('/guards');
    expect(body.held).toEqual([{ entity: 'structure', action: 'delete', cause: 'change', count: 5 }]);
  });

  it('a plan that would delete 6 % with a budget of 5 % does nothing, unless it is overridden for that run', async () => {
    const all = await given(300);
    await budget({ action: 'delete', percent: 5 });
    await bed.post('/control/pause');
    await bed.take(
      'structure',
      ...all.slice(0, 18).map((one): [Record<string, unknown>, number] => [{ ...one, status: 'deleted' }, 2]),
    );
    const { body } = await bed.post('/resyncs', { mode: 'trust' });
    const refused = await bed.job(body.id, 'refused');
    expect(refused.failure).toBe('18 structure records would be deleted, budget allows 15');
    expect(await left()).toBe(300);
    const order = { hash: refused.planHash, override: true };
    expect((await bed.post(`/resyncs/${body.id}/execute`, order)).body.errors).toEqual([
      { field: 'reason', message: 'is required to pass over the guards' },
    ]);
    const run = await bed.post(`/resyncs/${body.id}/execute`, { ...order, reason: 'checked with the registrar' });
    await until(async () => (await bed.ledger(all[17]!.id))?.job === run.body.id, 'the job does not ask for it');
    await bed.post('/control/resume');
    await bed.job(run.body.id, 'done');
    expect(await left()).toBe(282);
  });

  it('count creations and changes too where they have a budget, and let an announced campaign pass', async () => {
    await budget({ action: 'create', absolute: 30 });
    const all = Array.from({ length: 50 }, (_, i) => structure(`C${i}`));
    await bed.take('structure', ...all.map((one): [typeof one, number] => [one, 1]));
    await bed.settled();
    expect(await left()).toBe(30);
    const day = 86_400_000;
    const campaign = {
      ...{ name: 'rentrée', owner: 'registrar', entity: 'structure', action: 'create', cause: '*', absolute: 1000 },
      ...{ starts: new Date(Date.now() - day).toISOString(), ends: new Date(Date.now() + day).toISOString() },
    };
    const { body } = await bed.post('/guards/campaigns', campaign);
    await bed.post('/guards/release', { entity: 'structure', action: 'create', reason: 'rentrée' });
    const more = Array.from({ length: 50 }, (_, i) => structure(`D${i}`));
    await bed.take('structure', ...more.map((one): [typeof one, number] => [one, 1]));
    await bed.settled();
    expect(await left()).toBe(100);
    await bed.call('DELETE', `/guards/campaigns/${body.id}`, { author: 'olga' });
    await bed.take('structure', [structure('E'), 1]);
    await bed.settled();
    expect(await left()).toBe(100);
  });

  it('deletion is suspension, then grace, then deletion; an erased record goes at once', async () => {
    bed.target.graceDays = 30;
    const [one, taken, erased] = (await given(3)) as [
      ReturnType<typeof structure>,
      ReturnType<typeof structure>,
      ReturnType<typeof structure>,
    ];
    await bed.take(
      'structure',
      [{ ...one, status: 'deleted' }, 2],
      [{ ...taken, status: 'deleted' }, 2],
      [{ ...erased, status: 'erased' }, 2],
    );
    await bed.settled();
    expect((await bed.target.rows())[erased.id]).toBeUndefined();
    expect((await bed.target.rows())[one.id]).toMatchObject({ closed: true });
    expect(await bed.ledger(one.id)).toMatchObject({ status: 'suspended' });
    await bed.take('structure', [taken, 3]);
    await bed.settled();
    expect((await bed.target.rows())[taken.id]).toEqual({ label: taken.longLabel });
    await bed.sleep(29);
    await bed.settled();
    expect(await left()).toBe(2);
    await bed.sleep(1);
    await bed.settled();
    expect(Object.keys(await bed.target.rows())).toEqual([taken.id]);
    expect(await bed.ledger(one.id)).toMatchObject({ status: 'absent', target_id: null });
  });

  it('a target that answers with an error is never taken for an empty one', async () => {
    await given(40);
    bed.target.faults.down = true;
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect((await bed.get(`/resyncs/${body.id}`)).body).toMatchObject({ status: 'planning', plan: { actions: [] } });
    bed.target.faults.down = false;
    expect((await bed.job(body.id, 'done')).plan.actions).toEqual([]);
  });
});
