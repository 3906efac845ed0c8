import { Bed, until } from '../bed.testing.js';

jest.setTimeout(60_000);

let bed: Bed;
beforeEach(async () => (bed = await Bed.start()));
afterEach(() => bed.stop());

const labels = async () =>
  Object.fromEntries(Object.entries(await bed.target.rows()).map(([id, { label }]) => [id, String(label)]));

const writes = async () => (await bed.target.calls()).filter(({ kind }) => kind !== 'read').length;

/** Maps everything again under a mapping that adds something to every label, and answers the job. */
async function badMapping(): Promise<string> {
  [bed.target.version, bed.target.prefix] = ['2', 'bad '];
  await bed.restart();
  let id: string | undefined;
  await until(async () => {
    const { body } = await bed.get('/resyncs');
    const done = body.items.filter((one: any) => one.kind === 'remap' && one.status === 'done');
    const jobs = await Promise.all(done.map((one: { id: string }) => bed.get(`/resyncs/${one.id}`)));
    // That of the persons, of whom there are none, has nothing to do.
    id = jobs.map((job) => job.body).find(({ plan }) => plan.total > 0)?.id;
    return id !== undefined;
  }, 'nothing was mapped again');
  return id!;
}

const undo = (job: string, planOnly = false) => bed.post(`/resyncs/${job}/undo`, { reason: 'a mistake', planOnly });

it('puts back what a job has overwritten, through a plan, and leaves what has changed since', async () => {
  const all = await bed.given(40);
  const good = await labels();
  const job = await badMapping();
  expect(Object.values(await labels()).every((label) => label.startsWith('bad '))).toBe(true);
  const [newer, edited, ...rest] = all;
  await bed.take('structure', [{ ...newer!, longLabel: 'Newer' }, 2]);
  await bed.settled();
  await bed.dataSource.query(`update target set row = row || '{"label": "by hand"}' where id = $1`, [edited!.id]);

  const before = await writes();
  const { status, body } = await undo(job, true);
  expect([status, body.kind, body.undoes]).toEqual([202, 'undo', job]);
  const plan = await bed.job(body.id, 'planned');
  expect(plan.plan).toMatchObject({
    ...{ total: 40, actions: [{ entity: 'structure', action: 'change', count: 38 }] },
    findings: [{ entity: 'structure', finding: 'changed', count: 2 }],
  });
  const { body: strangers } = await bed.get(`/resyncs/${plan.id}/strangers`);
  expect(strangers.items.map(({ id }: { id: string }) => id).sort()).toEqual([newer!.id, edited!.id].sort());
  expect(await writes()).toBe(before);

  const { body: run } = await bed.post(`/resyncs/${plan.id}/execute`, { hash: plan.planHash });
  const done = await bed.job(run.id, 'done');
  expect(done.progress.outcomes).toEqual({ modified: 38 });
  const wanted = { ...good, [newer!.id]: 'bad Newer', [edited!.id]: 'by hand' };
  expect(await labels()).toEqual(wanted);
  expect(await writes()).toBe(before + 38);

  // It stays, also where the target is read; what changes is mapped as everything is.
  const { body: verify } = await bed.post('/resyncs', { mode: 'verify', scope: { ids: rest.map(({ id }) => id) } });
  expect((await bed.job(verify.id, 'done')).plan.actions).toEqual([]);
  await bed.take('structure', [{ ...rest[0]!, longLabel: 'Later' }, 2]);
  await bed.settled();
  expect((await labels())[rest[0]!.id]).toBe('bad Later');
});

it('takes away what a job has created, gives back what it has deleted, and can be undone itself', async () => {
  const all = await bed.given(20);
  const ids = all.slice(0, 3).map(({ id }) => id);
  await bed.empty(ids);
  const { body: repair } = await bed.post('/resyncs', { mode: 'verify' });
  await bed.job(repair.id, 'done');
  const full = await labels();
  const { body: first } = await undo(repair.id);
  expect((await bed.job(first.id, 'done')).progress.outcomes).toEqual({ removed: 3 });
  expect(Object.keys(await labels())).toHaveLength(17);
  const { body: second } = await undo(first.id);
  expect((await bed.job(second.id, 'done')).progress.outcomes).toEqual({ created: 3 });
  expect(await labels()).toEqual(full);
});

it('goes past the same guards', async () => {
  const all = await bed.given(60);
  await bed.empty(all.slice(0, 30).map(({ id }) => id));
  const { body: repair } = await bed.post('/resyncs', { mode: 'verify' });
  await bed.job(repair.id, 'done');
  const { body } = await undo(repair.id);
  expect((await bed.job(body.id, 'refused')).failure).toMatch(/30 structure records would be deleted/);
  expect(Object.keys(await labels())).toHaveLength(60);
});

it('does not overwrite what becomes something newer between the plan and its turn', async () => {
  const all = await bed.given(10);
  const job = await badMapping();
  await bed.post('/control/pause');
  const { body } = await undo(job);
  await bed.job(body.id, 'running');
  await bed.take('structure', [{ ...all[4]!, longLabel: 'Newer' }, 2]);
  await bed.post('/control/resume');
  await bed.job(body.id, 'done');
  await bed.settled();
  expect((await labels())[all[4]!.id]).toBe('bad Newer');
  expect((await labels())[all[5]!.id]).toBe(all[5]!.longLabel);
});

it('keeps what was overwritten for some days only, and says when there is nothing', async () => {
  await bed.given(10);
  const job = await badMapping();
  await bed.dataSource.query(`update job_row set at = at - interval '13 days'`);
  await bed.restart();
  expect((await undo(job, true)).status).toBe(202);
  await bed.dataSource.query(`update job_row set at = at - interval '1 day'`);
  await bed.restart();
  await until(async () => (await undo(job, true)).status === 409, 'it was not forgotten');
  expect((await undo(job, true)).body.detail).toMatch(/nothing is kept/);
});

it('keeps nothing of a record that was erased', async () => {
  const [one, other] = await bed.given(10);
  const job = await badMapping();
  const kept = async () => {
    const rows = await bed.dataSource.query('select id from job_row');
    return (rows as { id: string }[]).map(({ id }) => id);
  };
  expect(await kept()).toHaveLength(10);
  await bed.take('structure', [{ ...one!, status: 'erased' }, 2]);
  await bed.settled();
  expect(await kept()).toHaveLength(9);
  // What a job removes because it was erased is not kept in the first place.
  await bed.post('/control/pause');
  await bed.take('structure', [{ ...other!, status: 'erased' }, 2]);
  const { body: removal } = await bed.post('/resyncs', { mode: 'trust', scope: { ids: [other!.id] } });
  await bed.job(removal.id, 'running');
  await until(async () => (await bed.ledger(other!.id))?.job === removal.id, 'it is not due for the job');
  await bed.post('/control/resume');
  await bed.job(removal.id, 'done');
  expect(await kept()).not.toContain(other!.id);
  const { body } = await undo(job);
  await bed.job(body.id, 'done');
  expect(Object.keys(await labels())).toHaveLength(8);
});
