import { Bed, until } from '../bed.testing.js';

jest.setTimeout(60_000);

describe('the pace of jobs', () => {
  let bed: Bed;
  beforeEach(async () => (bed = await Bed.start()));
  afterEach(() => bed.stop());

  const calls = async (kind: string) => (await bed.target.calls()).filter((one) => one.kind === kind).length;

  it('keeps to its rate, and tells how fast it is and what is left', async () => {
    const all = await bed.given(60);
    await bed.empty(all.map(({ id }) => id));
    const begin = Date.now();
    const { body } = await bed.post('/resyncs', { mode: 'verify', rate: 20 });
    let { progress } = body;
    await until(async () => {
      progress = (await bed.get(`/resyncs/${body.id}`)).body.progress;
      return progress.perSecond > 0;
    }, 'it does not tell how fast it is');
    expect(progress.outcomes.open).toBeGreaterThan(0);
    expect(progress.remainingSeconds).toBe(Math.ceil(progress.outcomes.open / progress.perSecond));
    const done = await bed.job(body.id, 'done');
    expect(done.progress).toMatchObject({ done: 60, perSecond: null, remainingSeconds: null });
    expect(Date.now() - begin).toBeGreaterThan(2000);
  });

  it('with a rate has no more due than it writes in a few seconds, also where nothing is written meanwhile', async () => {
    const all = await bed.given(200);
    await bed.empty(all.map(({ id }) => id));
    await bed.post('/control/pause');
    const { body } = await bed.post('/resyncs', { mode: 'verify', rate: 20 });
    const due = async () =>
      (
        (await bed.dataSource.query('select count(*)::int as n from ledger where job = $1', [body.id])) as [
          { n: number },
        ]
      )[0].n;
    await until(async () => (await due()) >= 40, 'the job does not begin');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await due()).toBeLessThanOrEqual(60);
    await bed.post(`/resyncs/${body.id}/cancel`);
  });

  it('writes within its hours only: what it has due at their end is taken back, and done when they come again', async () => {
    const all = await bed.given(400);
    await bed.empty(all.map(({ id }) => id));
    bed.target.faults.slow = 200;
    const before = await calls('create');
    const created = async () => (await calls('create')) - before;
    const paris = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Paris', timeStyle: 'short' });
    const hours = (from: number, to: number) => ({
      from: paris.format(Date.now() + from * 3_600_000),
      to: paris.format(Date.now() + to * 3_600_000),
    });
    const { body } = await bed.post('/resyncs', { mode: 'verify', hours: hours(2, 4) });
    await bed.job(body.id, 'running');
    // The clock stands, the hours move.
    const move = (to: object) =>
      bed.dataSource.query('update job set hours = $2 where id = $1', [body.id, JSON.stringify(to)]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await created()).toBe(0);
    await move(hours(-2, 2));
    await until(async () => (await created()) > 20, 'nothing was created');
    await move(hours(2, 4));
    await until(
      async () => (await bed.dataSource.query('select from ledger where job = $1', [body.id])).length === 0,
      'due',
    );
    await bed.settled();
    const inTime = await created();
    expect(inTime).toBeLessThan(300);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await created()).toBe(inTime);
    expect((await bed.get(`/resyncs/${body.id}`)).body.progress.outcomes).toEqual({
      created: inTime,
      open: 400 - inTime,
    });
    bed.target.faults.slow = 0;
    await move(hours(-2, 2));
    expect((await bed.job(body.id, 'done')).progress.outcomes).toEqual({ created: 400 });
    expect(await created()).toBe(400);
  }, 60_000);
});
