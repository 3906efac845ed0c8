import { Bed, person, structure, until } from '../bed.testing.js';
import { overlayInForce } from './overlay.js';

jest.setTimeout(60_000);

let bed: Bed;
beforeEach(async () => (bed = await Bed.start()));
afterEach(() => bed.stop());

/** The version under which persons are mapped; undefined while they are mapped again. */
async function version(): Promise<string | undefined> {
  const [known] = (await bed.dataSource.query(
    `select version from projection where entity = 'person' and next is null`,
  )) as { version: string }[];
  return known?.version;
}

/** Starts the connector anew with another overlay of persons, and waits until all are mapped under it. */
async function under(overlay: object | undefined): Promise<void> {
  const before = await version();
  await bed.restart({ settings: { OVERLAY: overlay && JSON.stringify(overlay) } });
  await until(async () => ![before, undefined].includes(await version()), 'not everything was mapped again');
  await bed.settled();
}

const take = (...people: ReturnType<typeof person>[]) =>
  bed.take('person', ...people.map((one): [typeof one, number] => [one, 1]));
const rowOf = async (id: string) => (await bed.target.rows())[id];
const callCount = async () => (await bed.target.calls()).length;

it('adds, changes and drops attributes, each record in one write, and gives back what was before', async () => {
  const [ada, bob] = [person('Ada'), person('Bob')];
  await take(ada, bob);
  await bed.settled();
  const before = [await rowOf(ada.id), await rowOf(bob.id)];
  const calls = await callCount();

  await under({
    person: { set: { motto: `'of ' & record.birthName`, label: '$uppercase(row.label)' }, drop: ['structures'] },
  });
  expect(await rowOf(ada.id)).toEqual({ login: 'ada', label: 'ADA', code: '', status: 'active', motto: 'of Ada' });
  expect(await callCount()).toBe(calls + 2);

  const { attributes } = (await bed.get(`/explain/person/${ada.id}`)).body;
  const rules = Object.fromEntries(attributes.map(({ attribute, rule }: any) => [attribute, rule]));
  expect(rules).toMatchObject({ motto: `Set by the overlay: 'of ' & record.birthName`, login: 'allocated' });

  await under(undefined);
  expect([await rowOf(ada.id), await rowOf(bob.id)]).toEqual(before);
  expect(await callCount()).toBe(calls + 4);
});

it('leaves an attribute out that an expression gives nothing for, and what the target cannot hold', async () => {
  const ada = person('Ada');
  await take(ada);
  await under({ person: { set: { label: 'record.none', motto: `'unheard of'`, code: '[]' } } });
  expect(await rowOf(ada.id)).toEqual({ login: 'ada', structures: [], status: 'active' });
  expect((await bed.get(`/explain/person/${ada.id}`)).body.unrepresentable).toEqual([
    { field: 'overlay.person.set.motto', message: 'is none' },
  ]);
});

it('parks a record for which an expression fails, without a value, and lets the others flow', async () => {
  const [ada, bob] = [person('Ada'), person('Bob')];
  await take(ada, bob);
  await under({ person: { set: { motto: `record.birthName = 'Ada' ? $number(record.birthName) : 'well'` } } });
  expect(await rowOf(bob.id)).toMatchObject({ motto: 'well' });
  expect(await bed.ledger(ada.id)).toMatchObject({
    status: 'parked',
    error: {
      name: 'Rejected',
      message: 'the expression of the overlay for motto fails with JSONata error D3030',
      attributes: ['motto'],
    },
  });
});

it('maps a record again on the days on which a date of it begins or has ended, where it looks at the day', async () => {
  const external = [{ population: 'PXSS', structure: 'code:S', to: '2999-06-30' }];
  const [ada, bob] = [
    { ...person('Ada'), extensions: { univ: { until: '2998-12-01' } } },
    { ...person('Bob'), extensions: { univ: { until: '2998-12-01' } }, roles: { external } },
  ];
  await bed.take('structure', [structure('S'), 1]);
  await take(ada, bob);
  await bed.settled();
  const days = async () => {
    const rows = await bed.dataSource.query(`select id, due_day::text as day from ledger where entity = 'person'`);
    const all = new Map((rows as { id: string; day: string | null }[]).map(({ id, day }) => [id, day]));
    return [all.get(ada.id), all.get(bob.id)];
  };
  expect(await days()).toEqual([null, '2999-07-01']);
  await under({ person: { set: { motto: `record.birthName = 'Ada' ? today : 'none'` } } });
  expect(await days()).toEqual(['2998-12-01', '2999-07-01']);
  await under({ person: { set: { motto: `record.extensions.univ.until > today ? 'still' : 'over'` } } });
  expect(await days()).toEqual(['2998-12-01', '2998-12-01']);
  await under(undefined);
  expect(await days()).toEqual([null, '2999-07-01']);
});

it('knows the records that the mapping names, and what it has made of this one', async () => {
  const [who, lab] = [person('Ada', 'code:LAB'), structure('LAB', { longLabel: 'The Lab' })];
  await bed.take('structure', [lab, 1]);
  await take(who);
  await under({
    person: { set: { motto: `$reference('code:LAB').longLabel & $reference('code:NONE').longLabel & row.structures` } },
  });
  expect(await rowOf(who.id)).toMatchObject({ motto: `The Lab${lab.id}` });
});

describe('a preview', () => {
  const preview = (body: object) => bed.call('POST', '/overlay/preview', { entity: 'person', ...body });
  const overlay = JSON.stringify({
    person: {
      set: { motto: 'record.birthName', label: `'x'`, code: `$number(record.birthName)` },
      drop: ['structures'],
    },
  });

  it('tells what would change, in the row and in the target, and changes nothing', async () => {
    const [ada, one] = [person('Ada'), person('1')];
    await take(ada, one);
    await bed.settled();
    const before = [await callCount(), await bed.ledger(one.id), await bed.get('/resyncs')];
    const { status, body } = await preview({ overlay, ids: [one.id] });
    expect([status, body.masked]).toEqual([200, []]);
    expect(body.items).toEqual([
      {
        ...{ id: one.id, would: 'change', error: null, unrepresentable: [] },
        row: [
          { attribute: 'code', difference: 'changed', now: '', then: 1 },
          { attribute: 'label', difference: 'changed', now: '1', then: 'x' },
          { attribute: 'motto', difference: 'added', now: null, then: '1' },
          { attribute: 'structures', difference: 'removed', now: [], then: null },
        ],
        target: [
          expect.objectContaining({ attribute: 'code', standing: 'to be changed' }),
          expect.objectContaining({ attribute: 'label', standing: 'to be changed', wanted: 'x', acknowledged: '1' }),
          expect.objectContaining({ attribute: 'motto', standing: 'to be written' }),
          expect.objectContaining({
            attribute: 'structures',
            standing: 'to be removed',
            rule: 'Dropped by the overlay.',
          }),
        ],
      },
    ]);
    const all = (await preview({ overlay })).body.items;
    expect(all).toHaveLength(2);
    expect(all.find(({ id }: any) => id === ada.id)).toMatchObject({
      ...{ would: 'failed', row: [], target: [] },
      error: { message: 'the expression of the overlay for code fails with JSONata error D3030', attributes: ['code'] },
    });
    expect((await preview({ overlay, count: 1 })).body.items).toHaveLength(1);
    expect([await callCount(), await bed.ledger(one.id), await bed.get('/resyncs')]).toEqual(before);
  });

  it.each([
    ['{', ['overlay']],
    [{ person: { set: { a: '(', b: '$now()' } } }, ['person.set.a', 'person.set.b']],
    [{ person: { set: { login: `'x'` } } }, ['person.set.login']],
    [{ 'third-party': {} }, ['third-party']],
  ])('refuses %j by field', async (document, fields) => {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    const { status, body } = await preview({ overlay: text });
    expect([status, body.errors.map(({ field }: any) => field)]).toEqual([422, fields]);
  });
});

it('is not taken with what the connector refuses', () => {
  const settings = { OVERLAY: JSON.stringify({ person: { set: { login: `'x'` } } }) };
  expect(() => overlayInForce(bed.target, settings)).toThrow(
    /^settings are wrong:\n {2}OVERLAY person\.set\.login is allocated$/,
  );
});
