import { randomUUID } from 'node:crypto';
import { Bed, structure } from '../bed.testing.js';

jest.setTimeout(60_000);

let bed: Bed;
beforeEach(async () => (bed = await Bed.start()));
afterEach(() => bed.stop());

interface Finding {
  readonly id: string | null;
  readonly finding: string;
  readonly targetId?: string;
}

/** Reconciles the structures, without a write unless `automatic`. */
async function reconcile(automatic = false): Promise<any> {
  const { body, status } = await bed.post('/resyncs', {
    ...{ mode: 'reconcile', scope: { entities: ['structure'] }, planOnly: !automatic },
  });
  expect([status, body]).toEqual([202, expect.anything()]);
  return bed.job(body.id, automatic ? 'done' : 'planned');
}

/** Everything that a job has found, from its file. */
async function found({ id }: { id: string }): Promise<Finding[]> {
  const text = await bed.text(`/resyncs/${id}/report`);
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Finding);
}

const classes = (findings: readonly Finding[]) => {
  const entries = [...Map.groupBy(findings, ({ finding }) => finding)];
  return Object.fromEntries(
    entries.map(([finding, all]) => [finding, all.map((one) => one.targetId ?? one.id).sort()]),
  );
};

const writes = async () => (await bed.target.calls()).filter(({ kind }) => kind !== 'read').length;

it('finds all that differs in a target and nothing else, brings it back through the plan, and leaves what is foreign', async () => {
  const all = await bed.given(60);
  const ids = all.map(({ id }) => id).sort();
  const [missing, edited, [stale], [copied]] = [ids.slice(0, 3), ids.slice(3, 8), ids.slice(8, 9), ids.slice(9)];
  const orphans = [randomUUID(), randomUUID()].sort();
  await bed.empty(missing);
  await bed.dataSource.query(`update target set row = row || '{"label": "by hand"}' where id = any($1::uuid[])`, [
    edited,
  ]);
  await bed.dataSource.query(
    `update state set revision = 2, state = state || '{"longLabel": "Newer", "revision": 2}' where id = $1`,
    [stale],
  );
  await bed.dataSource.query(
    `insert into target (entity, id, row) select 'structure', id, '{"label": "unheard of"}' from unnest($1::uuid[]) as id`,
    [orphans],
  );
  const row = { label: 'elsewhere' };
  bed.target.strangers = [
    ...['f1', 'f2', 'f3'].map((targetId) => ({ id: null, targetId, row })),
    { id: copied!, targetId: 'copy', row },
  ];
  const before = await writes();

  const plan = await reconcile();
  expect(classes(await found(plan))).toEqual({
    ...{ missing, edited, stale: [stale], orphan: orphans, duplicate: ['copy'], foreign: ['f1', 'f2', 'f3'] },
  });
  expect(plan.plan.findings).toEqual(
    [
      ['duplicate', 1],
      ['edited', 5],
      ['foreign', 3],
      ['missing', 3],
      ['orphan', 2],
      ['stale', 1],
    ].map(([finding, count]) => ({ entity: 'structure', finding, count })),
  );
  const { body: strangers } = await bed.get(`/resyncs/${plan.id}/strangers`);
  expect(strangers.items).toContainEqual({ entity: 'structure', targetId: 'copy', id: copied, finding: 'duplicate' });
  const { body: listed } = await bed.get(`/resyncs/${plan.id}/items?finding=orphan`);
  expect(listed.items).toEqual(orphans.map((id) => expect.objectContaining({ id, action: 'delete' })));
  expect(await writes()).toBe(before);

  const { body: job } = await bed.post(`/resyncs/${plan.id}/execute`, { hash: plan.planHash });
  await bed.job(job.id, 'done');
  expect(await writes()).toBe(before + 3 + 5 + 1 + 2);
  const rows = await bed.target.rows();
  expect(Object.keys(rows).sort()).toEqual(ids);
  expect(Object.entries(rows).filter(([, { label }]) => label === 'by hand')).toEqual([]);
  expect(rows[stale!]).toMatchObject({ label: 'Newer' });

  const after = await reconcile();
  expect(classes(await found(after))).toEqual({ duplicate: ['copy'], foreign: ['f1', 'f2', 'f3'] });
  expect(after.plan).toMatchObject({ total: 62, actions: [] });
});

it('is not deceived by what changes while it reads', async () => {
  const all = await bed.given(60);
  const one = all.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  let pages = 0;
  bed.target.beforePage = async () => {
    pages++;
    // One that was listed already, and one that is still to come.
    await bed.take('structure', [{ ...one[1]!, longLabel: `page ${pages}` }, 1 + pages]);
    await bed.take('structure', [{ ...one[58]!, longLabel: `page ${pages}` }, 1 + pages]);
    await bed.take('structure', [structure(`NEW${pages}`), 1]);
    await bed.settled();
  };
  const plan = await reconcile();
  expect(pages).toBeGreaterThan(3);
  expect(await found(plan)).toEqual([]);
});

it('begins again where the target is lost while it is listed', async () => {
  const all = await bed.given(60);
  await bed.empty([all[7]!.id]);
  let pages = 0;
  bed.target.beforePage = () => {
    pages++;
    bed.target.faults.down = pages === 3;
    if (pages === 3) setTimeout(() => (bed.target.faults.down = false), 500);
    return Promise.resolve();
  };
  const plan = await reconcile();
  expect(pages).toBeGreaterThan(5);
  expect(classes(await found(plan))).toEqual({ missing: [all[7]!.id] });
  expect(plan.scanned).toBe(60);
});

it('says that something is missing only when it is not found by its id either, and never deletes because of an empty listing', async () => {
  await bed.given(60);
  bed.target.hides = true;
  const plan = await reconcile();
  expect(await found(plan)).toEqual([]);
  expect(plan.plan).toMatchObject({ total: 60, actions: [] });
});

it('does not remove more of what is ours and unheard of than the guards allow', async () => {
  await bed.given(60);
  await bed.dataSource.query(
    `insert into target (entity, id, row) select 'structure', gen_random_uuid(), '{"label": "unheard of"}' from generate_series(1, 30)`,
  );
  const { body } = await bed.post('/resyncs', { mode: 'reconcile', scope: { entities: ['structure'] } });
  const job = await bed.job(body.id, 'refused');
  expect(job.failure).toMatch(/30 structure records would be deleted/);
  expect(Object.keys(await bed.target.rows())).toHaveLength(90);
});

it('looks at all or does not begin', async () => {
  for (const scope of [{ ids: [randomUUID()] }, { population: 'learner' }, { failedOnly: true }]) {
    const { status, body } = await bed.post('/resyncs', { mode: 'reconcile', scope });
    expect([status, body.errors]).toEqual([422, [{ field: 'scope', message: expect.stringMatching(/look at all/) }]]);
  }
});
