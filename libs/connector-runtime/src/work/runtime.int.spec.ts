import { randomUUID } from 'node:crypto';
import type { Session } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import { createLogger, openDatabase } from '@myelin/platform';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { batchOf, person, structure } from '../bed.testing.js';
import { Gate } from './gate.js';
import { Intake } from '../intake/intake.js';
import { MIGRATIONS } from '../migrations.js';
import { TableTarget } from '../table-target.testing.js';
import { Control } from '../operators/control.js';
import { Guards } from '../guards/guards.js';
import { inParallel, lanesOf, Traffic } from './lanes.js';
import { Mapper } from './mapper.js';
import { Wakeup } from './wakeup.js';
import { Worker } from './worker.js';

const logger = createLogger('test', 'fatal');
const server = process.env.DATABASE_URL ?? '';

jest.setTimeout(60_000);

describe('the connector runtime', () => {
  let database: string;
  let dataSource: DataSource;
  let target: TableTarget;
  let gate: Gate;
  let intake: Intake;
  let workers: Worker[];
  let wakeup: Wakeup;
  let control: Control;
  let guards: Guards;
  let today: string;

  beforeEach(async () => {
    database = `t_${randomUUID().slice(0, 8)}`;
    const url = new URL(server);
    url.pathname = `/${database}`;
    dataSource = await openDatabase({
      url: url.href,
      applicationName: 'test',
      entities: [],
      migrations: MIGRATIONS,
      logger,
    });
    target = await new TableTarget(dataSource).create();
    gate = new Gate(target, logger);
    wakeup = new Wakeup();
    control = new Control(dataSource, wakeup, logger);
    guards = new Guards(dataSource);
    today = '2026-11-24';
    intake = new Intake(dataSource, wakeup, logger);
    gate.start();
    workers = [];
    work(2);
  });

  afterEach(async () => {
    gate.end();
    await Promise.all(workers.map((worker) => worker.stop()));
    await dataSource.destroy();
    const admin = new pg.Client({ connectionString: server });
    await admin.connect();
    await admin.query(`drop database ${database} with (force)`);
    await admin.end();
  });

  function work(count: number, session: Session = target): void {
    for (let i = 0; i < count; i++) {
      const { live, bulk } = lanesOf(session);
      const worker = new Worker({
        name: randomUUID(),
        connector: 'table',
        lanes: i === 0 ? [live, bulk] : [live],
        traffic: new Traffic(),
        mapper: new Mapper(session, dataSource, () => today),
        ...{ session, dataSource, gate, control, guards, wakeup, logger },
      });
      worker.start();
      workers.push(worker);
    }
  }

  const take = (entity: Entity, ...states: [Record<string, unknown>, number][]) =>
    intake.take(entity, entity === 'structure' ? 0 : 1, batchOf(entity, states));

  async function settled(): Promise<void> {
    for (let i = 0; i < 400; i++) {
      const [row] = (await dataSource.query(
        `select count(*)::int as due from ledger where due_at is not null or claimed_by is not null`,
      )) as { due: number }[];
      if (row?.due === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('the ledger did not settle');
  }

  /** Waits until nothing is due at this moment. */
  async function idle(): Promise<void> {
    for (let i = 0; i < 400; i++) {
      const [row] = (await dataSource.query(
        `select count(*)::int as due from ledger where due_at <= now() or claimed_by is not null`,
      )) as { due: number }[];
      if (row?.due === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('the ledger did not come to rest');
  }

  const status = async (id: string) =>
    (
      (await dataSource.query('select status, error, waits_for, attempts from ledger where id = $1', [id])) as {
        status: string;
        error: { message: string } | null;
        waits_for: string[] | null;
      }[]
    )[0];

  it('writes a new entity once, and only the changed attributes afterwards', async () => {
    const one = structure('A');
    await take('structure', [one, 1]);
    await settled();
    await take('structure', [{ ...one, longLabel: 'Another label' }, 2]);
    await settled();
    expect((await target.calls()).map(({ kind, changed }) => [kind, changed])).toEqual([
      ['create', ['label']],
      ['modify', ['label']],
    ]);
  });

  it('calls nobody when a message comes twice, older, or without a change that shows', async () => {
    const one = structure('A');
    await take('structure', [one, 2]);
    await settled();
    await take('structure', [one, 2]);
    await take('structure', [{ ...one, longLabel: 'older' }, 1]);
    await take('structure', [{ ...one, shortLabel: 'not mapped' }, 3]);
    await settled();
    expect(await target.calls()).toHaveLength(1);
  });

  it('lets a person wait for its structure by name, and go when it arrives', async () => {
    const home = structure('LATE');
    const who = person('Dupond', 'code:LATE');
    await take('person', [who, 1]);
    await settled();
    expect(await status(who.id)).toMatchObject({ status: 'waiting', waits_for: ['structure|code:LATE'] });
    expect(await target.calls()).toEqual([]);
    await take('structure', [home, 1]);
    for (let i = 0; i < 100 && (await status(who.id))?.status === 'waiting'; i++)
      await new Promise((r) => setTimeout(r, 25));
    await settled();
    expect(await status(who.id)).toMatchObject({ status: 'applied', waits_for: null });
    expect((await target.rows())[who.id]).toMatchObject({ structures: [home.id] });
  });

  it('never loses a wait, whatever the order of arrival', async () => {
    work(2);
    const codes = Array.from({ length: 150 }, (_, i) => `S${i}`);
    const people = codes.flatMap((code) => [person('Martin', `code:${code}`), person('Durand', `code:${code}`)]);
    // Two persons, then a structure that others have named or will name.
    const arrivals = codes.flatMap((_, i) => [
      () => take('person', [people[2 * i]!, 1]),
      () => take('person', [people[2 * i + 1]!, 1]),
      () => take('structure', [structure(codes[(i * 7 + 1) % codes.length]!), 1]),
    ]);
    await inParallel(arrivals, 40, (arrive) => arrive());
    await settled();
    const [row] = (await dataSource.query(`select count(*)::int as n from ledger where status <> 'applied'`)) as {
      n: number;
    }[];
    expect(row?.n).toBe(0);
    const logins = Object.values(await target.rows()).flatMap(({ login }) =>
      typeof login === 'string' ? [login] : [],
    );
    expect(new Set(logins).size).toBe(people.length);
  }, 60_000);

  it('parks what the target refuses, lets the others flow, and tries again when it changes', async () => {
    target.faults.refuses = 'bad';
    const [bad, good] = [{ ...structure('B'), longLabel: 'bad label' }, structure('C')];
    await take('structure', [bad, 1], [good, 1]);
    await settled();
    expect(await status(bad.id)).toMatchObject({
      status: 'parked',
      error: { name: 'Rejected', attributes: ['label'] },
    });
    expect(await status(good.id)).toMatchObject({ status: 'applied' });
    await take('structure', [{ ...bad, longLabel: 'better label' }, 2]);
    await settled();
    expect(await status(bad.id)).toMatchObject({ status: 'applied', error: null });
  });

  it('parks nothing while the target is down, and writes each entity once afterwards', async () => {
    target.faults.down = true;
    const all = Array.from({ length: 300 }, (_, i) => structure(`D${i}`));
    for (const revision of [1, 2, 3]) {
      await take(
        'structure',
        ...all.map((one): [Record<string, unknown>, number] => [{ ...one, longLabel: `r${revision}` }, revision]),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(gate.status().state).toBe('paused');
    target.faults.down = false;
    await settled();
    const calls = await target.calls();
    expect(calls).toHaveLength(300);
    expect(Object.values(await target.rows()).every(({ label }) => label === 'r3')).toBe(true);
  });

  it('reads before it writes again when an answer was lost: nothing is created twice', async () => {
    target.faults.losesAnswers = 1;
    const one = structure('E');
    await take('structure', [one, 1]);
    await settled();
    expect((await target.calls()).map(({ kind }) => kind)).toEqual(['create', 'read']);
    expect(await status(one.id)).toMatchObject({ status: 'applied' });
  });

  it('tells the target which request caused each write', async () => {
    const one = structure('A');
    const batches = [1, 2].map((revision) => batchOf('structure', [[{ ...one, longLabel: `r${revision}` }, revision]]));
    for (const batch of batches) {
      await intake.take('structure', 0, batch);
      await settled();
    }
    expect((await target.calls()).map(({ kind, correlationId }) => [kind, correlationId])).toEqual([
      ['create', batches[0]!.events[0]!.attributes.correlationid],
      ['modify', batches[1]!.events[0]!.attributes.correlationid],
    ]);
  });

  it('reads before each write, and only then, where the sync asks for it', async () => {
    target.readBeforeWrite = true;
    const one = structure('A');
    await take('structure', [one, 1]);
    await settled();
    await dataSource.query(`update target set row = '{"label":"by hand"}'`);
    await take('structure', [{ ...one, longLabel: 'by hand' }, 2]);
    await settled();
    await take('structure', [{ ...one, longLabel: 'by hand', shortLabel: 'not mapped' }, 3]);
    await settled();
    await dataSource.query(`delete from target`);
    await take('structure', [{ ...one, longLabel: 'a label' }, 4]);
    await settled();
    expect((await target.calls()).map(({ kind }) => kind)).toEqual(['read', 'create', 'read', 'read', 'create']);
    expect((await target.rows())[one.id]).toEqual({ label: 'a label' });
  });

  it('tries less and less often where the account may read and not write, and goes on when it may', async () => {
    target.faults.readOnly = true;
    const all = Array.from({ length: 100 }, (_, i) => structure(`R${i}`));
    await take('structure', ...all.map((one): [Record<string, unknown>, number] => [one, 1]));
    await new Promise((resolve) => setTimeout(resolve, 4000));
    // Two workers, and at most six openings: after 0, 1/8, 3/8, 7/8, 15/8 and 31/8 s.
    expect((await target.calls()).length).toBeLessThanOrEqual(12);
    target.faults.readOnly = false;
    await settled();
    expect(Object.keys(await target.rows())).toHaveLength(100);
  });

  it('comes back to an entity that the target wants later', async () => {
    target.faults.busy = 2;
    const one = structure('F');
    await take('structure', [one, 1]);
    await settled();
    expect((await target.calls()).map(({ kind }) => kind)).toEqual(['create', 'create', 'create']);
  });

  it('takes over what a dead worker had claimed, and reads it first', async () => {
    const one = structure('G');
    await take('structure', [one, 1]);
    await settled();
    await dataSource.query(
      `update ledger set due_at = now(), claimed_by = 'dead', claimed_until = now() + interval '1 second', target_row = '{"label":"stale"}'`,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await target.calls()).toHaveLength(1);
    await settled();
    expect((await target.calls()).map(({ kind }) => kind)).toEqual(['create', 'read']);
  });

  it('never writes one entity from two workers at once', async () => {
    work(4);
    const all = Array.from({ length: 50 }, (_, i) => structure(`H${i}`));
    for (let revision = 1; revision <= 20; revision++) {
      await take(
        'structure',
        ...all.map((one): [Record<string, unknown>, number] => [{ ...one, longLabel: `r${revision}` }, revision]),
      );
    }
    await settled();
    expect(Object.values(await target.rows()).every(({ label }) => label === 'r20')).toBe(true);
    const creations = (await target.calls()).filter(({ kind }) => kind === 'create');
    expect(creations).toHaveLength(50);
  });

  it('changes a row on the day that its dates name, without any message, also after downtime over that day', async () => {
    const [ends, later] = [person('Ends'), person('Later')];
    const role = (to: string) => ({ external: [{ population: 'PXSS', structure: 'code:D', to }] });
    await take('structure', [structure('D'), 1]);
    await take('person', [{ ...ends, roles: role('2026-11-30') }, 1], [{ ...later, roles: role('2026-12-31') }, 1]);
    const sleep = async (days: number, day: string) => {
      today = day;
      await dataSource.query(`update ledger set due_at = due_at - make_interval(days => $1)`, [days]);
      await idle();
    };
    const shown = async () => [(await target.rows())[ends.id]?.status, (await target.rows())[later.id]?.status];
    await idle();
    const due = (await dataSource.query(
      `select (due_at at time zone 'Europe/Paris')::text as at, due_day::text as day, cause from ledger where id = $1`,
      [ends.id],
    )) as object[];
    expect(due).toEqual([{ at: '2026-12-01 00:00:00', day: '2026-12-01', cause: 'date' }]);
    // The database lives in another time than the test: its clock is moved by moving what is due.
    await dataSource.query(`update ledger set due_at = due_at + (now() - timestamptz '2026-11-24 12:00:00+01')`);
    expect(await shown()).toEqual(['active', 'active']);
    await sleep(6, '2026-11-30');
    expect(await shown()).toEqual(['active', 'active']);
    await sleep(1, '2026-12-01');
    expect(await shown()).toEqual(['over', 'active']);
    await Promise.all(workers.map((worker) => worker.stop()));
    await dataSource.query(`update ledger set due_at = due_at - make_interval(days => 40)`);
    today = '2027-01-10';
    work(2);
    await idle();
    expect(await shown()).toEqual(['over', 'over']);
  });

  it('also on that day looks at what waits, is parked or held for other reasons until then', async () => {
    const role = (code: string) => ({
      external: [{ population: 'PXSS', structure: `code:${code}`, to: '2026-11-30' }],
    });
    const [waits, refused] = [person('Waits'), person('Refused')];
    await take('structure', [structure('D'), 1]);
    await idle();
    target.faults.refuses = '"active"';
    await take('person', [{ ...waits, roles: role('NOWHERE') }, 1], [{ ...refused, roles: role('D') }, 1]);
    await idle();
    expect([(await status(waits.id))?.status, (await status(refused.id))?.status]).toEqual(['waiting', 'parked']);
    await control.change({ author: 'olga' }, { observe: true });
    const observed = person('Observed');
    await take('person', [{ ...observed, roles: role('D') }, 1]);
    await idle();
    expect((await status(observed.id))?.status).toBe('observed');
    const due = (await dataSource.query(
      `select distinct (due_at at time zone 'Europe/Paris')::text as at, cause from ledger where entity = 'person'`,
    )) as object[];
    expect(due).toEqual([{ at: '2026-12-01 00:00:00', cause: 'change' }]);
    await Promise.all(workers.map((worker) => worker.stop()));
    await dataSource.query(`update control set observe = false`);
    control = new Control(dataSource, wakeup, logger);
    await dataSource.query(`update ledger set due_at = now() where due_at is not null`);
    today = '2026-12-01';
    work(2);
    await idle();
    const rows = await target.rows();
    expect([waits, refused, observed].map(({ id }) => rows[id]?.status)).toEqual(['over', 'over', 'over']);
  });

  it('a change that has waited is live when what it waited for arrives, whatever day it has to look at', async () => {
    const who = person('Waits');
    const roles = { external: [{ population: 'PXSS', structure: 'code:LATE', to: '2026-12-31' }] };
    await take('person', [{ ...who, roles }, 1]);
    await idle();
    const priority = async () =>
      ((await dataSource.query(`select priority from ledger where id = $1`, [who.id])) as { priority: number }[])[0]
        ?.priority;
    expect(await priority()).toBe(11);
    target.faults.slow = 500;
    await take('structure', [structure('LATE'), 1]);
    for (let i = 0; i < 200 && (await priority()) !== 1; i++) await new Promise((r) => setTimeout(r, 10));
    expect(await priority()).toBe(1);
    await idle();
    expect(await status(who.id)).toMatchObject({ status: 'applied' });
  });

  it('holds back what closes because a day begins only where a budget names dates', async () => {
    const ending = (to: string) =>
      Array.from({ length: 30 }, (_, i) => ({
        ...person(`P${i}`),
        roles: { external: [{ population: 'PXSS', structure: 'code:D', to }] },
      }));
    today = '2999-11-24';
    const [first, second] = [ending('2999-11-24'), ending('2999-11-25')];
    await take('structure', [structure('D'), 1]);
    await take('person', ...[...first, ...second].map((one): [typeof one, number] => [one, 1]));
    await idle();
    await dataSource.query(`insert into budget values ('person', 'suspend', '*', 0, null)`);
    const endOf = async (day: string) => {
      today = day;
      await dataSource.query(`update ledger set due_at = now() where due_day = $1`, [day]);
      await idle();
      const rows = Object.values(await target.rows());
      return rows.filter(({ status }) => status === 'over').length;
    };
    expect(await endOf('2999-11-25')).toBe(30);
    await dataSource.query(`insert into budget values ('person', 'suspend', 'date', 12, null)`);
    expect(await endOf('2999-11-26')).toBe(42);
    expect(await dataSource.query(`select distinct held, cause from ledger where status = 'held'`)).toEqual([
      { held: 'suspend', cause: 'date' },
    ]);
  });

  it('removes what must not exist', async () => {
    const who = person('Lefevre');
    await take('person', [who, 1]);
    await settled();
    await take('person', [{ ...who, status: 'erased' }, 2]);
    await settled();
    expect(await target.rows()).toEqual({});
    expect(await status(who.id)).toMatchObject({ status: 'absent' });
  });

  it('keeps aside what it cannot read, with the reason, and takes the rest', async () => {
    const good = structure('I');
    const given = batchOf('structure', [
      [good, 1],
      [{ id: randomUUID(), status: 'active', code: 'no label' }, 1],
    ]);
    given.unreadable.push({
      topic: 'referential.structure.v1',
      partition: 0,
      offset: '77',
      key: null,
      bytes: Buffer.from('x'),
      reason: 'is no JSON',
    });
    await intake.take('structure', 0, given);
    await intake.take('structure', 0, given);
    await settled();
    const aside = (await dataSource.query('select reason from aside order by reason')) as { reason: string }[];
    expect(aside).toEqual([{ reason: 'is no JSON' }, { reason: 'shortLabel is required' }]);
    expect(await status(good.id)).toMatchObject({ status: 'applied' });
  });
});
