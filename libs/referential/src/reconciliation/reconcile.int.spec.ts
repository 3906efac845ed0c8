import { request } from 'node:http';
import { call, empty, somebody, startPersons, until, type Answer, type Running } from '../../test/bed.js';

let persons: Running;

beforeAll(async () => void (persons = await startPersons({ kafka: false })));
afterAll(() => persons.stop());
afterEach(() => empty(persons.dataSource));

const line = (sourceId: string, document: object) => JSON.stringify({ sourceId, ...document });
const learner = (n: number, name = `N${n}`) => line(`${n}`, somebody(name, [`apogee:2200${n}`]));
const send = (path: string, lines: readonly string[], query = ''): Promise<Answer> =>
  call(persons, 'POST', `${path}?source=apogee&format=ndjson${query}`, lines.join('\n'), {
    'content-type': 'application/x-ndjson',
  });
const load = (lines: readonly string[]) => send('/imports', lines);
const reconcile = (lines: readonly string[], query = '') => send('/reconciliations', lines, query);
const report = async ({ body }: Answer) => {
  const response = await fetch(`${persons.url}/reconciliations/${String(body.id)}/report`);
  expect(response.headers.get('content-type')).toMatch(/ndjson/);
  const text = await response.text();
  return text
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => JSON.parse(one) as { sourceId: string; finding: string; outcome: string | null });
};
const classes = async (answer: Answer) =>
  Object.fromEntries(
    [...Map.groupBy(await report(answer), ({ finding }) => finding)].map(([finding, all]) => [
      finding,
      all.map(({ sourceId }) => sourceId).sort(),
    ]),
  );
const state = () =>
  persons.dataSource.query(
    `select (select json_agg(r order by id) from (select id, revision, status, state from record) as r) as records,
            (select count(*)::integer from revision) as revisions`,
  ) as Promise<unknown[]>;

/** Ends the record of a learner by hand. */
async function deactivate(n: number): Promise<void> {
  const { body } = await call(persons, 'GET', `/persons?identifier=apogee:2200${n}`);
  const [record] = body.items as { id: string }[];
  expect((await call(persons, 'POST', `/persons/${record!.id}/deactivation`)).status).toBe(200);
}

const ALL = Array.from({ length: 600 }, (_, n) => learner(n));

it('lists who is at the source and missing or inactive here, exactly; repairs them; then finds nothing', async () => {
  await load(ALL.filter((_, n) => n < 10 || n >= 15));
  for (const n of [100, 200, 300]) await deactivate(n);
  await load([learner(400, 'Old')]);
  await load([line('gone', somebody('Gone'))]);
  const before = await state();

  const dry = await reconcile(ALL);
  expect(dry.body).toMatchObject({ status: 'done', repair: false });
  expect(dry.body.counts).toEqual({ read: 600, missing: 5, inactive: 3, different: 1, extra: 1, repaired: 0 });
  const expected = {
    ...{ missing: ['10', '11', '12', '13', '14'], inactive: ['100', '200', '300'] },
    ...{ different: ['400'], extra: ['gone'] },
  };
  expect(await classes(dry)).toEqual(expected);
  expect(await state()).toEqual(before);

  const repaired = await reconcile(ALL, '&repair=yes');
  expect(repaired.body.counts).toEqual({ ...(dry.body.counts as object), repaired: 9 });
  expect(await classes(repaired)).toEqual(expected);
  const outcomes = Map.groupBy(await report(repaired), ({ outcome }) => String(outcome));
  expect(Object.fromEntries([...outcomes].map(([outcome, all]) => [outcome, all.length]))).toEqual({
    ...{ created: 5, reactivated: 3, updated: 1, null: 1 },
  });

  expect((await reconcile(ALL)).body.counts).toEqual({ read: 600, extra: 1, repaired: 0 });
});

it('names the lines that it cannot read, and does not take their records for gone', async () => {
  await load([learner(1), learner(2)]);
  const answer = await reconcile([learner(1), line('2', { ...somebody('B'), shoeSize: 38 }), '{"sourceId":']);
  expect(answer.body.counts).toEqual({ read: 2, refused: 2, repaired: 0 });
  expect(await report(answer)).toMatchObject([
    { sourceId: '2', line: 2, finding: 'refused', field: 'shoeSize' },
    { sourceId: null, line: 3, finding: 'refused' },
  ]);
});

it('tells what waits for a steward, and repairs the others', async () => {
  await load([learner(1)]);
  await persons.dataSource.query(`update source_record set source = 'other'`);
  await load([learner(2)]);
  const lines = [line('1', somebody('N1', ['apogee:22001', 'apogee:22002'])), learner(3)];
  const answer = await reconcile(lines, '&repair=yes');
  expect(answer.body.counts).toMatchObject({ missing: 2, repaired: 1 });
  expect(await report(answer)).toContainEqual(expect.objectContaining({ sourceId: '1', outcome: 'suspected' }));
  expect(await report(await reconcile(lines))).toContainEqual(
    expect.objectContaining({ sourceId: '1', finding: 'suspected', recordId: null }),
  );
});

it('is for those who say what they want', async () => {
  for (const query of ['&repair=perhaps', '&source=hub', '&format=xml'])
    expect((await reconcile([learner(1)], query)).status).toBeGreaterThanOrEqual(400);
  const unknown = await call(persons, 'GET', '/reconciliations/018f2f6e-0000-7000-8000-000000000001');
  expect(unknown.status).toBe(404);
});

it('that breaks off has failed, has kept what it repaired, and calls nothing gone', async () => {
  await load([learner(1), learner(2)]);
  const sending = request(`${persons.url}/reconciliations?source=apogee&format=ndjson&repair=yes`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
  });
  sending.on('error', () => undefined);
  sending.write(`${Array.from({ length: 300 }, (_, n) => learner(n + 10)).join('\n')}\n`);
  const query = <T>(sql: string) => persons.dataSource.query(sql) as Promise<T[]>;
  await until(async () => (await query(`select source_id from reconciliation_finding limit 1`)).length);
  sending.destroy();
  await until(async () => (await query(`select id from reconciliation where status = 'failed'`)).length);
  expect(await query('select failure from reconciliation')).toEqual([{ failure: 'the file was not read to its end' }]);
  expect(await query('select distinct finding, outcome from reconciliation_finding')).toEqual([
    { finding: 'missing', outcome: 'created' },
  ]);
  expect(await query('select source_id from reconciliation_seen')).toEqual([]);
});
