import { randomUUID } from 'node:crypto';
import { Bed, person, structure, until } from '../bed.testing.js';

jest.setTimeout(60_000);

let bed: Bed;
beforeEach(async () => (bed = await Bed.start()));
afterEach(() => bed.stop());

/** Under which version entities were mapped, and their population. */
const versions = async () =>
  (await bed.dataSource.query(
    `select distinct l.projection, p.version, p.next from ledger l left join projection p using (entity)`,
  )) as { projection: string | null; version: string; next: string | null }[];

it('maps everything again when the mapping has another version, without a call where the row is the same', async () => {
  await bed.given(80);
  const before = (await bed.target.calls()).length;
  bed.target.version = '2';
  await bed.restart();
  const remap = async () => {
    const { body } = await bed.get('/resyncs');
    return body.items.find(
      ({ kind, status }: { kind: string; status: string }) => kind === 'remap' && status === 'done',
    );
  };
  await until(async () => (await remap()) !== undefined, 'nothing was mapped again');
  expect((await bed.target.calls()).length).toBe(before);
  expect(await versions()).toEqual([{ projection: null, version: '2', next: null }]);

  [bed.target.version, bed.target.prefix] = ['3', 'new '];
  await bed.restart();
  await until(
    async () => Object.values(await bed.target.rows()).every(({ label }) => String(label).startsWith('new ')),
    'rows',
  );
  expect((await bed.target.calls()).length).toBe(before + 80);
});

it('keeps the days that a new version of the mapping names, also where the row is the same today', async () => {
  await bed.given(1);
  const who = person('Ends');
  const roles = { external: [{ population: 'PXSS', structure: 'code:S0', to: '2999-11-30' }] };
  await bed.take('person', [{ ...who, roles }, 1]);
  await bed.settled();
  const day = async () => {
    const rows = await bed.dataSource.query(`select due_day::text as day from ledger where id = $1`, [who.id]);
    return (rows as { day: string }[])[0]?.day;
  };
  expect(await day()).toBe('2999-12-01');
  const before = (await bed.target.calls()).length;
  [bed.target.version, bed.target.longer] = ['2', 10];
  await bed.restart();
  await until(async () => (await day()) === '2999-12-11', 'the day is the old one');
  await until(async () => (await versions()).every(({ next }) => next === null), 'not everything was mapped again');
  expect((await bed.target.calls()).length).toBe(before);
});

it('leaves the mapping of everything to a process that has the new version', async () => {
  await bed.given(30);
  const job = randomUUID();
  await bed.dataSource.query(
    `update projection set next = '2';
     insert into job (id, kind, mode, scope, status, automatic, author, drift_percent)
     values ('${job}', 'remap', 'trust', '{"entities":["structure"]}', 'planning', true, 'myelin', 5)`,
  );
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const remap = async () => (await bed.get(`/resyncs/${job}`)).body.status;
  expect(await remap()).toBe('planning');
  // What is written meanwhile says under which version.
  const one = structure('MEANWHILE');
  await bed.take('structure', [one, 1]);
  await bed.settled();
  expect(await bed.ledger(one.id)).toMatchObject({ projection: '1' });
  [bed.target.version, bed.target.prefix] = ['2', 'new '];
  await bed.restart();
  await until(async () => (await remap()) === 'done', 'it was not mapped again');
  const labels = Object.values(await bed.target.rows()).map(({ label }) => String(label));
  expect(labels.every((label) => label.startsWith('new '))).toBe(true);
  expect(labels).toHaveLength(31);
});

it('maps everything again as soon as a resynchronisation that was in its way has ended', async () => {
  const all = await bed.given(20);
  await bed.empty(all.map(({ id }) => id));
  const { body } = await bed.post('/resyncs', { mode: 'verify', rate: 1 });
  expect((await bed.post(`/resyncs/${body.id}/pause`)).body.status).toBe('paused');
  [bed.target.version, bed.target.prefix] = ['2', 'new '];
  await bed.restart();
  const remaps = async () => {
    const { body: page } = await bed.get('/resyncs');
    return page.items.filter(({ kind }: { kind: string }) => kind === 'remap');
  };
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(await remaps()).toEqual([]);
  await bed.post(`/resyncs/${body.id}/cancel`);
  const kinds = ['structure', 'person'];
  const statuses = async () => (await remaps()).map(({ status }: { status: string }) => status);
  await until(
    async () => (await statuses()).join() === kinds.map(() => 'done').join(),
    'not everything was mapped again',
  );
  expect(await versions()).toEqual([{ projection: '2', version: '2', next: null }]);
});
