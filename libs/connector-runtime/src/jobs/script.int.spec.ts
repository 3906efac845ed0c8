import type { Sync } from '@myelin/connector';
import { Bed, person, structure } from '../bed.testing.js';

jest.setTimeout(60_000);

/** More than one page. */
const MANY = 505;

let bed: Bed;
const given = async (settings = {}) => (bed = await Bed.start(undefined, { settings }));
afterEach(() => bed.stop());

/** Brings back what somebody has done to the target, and plans the undo of that. */
async function plannedUndo(): Promise<string> {
  const { body: repair } = await bed.post('/resyncs', { mode: 'verify' });
  await bed.job(repair.id, 'done');
  const { body: plan } = await bed.post(`/resyncs/${repair.id}/undo`, { reason: 'a mistake', planOnly: true });
  return (await bed.job(plan.id, 'planned')).id;
}

const lines = async (plan: string) =>
  (await bed.text(`/resyncs/${plan}/script`)).split('\n').filter((line) => line !== '');

it('tells a planned undo in the language of the target, page by page, without what has changed since', async () => {
  await given();
  const all = await bed.given(MANY);
  await bed.dataSource.query(`update target set row = row || '{"label": "by hand"}'`);
  const plan = await plannedUndo();
  const expected = all.map(({ id, longLabel }) => `${id} "${longLabel}" "by hand"`).sort();
  expect(await lines(plan)).toEqual(['changes', ...expected]);
  await bed.take('structure', [{ ...all[0]!, longLabel: 'Newer' }, 2]);
  await bed.settled();
  expect(await lines(plan)).toEqual(['changes', ...expected.filter((line) => !line.startsWith(all[0]!.id))]);
});

it('takes away last what others refer to, and puts it back first', async () => {
  await given();
  const [lab, old] = [structure('LAB'), structure('OLD')];
  const [who, other] = [person('Lefevre', 'code:LAB'), person('Kone', 'code:OLD')];
  await bed.take('structure', [lab, 1], [old, 1]);
  await bed.take('person', [who, 1], [other, 1]);
  await bed.settled();
  await bed.empty([lab.id, who.id]);
  await bed.dataSource.query(`update target set row = row || '{"label": "by hand"}'`);
  const order = (await lines(await plannedUndo())).slice(1).map((line) => line.split(' ')[0]);
  expect(order).toEqual([old.id, other.id, who.id, lab.id]);
});

it('is for plans of undos only, where values may be shown and the target has such a form', async () => {
  await given();
  const [one] = await bed.given(1);
  await bed.empty([one!.id]);
  const { body: repair } = await bed.post('/resyncs', { mode: 'verify' });
  await bed.job(repair.id, 'done');
  const plan = await bed.post(`/resyncs/${repair.id}/undo`, { reason: 'a mistake', planOnly: true });
  const { planHash } = await bed.job(plan.body.id, 'planned');
  const refusal = async (id: string) => {
    const { status, body } = await bed.get(`/resyncs/${id}/script`);
    return [status, body.detail];
  };
  expect(await refusal(repair.id)).toEqual([409, 'the job is a resync: only an undo can be told so']);
  expect(await refusal(one!.id)).toEqual([404, 'there is no such job']);
  const { body: run } = await bed.post(`/resyncs/${plan.body.id}/execute`, { hash: planHash });
  await bed.job(run.id, 'done');
  expect(await refusal(run.id)).toEqual([409, expect.stringMatching(/^the job is done: only a plan/)]);
  for (const sync of bed.target.syncs as (Sync & { script?: unknown })[]) Reflect.deleteProperty(sync, 'script');
  expect(await refusal(plan.body.id)).toEqual([404, 'this connector has no such form for structure records']);
});

it('tells nothing where values are not to be shown', async () => {
  await given({ EXPLAIN_VALUES: 'no' });
  const [one] = await bed.given(1);
  await bed.empty([one!.id]);
  const { status, body } = await bed.get(`/resyncs/${await plannedUndo()}/script`);
  expect([status, body.type, body.detail]).toEqual([
    ...[403, 'urn:myelin:problem:forbidden'],
    'it holds values of records: only a connector that is started with EXPLAIN_VALUES=yes tells them',
  ]);
});
