import { Bed, person, structure, until } from '../bed.testing.js';

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
  async function givenPersons(count: number) {
    await given(1);
    const all = Array.from({ length: count }, (_, i) => person(`Person${i}`, 'code:G0'));
    await bed.take('person', ...all.map((one): [typeof one, number] => [one, 1]));
    await bed.settled();
    return all;
  }
  const become = (status: string, ...all: { id: string }[]) =>
    bed.take(
      'birthName' in all[0]! ? 'person' : 'structure',
      ...all.map((one): [Record<string, unknown>, number] => [{ ...one, status }, 2]),
    );
  const closed = async () =>
    Object.values(await bed.target.rows()).filter(({ status }) => status === 'inactive').length;
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
    const [{ id: alone }, { id: another }] = page.items;
    expect((await bed.post('/guards/release', { ...order, ids: [alone] })).body).toEqual({ released: 1 });
    await bed.settled();
    expect((await bed.post('/guards/release', order)).body).toEqual({ released: 79 });
    await bed.settled();
    expect(await left()).toBe(300);
    // One alone does not wait, many let live changes pass.
    expect([(await bed.ledger(alone))?.priority, (await bed.ledger(another))?.priority]).toEqual([0, 10]);
    const { body: operations } = await bed.get('/operations');
    expect(operations.items[0]).toMatchObject({
      author: 'olga',
      action: 'held released',
      reason: order.reason,
      detail: { count: 79 },
    });
  });

  it('hold a wave of closed accounts back as they do suspensions, though nothing leaves the target', async () => {
    const all = await givenPersons(60);
    await become('inactive', ...all.slice(0, 30));
    await bed.settled();
    expect(await closed()).toBe(10);
    const { body } = await bed.get('/guards');
    expect(body.held).toEqual([{ entity: 'person', action: 'suspend', cause: 'change', count: 20 }]);
    const { body: page } = await bed.get('/guards/held');
    expect(page.items[0]).toMatchObject({ action: 'suspend', changed: ['status'] });
    const { body: explained } = await bed.get(`/explain/person/${page.items[0].id}`);
    expect(explained).toMatchObject({ would: 'suspend', status: 'held' });

    await bed.post('/control/pause');
    const rows = await bed.target.rows();
    const reopened = all.find(({ id }) => rows[id]?.status === 'inactive')!;
    await bed.take('person', [reopened, 3]);
    const { body: plan } = await bed.post('/resyncs', { mode: 'trust' });
    const refused = await bed.job(plan.id, 'refused');
    expect(refused.plan.actions).toEqual([
      { entity: 'person', action: 'change', count: 1 },
      { entity: 'person', action: 'suspend', count: 20 },
    ]);
    expect(refused.failure).toBe(
      '20 person records would be suspended, budget allows 10, of which 10 were used within the hour',
    );
    await bed.post('/control/resume');

    const order = { entity: 'person', action: 'suspend', reason: 'the file was checked' };
    expect((await bed.post('/guards/release', order)).body).toEqual({ released: 20 });
    await bed.settled();
    expect(await closed()).toBe(29);
    expect(await bed.ledger(page.items[0].id)).toMatchObject({ status: 'applied', suspended_on: null });
    const reports = (await bed.dataSource.query(
      `select one->>'outcome' as outcome, count(*)::integer from report, jsonb_array_elements(reports) as one
        where one->>'entity' = 'person' and (one->>'revision')::integer = 2 group by 1 order by 1`,
    )) as object[];
    expect(reports).toEqual([
      { outcome: 'held', count: 20 },
      { outcome: 'suspended', count: 30 },
    ]);
  });

  it('let pass what a plan was granted, also when the target wants it later', async () => {
    const all = await given(20);
    await bed.empty(all.map(({ id }) => id));
    await bed.post('/control/pause');
    const { body: job } = await bed.post('/resyncs', { mode: 'verify' });
    await bed.job(job.id, 'running');
    await budget({ action: 'create', absolute: 0 });
    bed.target.faults.busy = 10;
    await bed.post('/control/resume');
    await bed.job(job.id, 'done');
    expect(await left()).toBe(20);
  });

  it('a budget for all causes is one for those that have none of their own', async () => {
    const all = await givenPersons(30);
    await budget({ entity: 'person', action: 'change', absolute: 10 });
    const changed = all.slice(0, 6).map((one): [typeof one, number] => [{ ...one, birthName: `${one.birthName}x` }, 2]);
    await bed.take('person', ...changed);
    await bed.settled();
    const move = async (code: string, revision: number) => {
      const [unit] = (await bed.dataSource.query(`select state from state where entity = 'structure'`)) as [
        { state: Record<string, unknown> },
      ];
      await bed.take('structure', [{ ...unit.state, code, identifiers: [{ scheme: 'code', value: 'G0' }] }, revision]);
      await bed.settled();
    };
    const moved = async (code: string) =>
      Object.values(await bed.target.rows()).filter((row) => row.code === code).length;
    await move('NEW', 2);
    expect(await moved('NEW')).toBe(4);
    const { body } = await bed.get('/guards');
    expect(body.held).toEqual([{ entity: 'person', action: 'change', cause: 'reference', count: 26 }]);
    expect(body.used).toEqual([{ entity: 'person', action: 'change', cause: '*', count: 10 }]);

    await budget({ entity: 'person', action: 'change', cause: 'reference', absolute: 7 });
    await move('NEWER', 3);
    expect(await moved('NEWER')).toBe(7);
  });

  it('plans take what they will do from the same hour as live changes, unless they are overridden', async () => {
    const all = await given(20);
    await budget({ action: 'delete', absolute: 14 });
    await become('deleted', ...all.slice(0, 5));
    await bed.settled();
    expect(await left()).toBe(15);
    await bed.post('/control/pause');
    const plan = async (from: number, to: number) => {
      await become('deleted', ...all.slice(from, to));
      const { body } = await bed.post('/resyncs', {
        mode: 'trust',
        scope: { ids: all.slice(from, to).map(({ id }) => id) },
      });
      return body.id as string;
    };
    const used = async () => (await bed.get('/guards')).body.used[0].count;
    const first = await plan(5, 14);
    await bed.job(first, 'running');
    expect(await used()).toBe(14);
    const second = await bed.job(await plan(14, 16), 'refused');
    expect(second.failure).toBe(
      '2 structure records would be deleted, budget allows 14, of which 14 were used within the hour',
    );
    expect(await used()).toBe(14);
    const order = { hash: second.planHash, override: true, reason: 'checked with the registrar' };
    const run = await bed.post(`/resyncs/${second.id}/execute`, order);
    await bed.job(run.body.id, 'running');
    await until(async () => (await bed.ledger(all[15]!.id))?.job === run.body.id, 'the job does not ask for it');
    expect(await used()).toBe(14);
    await become('deleted', ...all.slice(16, 20));
    await bed.post('/control/resume');
    await bed.job(first, 'done');
    await bed.job(run.body.id, 'done');
    await bed.settled();
    expect(await left()).toBe(4);
    expect((await bed.get('/guards')).body.held).toEqual([
      { entity: 'structure', action: 'delete', cause: 'change', count: 4 },
    ]);
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
