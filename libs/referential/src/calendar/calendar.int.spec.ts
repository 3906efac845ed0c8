import { call, startPersons, somebody, until, type Running } from '../../test/bed.js';
import { today } from '../golden/days.js';
import { CalendarService } from './calendar.service.js';

let persons: Running;
beforeEach(async () => void (persons = await startPersons({ kafka: false })));
afterEach(() => persons.stop());

const pass = () => persons.app.get(CalendarService).pass();
const put = (source: string, id: string, document: object) =>
  call(persons, 'PUT', `/sources/${source}/records/${id}`, document);
const inDays = (days: number) => today(new Date(Date.now() + days * 86_400_000));
const outbox = () =>
  persons.dataSource.query(`select kind, revision, cause ->> 'actor' as actor from outbox`) as Promise<object[]>;

/** As if so many days had gone by: whatever is stored lies that much further back. */
const sleep = (days: number) =>
  persons.dataSource.query(`update record set due = due - $1::integer`, [days]) as Promise<unknown>;

it('a fact takes effect on its day, published without anybody touching it, also when the day was missed', async () => {
  jest.useFakeTimers({
    now: Date.now(),
    doNotFake: [
      'nextTick',
      'setImmediate',
      'setTimeout',
      'setInterval',
      'clearTimeout',
      'clearInterval',
      'queueMicrotask',
      'hrtime',
      'performance',
    ],
  });
  try {
    const roles = { resource: [{ population: 'RGPFT', from: inDays(3), to: inDays(10) }] };
    const { body } = await put(
      'siham',
      '1',
      somebody('A', ['siham:S1'], { roles, names: [{ usageName: 'B', from: inDays(5) }] }),
    );
    const path = `/persons/${body['recordId'] as string}`;
    const read = async () => (await call(persons, 'GET', path)).body;
    expect(await read()).toMatchObject({ revision: 1, roleStates: { resource: 'inactive' } });
    await persons.dataSource.query('delete from outbox');
    expect(await pass()).toBe(0);

    const [third, fifth, later] = [inDays(3), inDays(5), inDays(20)];
    jest.setSystemTime(Date.parse(`${third}T10:00:00Z`));
    expect(await pass()).toBe(1);
    expect(await read()).toMatchObject({ revision: 2, roleStates: { resource: 'active' }, effectiveFrom: third });
    expect(await outbox()).toEqual([{ kind: 'updated', revision: 2, actor: 'calendar' }]);
    expect(await pass()).toBe(0);

    jest.setSystemTime(Date.parse(`${fifth}T10:00:00Z`));
    await pass();
    expect(await read()).toMatchObject({ revision: 3, usageName: 'B', effectiveFrom: fifth });

    // Down over the end of the role: caught up afterwards.
    jest.setSystemTime(Date.parse(`${later}T10:00:00Z`));
    await pass();
    expect(await read()).toMatchObject({ revision: 4, usageName: 'B', roleStates: { resource: 'inactive' } });
    expect(await persons.dataSource.query('select due from record')).toEqual([{ due: null }]);
  } finally {
    jest.useRealTimers();
  }
});

it('the day begins at midnight in Paris', () => {
  expect(today(new Date('2026-06-30T21:59:59Z'))).toBe('2026-06-30');
  expect(today(new Date('2026-06-30T22:00:00Z'))).toBe('2026-07-01');
  expect(today(new Date('2026-12-31T22:59:59Z'))).toBe('2026-12-31');
  expect(today(new Date('2026-12-31T23:00:00Z'))).toBe('2027-01-01');
});

it('thousands that are due are shared by two instances, each looked at once', async () => {
  const lines = Array.from({ length: 2000 }, (_, n) =>
    JSON.stringify({
      sourceId: `${n}`,
      ...somebody(`N${n}`, [`siham:S${n}`], { roles: { learner: [{ from: inDays(1) }] } }),
    }),
  );
  await call(persons, 'POST', '/imports?source=siham&format=ndjson', lines.join('\n'), {
    'content-type': 'application/x-ndjson',
  });
  await sleep(1);
  const other = await startPersons({ kafka: false, at: persons });
  const [one, two] = await Promise.all([pass(), other.app.get(CalendarService).pass()]);
  // The other one has begun by itself when it started.
  expect(one + two).toBeLessThanOrEqual(2000);
  // The day has not come: nothing has changed, and all are due again on theirs.
  await until(async () => {
    const [row] = (await persons.dataSource.query(
      `select count(*)::integer as due, max(revision) as revision from record where due = $1`,
      [inDays(1)],
    )) as { due: number; revision: number }[];
    return row?.due === 2000 && row.revision === 1;
  });
  await other.leave();
});

it('other survivorship rules change what stands, at the next start, and nothing before they are known to be right', async () => {
  const rules = (attribute: string) =>
    JSON.stringify({ groups: { names: { attributes: [attribute], priority: ['b'] } } });
  await put('a', '1', somebody('A', ['siham:S1']));
  const { body } = await put('b', '1', somebody('B', ['siham:S1']));
  const { body: alone } = await put('b', '2', somebody('C', ['siham:S2']));
  const read = async (running: Running, id: unknown) => (await call(running, 'GET', `/persons/${id as string}`)).body;
  expect(await read(persons, body['recordId'])).toMatchObject({ birthName: 'A' });

  const next = await startPersons({ kafka: false, at: persons, survivorship: rules('birthName') });
  await until(async () => (await read(next, body['recordId']))['birthName'] === 'B');
  expect(await read(next, alone['recordId'])).toMatchObject({ revision: 1 });
  await next.leave();

  await expect(startPersons({ kafka: false, at: persons, survivorship: rules('shoeSize') })).rejects.toThrow(
    /SURVIVORSHIP groups\/names: "shoeSize" is no attribute/,
  );
});
