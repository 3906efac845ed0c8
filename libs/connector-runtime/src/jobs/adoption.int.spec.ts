import type { Listed } from '@myelin/connector';
import { Bed, person, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

let bed: Bed;
beforeEach(async () => (bed = await Bed.start(undefined, { settings: { START_AS: 'observe' } })));
afterEach(() => bed.stop());

interface Line {
  readonly finding: string;
  readonly id: string | null;
  readonly targetId: string;
  readonly candidates?: string[];
}

/** A record of a structure with identifiers, `scheme:value`. */
const known = (code: string, ...keys: string[]) =>
  structure(code, { identifiers: keys.map((key) => ({ scheme: key.split(':')[0], value: key.split(':')[1] })) });

/** What somebody has put into the target. */
const entry = (targetId: string, keys: readonly string[], rest: Partial<Listed> = {}): Listed => ({
  ...{ id: null, targetId, keys, row: { label: `${targetId} by hand` } },
  ...rest,
});

const take = (...states: Record<string, unknown>[]) =>
  bed.take('structure', ...states.map((one): [typeof one, number] => [one, 1]));

async function plan(scope: object = {}): Promise<any> {
  const { body, status } = await bed.post('/resyncs', { mode: 'adopt', planOnly: true, scope });
  expect([status, body]).toEqual([202, expect.anything()]);
  return bed.job(body.id, 'planned');
}

async function execute({ id, planHash }: any, status = 'done'): Promise<any> {
  const { body } = await bed.post(`/resyncs/${id}/execute`, { hash: planHash });
  return bed.job(body.id, status);
}

async function lines({ id }: any): Promise<Line[]> {
  const text = await bed.text(`/resyncs/${id}/report`);
  const all = text.split('\n').filter((line) => line !== '');
  return all.map((line) => JSON.parse(line) as Line);
}

/** Ids in the target by finding. */
async function found(job: any): Promise<Record<string, string[]>> {
  const groups = Map.groupBy(await lines(job), ({ finding }) => finding);
  return Object.fromEntries([...groups].map(([name, all]) => [name, all.map(({ targetId }) => targetId).sort()]));
}

const writes = async () => (await bed.target.calls()).filter(({ kind }) => kind !== 'read');
const names = async () =>
  (await bed.dataSource.query('select name, base, number, owner from allocated_name order by name')) as object[];

it('finds by strong identifiers what is ours, what nobody can tell and what is foreign, and takes over what is ours without a write', async () => {
  const [one, two, three, four, five] = [
    known('S1', 'x-lab:1', 'x-tax:1'),
    known('S2', 'x-lab:2'),
    known('S3', 'x-lab:3'),
    known('S4', 'x-lab:4'),
    known('S5', 'x-lab:5'),
  ];
  await take(one, two, three, four, five);
  await bed.settled();
  bed.target.strangers = [
    entry('e1', ['x-lab:1', 'x-tax:1', 'x-local:unheard']),
    entry('e23', ['x-lab:2', 'x-lab:3']),
    entry('e4a', ['x-lab:4']),
    entry('e4b', ['code:S4']),
    entry('f1', ['x-lab:unheard']),
    entry('f2', []),
    entry('gone', [], { id: '01a20dfd-0000-7000-8000-000000000000' }),
  ];
  const job = await plan();
  expect(await found(job)).toEqual({
    ...{ adoptable: ['e1'], conflict: ['e23', 'e4a', 'e4b'], foreign: ['f1', 'f2'], orphan: ['gone'] },
  });
  const all = await lines(job);
  expect(all.find(({ targetId }) => targetId === 'e1')).toMatchObject({
    id: one.id,
    changed: ['label'],
    action: 'adopt',
  });
  expect(all.find(({ targetId }) => targetId === 'e23')?.candidates).toEqual([two.id, three.id].sort());
  expect(job.plan).toMatchObject({
    total: 1,
    unchanged: 0,
    actions: [{ entity: 'structure', action: 'adopt', count: 1 }],
  });
  expect((await bed.get('/conflicts')).body.items).toEqual([]);

  const done = await execute(job);
  expect(done.progress.outcomes).toEqual({ adopted: 1 });
  await bed.settled();
  expect(await bed.ledger(one.id)).toMatchObject({
    ...{ status: 'observed', held: 'change', held_changes: ['label'], target_id: 'e1', adopted: true },
  });
  // A record without an entry of anybody's would be created; those in doubt are put aside for a person.
  expect(await bed.ledger(five.id)).toMatchObject({ status: 'observed', held: 'create' });
  const { items } = (await bed.get('/conflicts')).body;
  expect(items.map(({ id, targetIds, schemes }: any) => ({ id, targetIds, schemes }))).toEqual(
    [
      { id: two.id, targetIds: ['e23'], schemes: ['x-lab'] },
      { id: three.id, targetIds: ['e23'], schemes: ['x-lab'] },
      { id: four.id, targetIds: ['e4a', 'e4b'], schemes: ['code', 'x-lab'] },
    ].sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  expect(await bed.ledger(four.id)).toMatchObject({ status: 'parked', ticket: expect.any(String) });
  expect((await bed.get('/parked/groups')).body.items).toMatchObject([{ count: 3 }]);
  expect(await writes()).toEqual([]);
  expect(await bed.dataSource.query('select * from job_match')).toEqual([]);

  // What was adopted is known: another look finds the rest only, and a reconciliation takes it for what it is.
  expect(await found(await plan())).toEqual({
    ...{ conflict: ['e23', 'e4a', 'e4b'], foreign: ['f1', 'f2'], orphan: ['gone'] },
  });
  const { body } = await bed.post('/resyncs', { mode: 'reconcile', planOnly: true });
  const reconciled = await lines(await bed.job(body.id, 'planned'));
  expect(reconciled.filter(({ id }) => id === one.id)).toMatchObject([{ finding: 'stale', changed: ['label'] }]);
  expect(reconciled.filter(({ targetId }) => targetId === 'e1')).toEqual([]);

  await bed.post('/control/write');
  await bed.settled();
  const changes = await writes();
  expect(changes.filter(({ id }) => id === one.id)).toMatchObject([{ kind: 'modify', changed: ['label'] }]);
  expect(await bed.ledger(one.id)).toMatchObject({ status: 'applied', adopted: false });
  expect(changes.map(({ id }) => id).sort()).toEqual([one.id, five.id].sort());
  expect(bed.target.strangers.map(({ targetId }) => targetId)).not.toContain('e1');
});

it('lets a person decide what it cannot tell: one of the entries, or none', async () => {
  const [one, two] = [known('S1', 'x-lab:1'), known('S2', 'x-lab:2')];
  await take(one, two);
  bed.target.strangers = [entry('a', ['x-lab:1']), entry('b', ['x-lab:1']), entry('c', ['x-lab:2', 'code:S1'])];
  await execute(await plan());
  await bed.settled();
  await bed.post('/control/write');
  await bed.settled();
  // A newer state is no answer either, and keeps the ticket.
  const { ticket } = (await bed.ledger(two.id))!;
  await bed.take('structure', [{ ...two, longLabel: 'Newer' }, 2]);
  await bed.settled();
  expect(await bed.ledger(two.id)).toMatchObject({ status: 'parked', ticket });
  expect(await writes()).toEqual([]);

  const decide = (id: string, order: object) => bed.post(`/conflicts/structure/${id}`, { reason: 'looked', ...order });
  expect(await decide(one.id, { decision: 'adopt' })).toMatchObject({ status: 422 });
  expect(await decide(one.id, { decision: 'adopt', targetId: 'z' })).toMatchObject({ status: 422 });
  expect(await decide(one.id, { decision: 'adopt', targetId: 'b' })).toMatchObject({ status: 200 });
  expect(await decide(one.id, { decision: 'adopt', targetId: 'b' })).toMatchObject({ status: 404 });
  await bed.settled();
  expect((await writes()).map(({ id, kind }) => ({ id, kind }))).toEqual([{ id: one.id, kind: 'modify' }]);

  expect(await decide(two.id, { decision: 'create' })).toMatchObject({ status: 200 });
  await bed.settled();
  expect((await writes()).slice(1)).toMatchObject([{ id: two.id, kind: 'create' }]);
  expect((await bed.get('/conflicts')).body.items).toEqual([]);
  // They are two for good; the others have lost their record to the entry that a person chose.
  expect(await found(await plan())).toEqual({ conflict: ['a', 'c'] });
  const { body } = await bed.get('/operations');
  expect(body.items.filter(({ action }: any) => action === 'conflict decided')).toHaveLength(2);
});

it('takes the name of an entry for that of its record, whoever it was allocated to without being written', async () => {
  await bed.post('/control/write');
  bed.target.faults.refuses = 'Martin';
  const [holder, owner] = [person('Martin'), person('Martin')];
  await bed.take('person', [holder, 1]);
  await bed.settled();
  await bed.post('/control/observe');
  const identifiers = [{ scheme: 'siham', value: '7' }];
  await bed.take('person', [{ ...owner, identifiers }, 1]);
  await bed.settled();
  expect(await names()).toMatchObject([{ name: 'martin', owner: holder.id }]);
  const row = { login: 'martin', label: 'By Hand', structures: [], code: '', status: 'active' };
  bed.target.strangers = [
    entry('uid=martin', ['siham:7'], { name: 'martin', row }),
    entry('uid=martin3', ['siham:8'], { name: 'martin3', row: { ...row, login: 'martin3' } }),
  ];
  const other = { ...person('Martin'), identifiers: [{ scheme: 'siham', value: '8' }] };
  await bed.take('person', [other, 1]);
  const job = await plan();
  // The login is not among what would change.
  expect((await lines(job)).map(({ changed }: any) => changed)).toEqual([['label'], ['label']]);
  await execute(job);
  await bed.settled();
  expect(await names()).toEqual([
    { name: 'martin', base: 'martin', number: 1, owner: owner.id },
    { name: 'martin3', base: 'martin', number: 3, owner: other.id },
  ]);
  bed.target.faults.refuses = undefined;
  await bed.post('/control/write');
  await bed.post('/parked/retry', { all: true });
  await bed.settled();
  const rows = await bed.target.rows();
  expect([owner, other, holder].map(({ id }) => rows[id]?.login)).toEqual(['martin', 'martin3', 'martin4']);
});

it('adopts persons beside the structures that they are in, and maps them at once', async () => {
  const unit = known('S1', 'x-lab:1');
  const one = { ...person('Martin', 'x-lab:1'), identifiers: [{ scheme: 'siham', value: '7' }] };
  await take(unit);
  await bed.take('person', [one, 1]);
  await bed.settled();
  expect(await bed.ledger(one.id)).toMatchObject({ status: 'waiting' });
  const row = { login: 'm', label: 'By Hand', structures: ['e1'], code: 'S1', status: 'active' };
  bed.target.strangers = [entry('e1', ['x-lab:1']), entry('p1', ['siham:7'], { row, name: 'm' })];
  const job = await plan();
  expect((await lines(job)).find(({ id }) => id === one.id)).toMatchObject({
    finding: 'adoptable',
    changed: ['label'],
  });
  await execute(job);
  await bed.settled();
  expect(await bed.ledger(one.id)).toMatchObject({ status: 'observed', held_changes: ['label'], adopted: true });
});

it('wakes who waits for what is found in the target under its master id, though nothing is written', async () => {
  const unit = structure('S1');
  const one = person('Martin', 'code:S1');
  await bed.take('person', [one, 1]);
  await bed.settled();
  await bed.dataSource.query(`insert into target values ('structure', $1, '{"label": "by hand"}')`, [unit.id]);
  await take(unit);
  await bed.settled();
  expect(await bed.ledger(unit.id)).toMatchObject({ status: 'observed', held: 'change', target_id: unit.id });
  expect(await bed.ledger(one.id)).toMatchObject({ status: 'observed', held: 'create' });
});

it('leaves alone whom a worker has in hand, and goes on after a restart', async () => {
  const all = Array.from({ length: 30 }, (_, i) => known(`S${i}`, `x-lab:${i}`));
  await take(...all);
  await bed.settled();
  bed.target.strangers = all.map(({ code }, i) => entry(`e-${code}`, [`x-lab:${i}`]));
  const job = await plan();
  const [held] = all;
  await bed.dataSource.query(
    `update ledger set claimed_by = 'somebody', claimed_until = now() + interval '1 hour' where id = $1`,
    [held!.id],
  );
  const { body } = await bed.post(`/resyncs/${job.id}/execute`, { hash: job.planHash });
  await until(
    async () => (await bed.get(`/resyncs/${body.id}`)).body.progress.outcomes.adopted === 29,
    'the others were not adopted',
  );
  expect(await bed.ledger(held!.id)).toMatchObject({ target_id: null });
  await bed.restart();
  await bed.dataSource.query(`update ledger set claimed_by = null, claimed_until = null where id = $1`, [held!.id]);
  const done = await bed.job(body.id, 'done');
  expect(done.progress.outcomes).toEqual({ adopted: 30 });
  expect(await bed.ledger(held!.id)).toMatchObject({ target_id: 'e-S0', adopted: true });
  expect(await writes()).toEqual([]);
});

it('is looked at first, and as a whole', async () => {
  const ask = async (order: object) => (await bed.post('/resyncs', { mode: 'adopt', ...order })).body.errors?.[0].field;
  expect(await ask({})).toBe('planOnly');
  expect(await ask({ planOnly: true, scope: { failedOnly: true } })).toBe('scope');
});
