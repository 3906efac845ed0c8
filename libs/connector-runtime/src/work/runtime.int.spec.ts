import { randomUUID } from 'node:crypto';
import { batchOf, person, structure } from '../bed.testing.js';
import { inParallel } from './lanes.js';
import { WorkerBed } from './worker.testing.js';

jest.setTimeout(60_000);

let bed: WorkerBed;

beforeEach(async () => {
  bed = await WorkerBed.start();
});
afterEach(() => bed.stop());

it('writes a new entity once, and only the changed attributes afterwards', async () => {
  const one = structure('A');
  await bed.take('structure', [one, 1]);
  await bed.settled();
  await bed.take('structure', [{ ...one, longLabel: 'Another label' }, 2]);
  await bed.settled();
  expect((await bed.target.calls()).map(({ kind, changed }) => [kind, changed])).toEqual([
    ['create', ['label']],
    ['modify', ['label']],
  ]);
});

it('calls nobody when a message comes twice, older, or without a change that shows', async () => {
  const one = structure('A');
  await bed.take('structure', [one, 2]);
  await bed.settled();
  await bed.take('structure', [one, 2]);
  await bed.take('structure', [{ ...one, longLabel: 'older' }, 1]);
  await bed.take('structure', [{ ...one, shortLabel: 'not mapped' }, 3]);
  await bed.settled();
  expect(await bed.target.calls()).toHaveLength(1);
});

it('writes down the row that the target has when it is another, and forgets it with the entity', async () => {
  const one = structure('A');
  const kept = async () =>
    (await bed.dataSource.query('select row, xmin::text as by from acknowledged_row where id = $1', [one.id])) as {
      row: { label: string };
      by: string;
    }[];
  await bed.take('structure', [one, 1]);
  await bed.settled();
  const first = await kept();
  expect(first).toMatchObject([{ row: { label: one.longLabel } }]);
  bed.target.faults.refuses = 'refused';
  await bed.take('structure', [{ ...one, longLabel: 'refused' }, 2]);
  await bed.settled();
  expect(await bed.status(one.id)).toMatchObject({ status: 'parked' });
  bed.target.faults.refuses = undefined;
  await bed.take('structure', [{ ...one, shortLabel: 'not mapped' }, 3]);
  await bed.settled();
  expect(await kept()).toEqual(first);
  await bed.take('structure', [{ ...one, longLabel: 'Another label' }, 4]);
  await bed.settled();
  expect(await kept()).toMatchObject([{ row: { label: 'Another label' } }]);
  await bed.take('structure', [{ ...one, status: 'erased' }, 5]);
  await bed.settled();
  expect(await kept()).toEqual([]);
});

it('lets a person wait for its structure by name, and go when it arrives', async () => {
  const home = structure('LATE');
  const who = person('Dupond', 'code:LATE');
  await bed.take('person', [who, 1]);
  await bed.settled();
  expect(await bed.status(who.id)).toMatchObject({ status: 'waiting', waits_for: ['structure|code:LATE'] });
  expect(await bed.target.calls()).toEqual([]);
  await bed.take('structure', [home, 1]);
  for (let i = 0; i < 100 && (await bed.status(who.id))?.status === 'waiting'; i++)
    await new Promise((r) => setTimeout(r, 25));
  await bed.settled();
  expect(await bed.status(who.id)).toMatchObject({ status: 'applied', waits_for: null });
  expect((await bed.target.rows())[who.id]).toMatchObject({ structures: [home.id] });
});

it('never loses a wait, whatever the order of arrival', async () => {
  bed.work(2);
  const codes = Array.from({ length: 150 }, (_, i) => `S${i}`);
  const people = codes.flatMap((code) => [person('Martin', `code:${code}`), person('Durand', `code:${code}`)]);
  // Two persons, then a structure that others have named or will name.
  const arrivals = codes.flatMap((_, i) => [
    () => bed.take('person', [people[2 * i]!, 1]),
    () => bed.take('person', [people[2 * i + 1]!, 1]),
    () => bed.take('structure', [structure(codes[(i * 7 + 1) % codes.length]!), 1]),
  ]);
  await inParallel(arrivals, 40, (arrive) => arrive());
  await bed.settled();
  const [row] = (await bed.dataSource.query(`select count(*)::int as n from ledger where status <> 'applied'`)) as {
    n: number;
  }[];
  expect(row?.n).toBe(0);
  const logins = Object.values(await bed.target.rows()).flatMap(({ login }) =>
    typeof login === 'string' ? [login] : [],
  );
  expect(new Set(logins).size).toBe(people.length);
}, 60_000);

it('parks what the target refuses, lets the others flow, and tries again when it changes', async () => {
  bed.target.faults.refuses = 'bad';
  const [bad, good] = [{ ...structure('B'), longLabel: 'bad label' }, structure('C')];
  await bed.take('structure', [bad, 1], [good, 1]);
  await bed.settled();
  expect(await bed.status(bad.id)).toMatchObject({
    status: 'parked',
    error: { name: 'Rejected', attributes: ['label'] },
  });
  expect(await bed.status(good.id)).toMatchObject({ status: 'applied' });
  await bed.take('structure', [{ ...bad, longLabel: 'better label' }, 2]);
  await bed.settled();
  expect(await bed.status(bad.id)).toMatchObject({ status: 'applied', error: null });
});

it('parks nothing while the target is down, and writes each entity once afterwards', async () => {
  bed.target.faults.down = true;
  const all = Array.from({ length: 300 }, (_, i) => structure(`D${i}`));
  for (const revision of [1, 2, 3]) {
    await bed.take(
      'structure',
      ...all.map((one): [Record<string, unknown>, number] => [{ ...one, longLabel: `r${revision}` }, revision]),
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(bed.gate.status().state).toBe('paused');
  bed.target.faults.down = false;
  await bed.settled();
  const calls = await bed.target.calls();
  expect(calls).toHaveLength(300);
  expect(Object.values(await bed.target.rows()).every(({ label }) => label === 'r3')).toBe(true);
});

it('reads before it writes again when an answer was lost: nothing is created twice', async () => {
  bed.target.faults.losesAnswers = 1;
  const one = structure('E');
  await bed.take('structure', [one, 1]);
  await bed.settled();
  expect((await bed.target.calls()).map(({ kind }) => kind)).toEqual(['create', 'read']);
  expect(await bed.status(one.id)).toMatchObject({ status: 'applied' });
});

it('tells the target which request caused each write', async () => {
  const one = structure('A');
  const batches = [1, 2].map((revision) => batchOf('structure', [[{ ...one, longLabel: `r${revision}` }, revision]]));
  for (const batch of batches) {
    await bed.intake.take('structure', 0, batch);
    await bed.settled();
  }
  expect((await bed.target.calls()).map(({ kind, correlationId }) => [kind, correlationId])).toEqual([
    ['create', batches[0]!.events[0]!.attributes.correlationid],
    ['modify', batches[1]!.events[0]!.attributes.correlationid],
  ]);
});

it('reads before each write, and only then, where the sync asks for it', async () => {
  bed.target.readBeforeWrite = true;
  const one = structure('A');
  await bed.take('structure', [one, 1]);
  await bed.settled();
  await bed.dataSource.query(`update target set row = '{"label":"by hand"}'`);
  await bed.take('structure', [{ ...one, longLabel: 'by hand' }, 2]);
  await bed.settled();
  await bed.take('structure', [{ ...one, longLabel: 'by hand', shortLabel: 'not mapped' }, 3]);
  await bed.settled();
  await bed.dataSource.query(`delete from target`);
  await bed.take('structure', [{ ...one, longLabel: 'a label' }, 4]);
  await bed.settled();
  expect((await bed.target.calls()).map(({ kind }) => kind)).toEqual(['read', 'create', 'read', 'read', 'create']);
  expect((await bed.target.rows())[one.id]).toEqual({ label: 'a label' });
});

it('tries less and less often where the account may read and not write, and goes on when it may', async () => {
  bed.target.faults.readOnly = true;
  const all = Array.from({ length: 100 }, (_, i) => structure(`R${i}`));
  await bed.take('structure', ...all.map((one): [Record<string, unknown>, number] => [one, 1]));
  await new Promise((resolve) => setTimeout(resolve, 4000));
  // Two bed.workers, and at most six openings: after 0, 1/8, 3/8, 7/8, 15/8 and 31/8 s.
  expect((await bed.target.calls()).length).toBeLessThanOrEqual(12);
  bed.target.faults.readOnly = false;
  await bed.settled();
  expect(Object.keys(await bed.target.rows())).toHaveLength(100);
});

it('comes back to an entity that the target wants later', async () => {
  bed.target.faults.busy = 2;
  const one = structure('F');
  await bed.take('structure', [one, 1]);
  await bed.settled();
  expect((await bed.target.calls()).map(({ kind }) => kind)).toEqual(['create', 'create', 'create']);
});

it('takes over what a dead worker had claimed, and reads it first', async () => {
  const one = structure('G');
  await bed.take('structure', [one, 1]);
  await bed.settled();
  await bed.dataSource.query(
    `update ledger set due_at = now(), claimed_by = 'dead', claimed_until = now() + interval '1 second', row_hash = 'stale'`,
  );
  await bed.dataSource.query(`update acknowledged_row set row = '{"label":"stale"}'`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await bed.target.calls()).toHaveLength(1);
  await bed.settled();
  expect((await bed.target.calls()).map(({ kind }) => kind)).toEqual(['create', 'read']);
});

it('never writes one entity from two workers at once', async () => {
  bed.work(4);
  const all = Array.from({ length: 50 }, (_, i) => structure(`H${i}`));
  for (let revision = 1; revision <= 20; revision++) {
    await bed.take(
      'structure',
      ...all.map((one): [Record<string, unknown>, number] => [{ ...one, longLabel: `r${revision}` }, revision]),
    );
  }
  await bed.settled();
  expect(Object.values(await bed.target.rows()).every(({ label }) => label === 'r20')).toBe(true);
  const creations = (await bed.target.calls()).filter(({ kind }) => kind === 'create');
  expect(creations).toHaveLength(50);
});

it('removes what must not exist', async () => {
  const who = person('Lefevre');
  await bed.take('person', [who, 1]);
  await bed.settled();
  await bed.take('person', [{ ...who, status: 'erased' }, 2]);
  await bed.settled();
  expect(await bed.target.rows()).toEqual({});
  expect(await bed.status(who.id)).toMatchObject({ status: 'absent' });
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
  await bed.intake.take('structure', 0, given);
  await bed.intake.take('structure', 0, given);
  await bed.settled();
  const aside = (await bed.dataSource.query('select reason from aside order by reason')) as { reason: string }[];
  expect(aside).toEqual([{ reason: 'is no JSON' }, { reason: 'shortLabel is required' }]);
  expect(await bed.status(good.id)).toMatchObject({ status: 'applied' });
});
