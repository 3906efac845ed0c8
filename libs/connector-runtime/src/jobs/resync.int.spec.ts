import { randomUUID } from 'node:crypto';
import { Bed, person, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

describe('resynchronisation jobs', () => {
  let bed: Bed;
  beforeEach(async () => (bed = await Bed.start()));
  afterEach(() => bed.stop());

  const calls = async (kind: string) => (await bed.target.calls()).filter((one) => one.kind === kind).length;

  it('trusts the ledger: unchanged entities cost no call and no mapping', async () => {
    await bed.given(120);
    const before = (await bed.target.calls()).length;
    const { status, body } = await bed.post('/resyncs', { mode: 'trust' });
    expect(status).toBe(202);
    const done = await bed.job(body.id, 'done');
    expect(done.plan).toMatchObject({ total: 120, unchanged: 120, actions: [] });
    expect((await bed.target.calls()).length).toBe(before);
  });

  it('verifies by reading, repairs what was changed or emptied by hand, and nothing else', async () => {
    const all = await bed.given(60);
    await bed.empty(all.slice(0, 20).map(({ id }) => id));
    await bed.dataSource.query(`update target set row = '{"label":"by hand"}' where id = $1`, [all[30]!.id]);
    const { body } = await bed.post('/resyncs', { mode: 'verify', reason: 'the table was restored' });
    const done = await bed.job(body.id, 'done');
    expect(done.plan.actions).toEqual([
      { entity: 'structure', action: 'change', count: 1 },
      { entity: 'structure', action: 'create', count: 20 },
    ]);
    expect(done.progress).toMatchObject({ done: 21, outcomes: { created: 20, modified: 1 } });
    expect(Object.keys(await bed.target.rows())).toHaveLength(60);
    expect([await calls('create'), await calls('modify')]).toEqual([80, 1]);
  });

  it('waits with its plan while the target is not as it must be, and says so', async () => {
    await bed.given(3);
    bed.target.faults.locked = true;
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await until(async () => (await bed.get('/control')).body.work === 'stopped', 'nobody noticed');
    expect((await bed.get(`/resyncs/${body.id}`)).body.status).toBe('planning');
    bed.target.faults.locked = false;
    await bed.job(body.id, 'done');
  });

  it('plans without a write, shows per entity what would be done, and executes exactly that plan', async () => {
    const all = await bed.given(40);
    await bed.empty(all.slice(0, 10).map(({ id }) => id));
    const { body } = await bed.post('/resyncs', { mode: 'verify', planOnly: true });
    const plan = await bed.job(body.id, 'planned');
    expect(plan.plan).toMatchObject({ total: 40, unchanged: 30, actions: [{ action: 'create', count: 10 }] });
    expect(plan.plan.samples[0]).toMatchObject({ entity: 'structure', action: 'create', changed: ['label'] });
    const { body: items } = await bed.get(`/resyncs/${body.id}/items?action=create`);
    expect(items.items.map(({ id }: { id: string }) => id).sort()).toEqual(
      all
        .slice(0, 10)
        .map(({ id }) => id)
        .sort(),
    );
    expect(Object.keys(await bed.target.rows())).toHaveLength(30);

    const wrong = await bed.post(`/resyncs/${body.id}/execute`, { hash: '0'.repeat(32) });
    expect(wrong).toMatchObject({ status: 409, body: { detail: expect.stringContaining('hash') } });
    const run = await bed.post(`/resyncs/${body.id}/execute`, { hash: plan.planHash });
    expect(run.status).toBe(202);
    await bed.job(run.body.id, 'done');
    expect(Object.keys(await bed.target.rows())).toHaveLength(40);
    const again = await bed.post(`/resyncs/${body.id}/execute`, { hash: plan.planHash });
    expect([again.status, again.body.id]).toEqual([200, run.body.id]);
  });

  it('counts what it leaves alone by what it is, and shows some entities of each action', async () => {
    [bed.target.graceDays, bed.target.skips, bed.target.faults.refuses] = [30, 'foreign', 'bad'];
    const all = await bed.given(20);
    const [foreign, bad] = ['foreign', 'bad'].map((longLabel) => structure(longLabel, { longLabel }));
    await bed.take('structure', [foreign!, 1], [bad!, 1]);
    await bed.take('person', [person('Waiter', 'code:NOWHERE'), 1]);
    await bed.settled();
    await bed.post('/parked/dismiss', { all: true, reason: 'test data' });
    await bed.post('/control/pause');
    const changed = all.slice(0, 7).map((one): [typeof one, number] => [{ ...one, longLabel: 'other' }, 2]);
    const ended = all.slice(7, 10).map((one): [typeof one, number] => [{ ...one, status: 'deleted' }, 2]);
    await bed.take('structure', ...changed, ...ended);
    for (const mode of ['trust', 'verify']) {
      const { body } = await bed.post('/resyncs', { mode, planOnly: true });
      const { plan } = await bed.job(body.id, 'planned');
      expect(plan).toMatchObject({
        ...{ total: 23, unchanged: 10, waiting: 1, skipped: 1, dismissed: 1 },
        actions: [
          { entity: 'structure', action: 'change', count: 7 },
          { entity: 'structure', action: 'suspend', count: 3 },
        ],
      });
      const sampled = Map.groupBy(plan.samples as { action: string }[], ({ action }) => action);
      expect([sampled.get('change')?.length, sampled.get('suspend')?.length]).toEqual([5, 3]);
    }
  });

  it('refuses a plan that has drifted beyond the limit, and writes nothing', async () => {
    const all = await bed.given(40);
    await bed.empty(all.slice(0, 10).map(({ id }) => id));
    const { body } = await bed.post('/resyncs', { mode: 'verify', planOnly: true });
    const plan = await bed.job(body.id, 'planned');
    await bed.empty(all.slice(10, 20).map(({ id }) => id));
    const run = await bed.post(`/resyncs/${body.id}/execute`, { hash: plan.planHash });
    const failed = await bed.job(run.body.id, 'failed');
    expect(failed.failure).toBe('the plan has drifted: 10 entities (50.0 %) are no longer as approved, 5 % may be');
    expect(Object.keys(await bed.target.rows())).toHaveLength(20);
  });

  it('narrows to ids, a population, what changed since, a structure with all below it, what is parked', async () => {
    const root = structure('ROOT');
    const unit = structure('UNIT', { parents: [{ kind: 'hierarchy', structure: 'code:ROOT' }] });
    const other = structure('OTHER');
    const inside = person('Inside', 'code:UNIT');
    const outside = person('Outside', 'code:OTHER');
    const learner = { ...person('Learner'), roles: { learner: [{ population: 'EF', enrolments: [] }] } };
    await bed.take('structure', [root, 1], [unit, 1], [other, 1]);
    await bed.take('person', [inside, 1], [outside, 1]);
    await bed.settled();
    const later = new Date().toISOString();
    await bed.take('person', [learner, 1]);
    bed.target.faults.refuses = 'bad';
    const bad = structure('BAD', { longLabel: 'bad' });
    await bed.take('structure', [bad, 1]);
    await bed.settled();
    await bed.dataSource.query('delete from target');
    const planOf = async (scope: object) => {
      const { body } = await bed.post('/resyncs', { mode: 'verify', planOnly: true, scope });
      expect(body.errors).toBeUndefined();
      await bed.job(body.id, 'planned');
      const { body: page } = await bed.get(`/resyncs/${body.id}/items`);
      return page.items.map(({ id }: { id: string }) => id).sort();
    };
    expect(await planOf({ ids: [root.id, inside.id] })).toEqual([root.id, inside.id].sort());
    expect(await planOf({ population: 'external', entities: ['person'] })).toEqual([inside.id, outside.id].sort());
    expect(await planOf({ population: 'learner', entities: ['person'] })).toEqual([learner.id]);
    expect(await planOf({ structure: 'code:ROOT' })).toEqual([root.id, unit.id, inside.id].sort());
    expect(await planOf({ changedSince: later })).toEqual([learner.id, bad.id].sort());
    expect(await planOf({ failedOnly: true })).toEqual([bad.id]);
  });

  it('pauses, resumes with the rest, cancels within two seconds and says exactly what was applied', async () => {
    const all = await bed.given(400);
    await bed.empty(all.map(({ id }) => id));
    bed.target.faults.slow = 200;
    const before = await calls('create');
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    const created = async () => (await calls('create')) - before;
    await until(async () => (await created()) > 20, 'nothing was created');
    expect((await bed.post(`/resyncs/${body.id}/pause`)).body.status).toBe('paused');
    await bed.settled();
    const paused = await created();
    expect(paused).toBeLessThan(400);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await created()).toBe(paused);
    expect((await bed.get(`/resyncs/${body.id}`)).body.progress.outcomes).toEqual({
      created: paused,
      open: 400 - paused,
    });

    expect((await bed.post(`/resyncs/${body.id}/resume`)).body.status).toBe('running');
    await until(async () => (await created()) > paused + 20, 'it did not go on');
    const asked = Date.now();
    const { body: cancelled } = await bed.post(`/resyncs/${body.id}/cancel`);
    expect(Date.now() - asked).toBeLessThan(2000);
    const applied = await created();
    expect(cancelled).toMatchObject({ status: 'cancelled', endedAt: expect.any(String) });
    expect(cancelled.progress.outcomes).toEqual({ created: applied, cancelled: 400 - applied });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await created()).toBe(applied);
    expect(Object.keys(await bed.target.rows())).toHaveLength(applied);

    bed.target.faults.slow = 0;
    const rest = await bed.post('/resyncs', { mode: 'verify' });
    await bed.job(rest.body.id, 'done');
    expect(await created()).toBe(400);
  }, 60_000);

  it('ends when it is cancelled after answers were lost, though the target is down, and counts everything', async () => {
    const all = await bed.given(50);
    await bed.empty(all.map(({ id }) => id));
    const before = await calls('create');
    Object.assign(bed.target.faults, { slow: 300, losesAnswers: 50 });
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await until(async () => (await calls('create')) > before, 'nothing was created');
    bed.target.faults.down = true;
    await until(async () => (await bed.get('/control')).body.work === 'paused', 'nobody noticed');
    await bed.post(`/resyncs/${body.id}/cancel`);
    await until(async () => (await bed.get(`/resyncs/${body.id}`)).body.endedAt !== null, 'it does not end');
    expect((await bed.get(`/resyncs/${body.id}`)).body.progress.outcomes).toEqual({ cancelled: 50 });

    // What had begun is read and comes to its end, the rest is left as it was.
    Object.assign(bed.target.faults, { slow: 0, losesAnswers: 0, down: false });
    await bed.settled();
    const begun = (await calls('create')) - before;
    expect(begun).toBeLessThan(50);
    expect(Object.keys(await bed.target.rows())).toHaveLength(begun);
    const states = (await bed.dataSource.query('select distinct status, claimed_by, due_at from ledger')) as object[];
    expect(states).toEqual([{ status: 'applied', claimed_by: null, due_at: null }]);
  });

  it('goes on after a restart, and does nothing twice', async () => {
    const all = await bed.given(300);
    await bed.empty(all.map(({ id }) => id));
    bed.target.faults.slow = 50;
    const before = await calls('create');
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await until(async () => (await calls('create')) > before, 'nothing was created');
    await bed.restart();
    bed.target.faults.slow = 0;
    const done = await bed.job(body.id, 'done');
    expect(done.progress.outcomes).toEqual({ created: 300 });
    expect((await calls('create')) - before).toBe(300);
  }, 40_000);

  it('refuses a second job on the same scope, and takes a repeated request for one', async () => {
    const all = await bed.given(50);
    await bed.empty(all.map(({ id }) => id));
    bed.target.faults.slow = 200;
    const key = { 'idempotency-key': randomUUID() };
    const first = await bed.post('/resyncs', { mode: 'verify' }, key);
    const same = await bed.post('/resyncs', { mode: 'verify' }, key);
    expect([same.status, same.body.id]).toEqual([200, first.body.id]);
    const other = await bed.post('/resyncs', { mode: 'trust' });
    expect(other).toMatchObject({ status: 409, body: { detail: expect.stringContaining(first.body.id) } });
    expect((await bed.post('/resyncs', { mode: 'trust' }, key)).status).toBe(409);
    await bed.job(first.body.id, 'done');
  });

  describe('beside another one that shares some of its entities', () => {
    let [first, second] = ['', ''];
    beforeEach(async () => {
      const all = await bed.given(60);
      const ids = all.map(({ id }) => id);
      await bed.empty(ids);
      await bed.post('/control/pause');
      const start = async (some: string[]) => {
        const { body } = await bed.post('/resyncs', { mode: 'verify', scope: { ids: some } });
        await until(
          async () => (await bed.dataSource.query('select from ledger where job = $1', [body.id])).length >= 20,
          'the job does not begin',
        );
        return body.id as string;
      };
      first = await start(ids.slice(0, 40));
      second = await start(ids.slice(20));
    });

    it('writes each entity once, and does its own when the other has done what they share', async () => {
      await bed.post('/control/resume');
      expect((await bed.job(first, 'done')).progress.outcomes).toEqual({ created: 40 });
      expect((await bed.job(second, 'done')).progress.outcomes).toEqual({ created: 20, unchanged: 20 });
      expect(await calls('create')).toBe(120);
    });

    it('does all of its own when the other is cancelled', async () => {
      await bed.post(`/resyncs/${first}/cancel`);
      await bed.post('/control/resume');
      expect((await bed.job(second, 'done')).progress.outcomes).toEqual({ created: 40 });
      expect(Object.keys(await bed.target.rows())).toHaveLength(40);
    });
  });

  it('leaves a live change that is due already in its place', async () => {
    const live = structure('DUE');
    await bed.post('/control/pause', { reason: 'nothing is taken meanwhile' });
    await bed.take('structure', [live, 1]);
    const { body } = await bed.post('/resyncs', { mode: 'trust' });
    await until(async () => (await bed.ledger(live.id))?.job === body.id, 'the job has not reached it');
    expect(await bed.ledger(live.id)).toMatchObject({ cause: 'change', priority: 0 });
    await bed.post('/control/resume');
    await bed.job(body.id, 'done');
  });

  it('leaves what a day will make due to that day when it is cancelled', async () => {
    const day = '2999-12-31';
    const who = { ...person('Later'), roles: { external: [{ population: 'PXSS', structure: 'code:D', to: day }] } };
    await bed.take('structure', [structure('D'), 1]);
    await bed.take('person', [who, 1]);
    await bed.settled();
    const before = await bed.ledger(who.id);
    expect(before).toMatchObject({ cause: 'date', due_at: expect.any(Date) });
    await bed.empty([who.id]);
    await bed.post('/control/pause', { reason: 'nothing is taken meanwhile' });
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await until(async () => (await bed.ledger(who.id))?.cause === 'resync', 'the job has not reached it');
    await bed.post(`/resyncs/${body.id}/cancel`);
    const { cause, due_at } = before!;
    expect(await bed.ledger(who.id)).toMatchObject({ cause, due_at, job: null });
  });

  it('lets live changes pass first', async () => {
    const all = await bed.given(400);
    await bed.empty(all.map(({ id }) => id));
    bed.target.faults.slow = 100;
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await until(async () => (await calls('create')) > 420, 'nothing was created');
    const live = structure('LIVE');
    await bed.take('structure', [live, 1]);
    const asked = Date.now();
    await until(async () => (await bed.ledger(live.id))?.status === 'applied', 'the live change did not pass');
    expect(Date.now() - asked).toBeLessThan(1500);
    expect((await bed.get(`/resyncs/${body.id}`)).body.status).toBe('running');
    bed.target.faults.slow = 0;
    await bed.job(body.id, 'done');
  });

  it('names the field of an order that cannot be understood', async () => {
    const { status, body } = await bed.post('/resyncs', { mode: 'guess', scope: { ids: ['x'], colour: 'red' } });
    expect(status).toBe(422);
    expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual([
      'mode',
      'scope.colour',
      'scope.ids',
    ]);
  });
});
