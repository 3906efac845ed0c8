import { person, structure } from '../bed.testing.js';
import { WorkerBed } from './worker.testing.js';

jest.setTimeout(60_000);

let bed: WorkerBed;

beforeEach(async () => {
  bed = await WorkerBed.start();
});
afterEach(() => bed.stop());

it('changes a row on the day that its dates name, without any message, also after downtime over that day', async () => {
  const [ends, later] = [person('Ends'), person('Later')];
  const role = (to: string) => ({ external: [{ population: 'PXSS', structure: 'code:D', to }] });
  await bed.take('structure', [structure('D'), 1]);
  await bed.take('person', [{ ...ends, roles: role('2026-11-30') }, 1], [{ ...later, roles: role('2026-12-31') }, 1]);
  const sleep = async (days: number, day: string) => {
    bed.today = day;
    await bed.dataSource.query(`update ledger set due_at = due_at - make_interval(days => $1)`, [days]);
    await bed.idle();
  };
  const shown = async () => [(await bed.target.rows())[ends.id]?.status, (await bed.target.rows())[later.id]?.status];
  await bed.idle();
  const due = (await bed.dataSource.query(
    `select (due_at at time zone 'Europe/Paris')::text as at, due_day::text as day, cause from ledger where id = $1`,
    [ends.id],
  )) as object[];
  expect(due).toEqual([{ at: '2026-12-01 00:00:00', day: '2026-12-01', cause: 'date' }]);
  // The database lives in another time than the test: its clock is moved by moving what is due.
  await bed.dataSource.query(`update ledger set due_at = due_at + (now() - timestamptz '2026-11-24 12:00:00+01')`);
  expect(await shown()).toEqual(['active', 'active']);
  await sleep(6, '2026-11-30');
  expect(await shown()).toEqual(['active', 'active']);
  await sleep(1, '2026-12-01');
  expect(await shown()).toEqual(['over', 'active']);
  await bed.rest();
  await bed.dataSource.query(`update ledger set due_at = due_at - make_interval(days => 40)`);
  bed.today = '2027-01-10';
  bed.work(2);
  await bed.idle();
  expect(await shown()).toEqual(['over', 'over']);
});

it('also on that day looks at what waits, is parked or held for other reasons until then', async () => {
  const role = (code: string) => ({
    external: [{ population: 'PXSS', structure: `code:${code}`, to: '2026-11-30' }],
  });
  const [waits, refused] = [person('Waits'), person('Refused')];
  await bed.take('structure', [structure('D'), 1]);
  await bed.idle();
  bed.target.faults.refuses = '"active"';
  await bed.take('person', [{ ...waits, roles: role('NOWHERE') }, 1], [{ ...refused, roles: role('D') }, 1]);
  await bed.idle();
  expect([(await bed.status(waits.id))?.status, (await bed.status(refused.id))?.status]).toEqual(['waiting', 'parked']);
  await bed.control.change({ author: 'olga' }, { observe: true });
  const observed = person('Observed');
  await bed.take('person', [{ ...observed, roles: role('D') }, 1]);
  await bed.idle();
  expect((await bed.status(observed.id))?.status).toBe('observed');
  const due = (await bed.dataSource.query(
    `select distinct (due_at at time zone 'Europe/Paris')::text as at, cause from ledger where entity = 'person'`,
  )) as object[];
  expect(due).toEqual([{ at: '2026-12-01 00:00:00', cause: 'change' }]);
  await bed.rest();
  await bed.dataSource.query(`update control set observe = false`);
  bed.forgetSwitches();
  await bed.dataSource.query(`update ledger set due_at = now() where due_at is not null`);
  bed.today = '2026-12-01';
  bed.work(2);
  await bed.idle();
  const rows = await bed.target.rows();
  expect([waits, refused, observed].map(({ id }) => rows[id]?.status)).toEqual(['over', 'over', 'over']);
});

it('a change that has waited is live when what it waited for arrives, whatever day it has to look at', async () => {
  const who = person('Waits');
  const roles = { external: [{ population: 'PXSS', structure: 'code:LATE', to: '2026-12-31' }] };
  await bed.take('person', [{ ...who, roles }, 1]);
  await bed.idle();
  const priority = async () =>
    ((await bed.dataSource.query(`select priority from ledger where id = $1`, [who.id])) as { priority: number }[])[0]
      ?.priority;
  expect(await priority()).toBe(11);
  bed.target.faults.slow = 500;
  await bed.take('structure', [structure('LATE'), 1]);
  for (let i = 0; i < 200 && (await priority()) !== 1; i++) await new Promise((r) => setTimeout(r, 10));
  expect(await priority()).toBe(1);
  await bed.idle();
  expect(await bed.status(who.id)).toMatchObject({ status: 'applied' });
});

it('holds back what closes because a day begins only where a budget names dates', async () => {
  const ending = (to: string) =>
    Array.from({ length: 30 }, (_, i) => ({
      ...person(`P${i}`),
      roles: { external: [{ population: 'PXSS', structure: 'code:D', to }] },
    }));
  bed.today = '2999-11-24';
  const [first, second] = [ending('2999-11-24'), ending('2999-11-25')];
  await bed.take('structure', [structure('D'), 1]);
  await bed.take('person', ...[...first, ...second].map((one): [typeof one, number] => [one, 1]));
  await bed.idle();
  await bed.dataSource.query(`insert into budget values ('person', 'suspend', '*', 0, null)`);
  const endOf = async (day: string) => {
    bed.today = day;
    await bed.dataSource.query(`update ledger set due_at = now() where due_day = $1`, [day]);
    await bed.idle();
    const rows = Object.values(await bed.target.rows());
    return rows.filter(({ status }) => status === 'over').length;
  };
  expect(await endOf('2999-11-25')).toBe(30);
  await bed.dataSource.query(`insert into budget values ('person', 'suspend', 'date', 12, null)`);
  expect(await endOf('2999-11-26')).toBe(42);
  expect(await bed.dataSource.query(`select distinct held, cause from ledger where status = 'held'`)).toEqual([
    { held: 'suspend', cause: 'date' },
  ]);
});
