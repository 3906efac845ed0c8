import { Bed, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

/** Three a minute. */
const PER_HOUR = 180;

let bed: Bed;
const given = async (VERIFY_PER_HOUR = PER_HOUR) =>
  (bed = await Bed.start(undefined, { settings: { VERIFY_PER_HOUR } }));
afterEach(() => bed.stop());

const byHand = (id: string) =>
  bed.dataSource.query(`update target set row = row || '{"label": "by hand"}' where id = $1`, [id]);
const label = async (id: string) => (await bed.target.rows())[id]?.label;
const reads = async () => (await bed.target.calls()).filter(({ kind }) => kind === 'read').map(({ id }) => id);
const writes = async () => (await bed.target.calls()).filter(({ kind }) => kind !== 'read').length;

/** As if all had been written and verified long ago. */
const longAgo = () =>
  bed.dataSource.query(`update ledger set unverified_since = null, acknowledged_at = now() - interval '1 day'`);

const EVER = { starts: '2020-01-01T00:00:00Z', ends: '2099-01-01T00:00:00Z' };

/** The target goes away, and the connector finds out. */
async function lost(): Promise<void> {
  bed.target.faults.down = true;
  await bed.take('structure', [structure('NEW'), 1]);
  await until(async () => (await bed.get('/control')).body.work === 'paused', 'it did not notice');
}

/** What the metric says of one kind of entity. */
async function drift(entity: string): Promise<number> {
  const line = (await bed.text('/metrics'))
    .split('\n')
    .find((one) => one.startsWith(`myelin_drift_total{entity="${entity}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

it('finds and repairs, within its budget, what people have changed or deleted in the target', async () => {
  await given();
  const all = await bed.given(9);
  await longAgo();
  const [edited, gone] = [all[2]!, all[6]!];
  await byHand(edited.id);
  await bed.empty([gone.id]);
  const [before, written] = [(await reads()).length, await writes()];
  const known = await drift('structure');

  const seen: string[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const start = (await reads()).length;
    await bed.verify();
    const now = (await reads()).slice(start);
    await bed.settled();
    seen.push(...now.slice(0, 3));
  }
  expect(seen.sort()).toEqual(all.map(({ id }) => id).sort());
  expect([await label(edited.id), await label(gone.id)]).toEqual([edited.longLabel, gone.longLabel]);
  expect(await writes()).toBe(written + 2);
  // Each once for the sample, and what differs once more before it is written.
  expect((await reads()).length).toBe(before + 9 + 2);
  expect((await drift('structure')) - known).toBe(2);
  const { body } = await bed.get('/verification');
  expect(body).toMatchObject({
    ...{ perHour: PER_HOUR, cursor: null },
    entities: [{ entity: 'structure', verified: 9, differing: 2 }],
  });
  const [{ causes }] = (await bed.dataSource.query(
    `select array_agg(one->>'cause' order by n) filter (where one->>'outcome' in ('modified', 'created') and one->>'cause' = 'verify') as causes
       from report cross join jsonb_array_elements(reports) as one`,
  )) as [{ causes: string[] }];
  expect(causes).toEqual(['verify', 'verify']);
});

it('goes through the ledger in the order of ids, what was written lately first, and begins again', async () => {
  await given();
  const ids = (await bed.given(7)).map(({ id }) => id).sort();
  await longAgo();
  const turn = async () => {
    const start = (await reads()).length;
    await bed.verify();
    return (await reads()).slice(start).sort();
  };
  expect(await turn()).toEqual(ids.slice(0, 3));
  expect((await bed.get('/verification')).body.cursor).toEqual({ entity: 'structure', id: ids[2] });
  const late = structure('LATE', { id: 'ffffffff-ffff-4fff-bfff-ffffffffffff' });
  await bed.take('structure', [late, 1]);
  await bed.settled();
  expect(await turn()).toEqual([ids[3], ids[4], late.id]);
  expect(await turn()).toEqual([ids[5], ids[6], late.id]);
  expect(await turn()).toEqual(ids.slice(0, 3));
});

it('keeps to its budget, whatever time has passed and however many instances there are', async () => {
  await given();
  await bed.given(30);
  await longAgo();
  const start = (await reads()).length;
  const readSince = async () => (await reads()).length - start;
  await bed.verify(0);
  expect(await readSince()).toBe(0);
  await bed.verify(600);
  expect(await readSince()).toBe(3);
  await bed.dataSource.query(`update verification set taken_at = now() - interval '1 minute'`);
  await Promise.all([bed.turn(), bed.turn(), bed.turn()]);
  expect(await readSince()).toBe(6);
});

it('waits until the time allows a whole one', async () => {
  await given(30);
  await bed.given(2);
  await longAgo();
  const start = (await reads()).length;
  const passes = () => bed.dataSource.query(`update verification set taken_at = taken_at - interval '1 minute'`);
  await bed.verify(1);
  expect((await reads()).length).toBe(start);
  await passes();
  await bed.turn();
  expect((await reads()).length).toBe(start + 1);
});

it.each<[string, () => Promise<unknown>]>([
  ['paused', () => bed.post('/control/pause')],
  ['disabled', () => bed.post('/control/disable')],
  ['in maintenance', () => bed.call('PUT', '/control/maintenance', { author: 'olga', windows: [EVER] })],
  ['the target does not answer', () => lost()],
])('looks at nothing while %s', async (_, stop) => {
  await given();
  await bed.given(3);
  await longAgo();
  await stop();
  const start = (await bed.target.calls()).length;
  await bed.verify();
  expect((await bed.target.calls()).length).toBe(start);
  const [{ old }] = (await bed.dataSource.query(
    `select taken_at < now() - interval '50 seconds' as old from verification`,
  )) as [{ old: boolean }];
  expect(old).toBe(true);
});

it('only notes what differs while the connector observes', async () => {
  await given();
  const [one] = await bed.given(1);
  await longAgo();
  await bed.post('/control/observe');
  await byHand(one!.id);
  await bed.verify();
  await until(async () => (await bed.ledger(one!.id))?.status === 'observed', 'it was not noted');
  expect(await label(one!.id)).toBe('by hand');
  await bed.post('/control/write');
  await until(async () => (await label(one!.id)) === one!.longLabel, 'it was not repaired');
});

it('goes past the same guards', async () => {
  await given();
  const [one] = await bed.given(1);
  await longAgo();
  const budget = { entity: 'structure', action: 'change', cause: 'verify', absolute: 0 };
  expect((await bed.call('PUT', '/guards/budgets', { author: 'olga', ...budget })).status).toBe(200);
  await byHand(one!.id);
  await bed.verify();
  await until(async () => (await bed.ledger(one!.id))?.status === 'held', 'it was not held');
  expect(await label(one!.id)).toBe('by hand');
});

it('leaves what was put back by an undo as it is', async () => {
  await given();
  const [one] = await bed.given(1);
  await byHand(one!.id);
  const { body: repair } = await bed.post('/resyncs', { mode: 'verify' });
  await bed.job(repair.id, 'done');
  const { body: undo } = await bed.post(`/resyncs/${repair.id}/undo`, { reason: 'a mistake' });
  await bed.job(undo.id, 'done');
  await bed.verify();
  await bed.settled();
  expect(await label(one!.id)).toBe('by hand');
});

it('off is off', async () => {
  await given(0);
  const [one] = await bed.given(1);
  await byHand(one!.id);
  const start = (await bed.target.calls()).length;
  await bed.verify(600);
  expect((await bed.target.calls()).length).toBe(start);
  expect((await bed.get('/verification')).body).toMatchObject({ perHour: 0, entities: [] });
});
