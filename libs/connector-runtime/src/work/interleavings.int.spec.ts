import { Bed, batchOf, person, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

describe('what happens at the same time', () => {
  let bed: Bed;
  beforeEach(async () => (bed = await Bed.start()));
  afterEach(() => bed.stop());

  const applied = (id: string, revision: number) =>
    until(async () => {
      const row = await bed.ledger(id);
      return row?.status === 'applied' && row.revision === revision;
    }, `revision ${revision} did not arrive`);
  const calls = async (kind: string) => (await bed.target.calls()).filter((one) => one.kind === kind).length;

  it('parks a record on which the connector breaks, and brings all others of its batch', async () => {
    bed.target.faults.breaksOn = 'Bad';
    const [good, bad, lost] = [
      person('Good'),
      person('Bad'),
      person('Lost', 'hub:019ab000-0000-7000-8000-000000000000'),
    ];
    await bed.take('person', [bad, 1], [lost, 1], [good, 1]);
    await applied(good.id, 1);
    await bed.settled();
    expect(await bed.ledger(bad.id)).toMatchObject({ status: 'parked', error: { name: 'TypeError' } });
    expect(await bed.ledger(lost.id)).toMatchObject({ status: 'waiting' });
    const { body } = await bed.post('/resyncs', { mode: 'trust' });
    await bed.job(body.id, 'done');
  });

  it('looks for nobody by a name that only looks like a master id', async () => {
    const odd = person('Odd', 'code:A');
    await bed.take('person', [odd, 1]);
    await bed.settled();
    await bed.dataSource.query(
      `update state set state = jsonb_set(state, '{roles,external,0,structure}', to_jsonb('hub:' || repeat('0', 36))) where id = $1`,
      [odd.id],
    );
    const other = person('Other');
    await bed.take('person', [{ ...odd, givenNames: ['Camille'] }, 1], [other, 1]);
    await bed.dataSource.query(`update ledger set due_at = now(), mark = mark + 1 where id = $1`, [odd.id]);
    await applied(other.id, 1);
    await until(async () => ((await bed.ledger(odd.id))?.waits_for as string[])[0]?.includes('hub:000') === true, 'it');
  });

  it('keeps the retry of a live change when a job that came upon it is cancelled', async () => {
    const live = structure('LIVE');
    await bed.post('/control/pause', { reason: 'nothing is taken meanwhile' });
    await bed.take('structure', [live, 1]);
    await bed.dataSource.query(
      `update ledger set error = '{"name":"TryLater","message":"locked"}', attempts = 1, due_at = now() + interval '1 hour'`,
    );
    const { body } = await bed.post('/resyncs', { mode: 'trust' });
    await until(async () => (await bed.ledger(live.id))?.job === body.id, 'the job has not reached it');
    expect((await bed.ledger(live.id))?.due_at).not.toBeNull();
    expect(Number((await bed.ledger(live.id))?.due_at)).toBeGreaterThan(Date.now() + 3_000_000);
    await bed.post(`/resyncs/${body.id}/cancel`);
    expect(await bed.ledger(live.id)).toMatchObject({ job: null, due_at: expect.any(Date), attempts: 1 });
  });

  it('writes a newer state of what a paused job had in hand', async () => {
    const one = structure('ONE');
    await bed.take('structure', [one, 1]);
    await applied(one.id, 1);
    await bed.dataSource.query('delete from target');
    const creations = await calls('create');
    bed.target.faults.slow = 1500;
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await until(async () => (await calls('create')) > creations, 'nothing was created');
    await bed.post(`/resyncs/${body.id}/pause`);
    await bed.take('structure', [{ ...one, longLabel: 'Renamed' }, 2]);
    bed.target.faults.slow = 0;
    await applied(one.id, 2);
    expect(await bed.ledger(one.id)).toMatchObject({ job: null, permit: null });
    await bed.post(`/resyncs/${body.id}/resume`);
    await bed.job(body.id, 'done');
  });

  it('writes what was noted by a worker that had not heard yet that writing is allowed', async () => {
    await bed.post('/control/observe', { reason: 'first days' });
    const one = structure('ONE');
    await bed.take('structure', [one, 1]);
    await until(async () => (await bed.ledger(one.id))?.status === 'observed', 'it was not noted');
    await bed.dataSource.query('update control set observe = false');
    await applied(one.id, 1);
  });

  it('reads in the target what is asked to be read while it is being written', async () => {
    const one = structure('ONE');
    bed.target.faults.slow = 1000;
    await bed.take('structure', [one, 1]);
    await until(async () => (await calls('create')) > 0, 'nothing was created');
    await bed.dataSource.query('update ledger set verify = true, mark = mark + 1');
    bed.target.faults.slow = 0;
    await until(async () => (await calls('read')) > 0, 'it was not read');
  });

  it('lets a name stay with who took it later, in whatever order the two are read', async () => {
    const [first, second] = [structure('OLD'), structure('OLD')];
    await bed.take('structure', [second, 1]);
    const late = batchOf('structure', [[first, 1]]);
    late.events[0]!.attributes.time = '2020-01-01T00:00:00Z';
    await bed.takeBatch('structure', late);
    await bed.take('structure', [{ ...first, code: 'NEW' }, 2]);
    const known = (await bed.dataSource.query(`select key, id from state_key order by key`)) as object[];
    expect(known).toEqual([
      { key: 'code:NEW', id: first.id },
      { key: 'code:OLD', id: second.id },
    ]);
  });

  it('tells of a cancelled job which of its records were left', async () => {
    const all = Array.from({ length: 30 }, (_, i) => structure(`S${i}`));
    await bed.take('structure', ...all.map((one): [typeof one, number] => [one, 1]));
    await bed.settled();
    await bed.dataSource.query('delete from target');
    await bed.post('/control/pause', { reason: 'nothing is written' });
    const { body } = await bed.post('/resyncs', { mode: 'verify' });
    await bed.job(body.id, 'running');
    const { body: cancelled } = await bed.post(`/resyncs/${body.id}/cancel`);
    expect(cancelled).toMatchObject({ endedAt: expect.any(String), progress: { outcomes: { cancelled: 30 } } });
    const { body: left } = await bed.get(`/resyncs/${body.id}/items?outcome=cancelled`);
    expect(left.items).toHaveLength(30);
    expect(left.items[0].outcome).toBe('cancelled');
  });

  it('wakes all who wait for one record, however many they are', async () => {
    const waiting = Array.from({ length: 1300 }, (_, i) => person(`Person${i}`, 'code:LATE'));
    await bed.take('person', ...waiting.map((one): [typeof one, number] => [one, 1]));
    await until(async () => {
      const [row] = (await bed.dataSource.query(
        `select count(*)::integer as count from ledger where status = 'waiting' and claimed_by is null`,
      )) as { count: number }[];
      return row?.count === 1300;
    }, 'they do not wait');
    await bed.take('structure', [structure('LATE'), 1]);
    await until(async () => Object.keys(await bed.target.rows()).length === 1301, 'some still wait');
  });

  it('lets who has lost its claim say nothing more, neither to the ledger nor to a job', async () => {
    const one = (await bed.given(1))[0]!;
    await bed.empty([one.id]);
    bed.target.faults.slow = 1000;
    const { body: job } = await bed.post('/resyncs', { mode: 'verify' });
    await until(async () => (await calls('create')) === 2, 'nothing was created');
    await bed.dataSource.query(
      `update ledger set claimed_by = 'another', claimed_until = now() + interval '3 seconds' where id = $1`,
      [one.id],
    );
    await until(async () => Object.keys(await bed.target.rows()).length === 1, 'the write did not end');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await bed.ledger(one.id)).toMatchObject({ claimed_by: 'another' });
    const { body: page } = await bed.get(`/resyncs/${job.id}/items`);
    expect(page.items).toMatchObject([{ id: one.id, outcome: null }]);
    bed.target.faults.slow = 0;
    // Who takes it over reads the target first.
    expect((await bed.job(job.id, 'done')).progress.outcomes).toEqual({ unchanged: 1 });
    expect(await calls('create')).toBe(2);
  });
});
