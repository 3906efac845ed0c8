import { pino } from 'pino';
import { Bed, person, structure, until } from '../bed.testing.js';
import {
  adds,
  fails,
  floods,
  hangs,
  HOOK_SECRET,
  redirectsTo,
  says,
  TestHook,
  type Answering,
} from './hook.testing.js';

jest.setTimeout(60_000);

const lines: string[] = [];
const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });

let hook: TestHook;
let bed: Bed;
beforeEach(async () => {
  lines.length = 0;
  hook = await TestHook.start();
});
afterEach(async () => {
  await bed.stop();
  await hook.stop();
});

const start = async (changes?: Record<string, unknown>) =>
  (bed = await Bed.start(undefined, { settings: hook.settings(changes), logger }));
const badgeOf = async (id: string) => (await bed.target.rows())[id]?.badge;
const answers = async () =>
  (await bed.dataSource.query('select id, revision, extensions from hook_answer order by id')) as { id: string }[];
/** Makes an entity due, as time would. */
const wakeUp = (id: string) => bed.dataSource.query('update ledger set due_at = now() where id = $1', [id]);
const changed = (fields: Record<string, unknown>, one: ReturnType<typeof person>) => ({ ...one, ...fields });

it('FR-22: asks the web service of the establishment about a record before it is mapped, and maps what it adds', async () => {
  await start();
  const one = {
    ...person('Lefevre'),
    usageName: 'Roy',
    extensions: { univ: { badge: 'old', key: 7 }, other: { a: 1 } },
  };
  await bed.take('person', [one, 3]);
  await bed.settled();
  expect(await badgeOf(one.id)).toBe(`B-${one.id.slice(0, 8)}`);
  const [{ question, headers }] = hook.asked as [(typeof hook.asked)[number]];
  // Nothing but what was granted leaves.
  expect(question).toEqual({
    ...{ entity: 'person', id: one.id, epoch: 1, revision: 3 },
    record: { birthName: 'Lefevre', roles: { external: [] } },
  });
  const [call] = await bed.target.calls();
  expect(headers['x-correlation-id']).toBe(call?.correlationId);
  expect(await bed.text('/metrics')).toMatch(/myelin_hook_calls_total\{[^}]*entity="person",outcome="answered"/);
});

it('asks once for each revision, whoever maps it and however often', async () => {
  await start();
  const home = structure('A');
  const all = Array.from({ length: 30 }, (_, i) => person(`N${i}`, 'code:A'));
  await bed.take('structure', [home, 1]);
  await bed.take('person', ...all.map((one): [typeof one, number] => [one, 1]));
  await bed.settled();
  expect(hook.asked).toHaveLength(30);
  // Mapped again for their structure, for a plan, and for whoever explains.
  await bed.take('structure', [{ ...home, code: 'A', longLabel: 'Another' }, 2]);
  await bed.settled();
  await bed.dataSource.query(`update ledger set projection = 'older'`);
  await bed.job((await bed.post('/resyncs', { mode: 'trust' })).body.id, 'done');
  await bed.restart();
  await bed.get(`/explain/person/${all[0]!.id}`);
  expect(hook.asked).toHaveLength(30);
  await bed.take('person', [changed({ givenNames: ['Other'] }, all[0]!), 2]);
  await bed.settled();
  expect(hook.asked.slice(30).map(({ question }) => [question.id, question.revision])).toEqual([[all[0]!.id, 2]]);
});

it('forgets what it was told of a record that is erased or gone, and asks nothing more of it', async () => {
  await start();
  const [erased, gone, stays] = [person('Erased'), person('Gone'), person('Stays')];
  await bed.take('person', [erased, 1], [gone, 1], [stays, 1]);
  await bed.settled();
  expect(await answers()).toHaveLength(3);
  await bed.take('person', [changed({ status: 'erased' }, erased), 2], [{ id: gone.id }, 2]);
  await bed.settled();
  expect((await answers()).map(({ id }) => id)).toEqual([stays.id]);
  expect(hook.asked).toHaveLength(3);
});

it('keeps no answer for a state that was erased while the service was thinking', async () => {
  await start();
  const one = person('Erased');
  hook.answering = async (asked, response) => {
    await bed.take('person', [changed({ status: 'erased' }, one), 2]);
    return adds(() => ({ univ: { badge: 'late' } }))(asked, response);
  };
  await bed.take('person', [one, 1]);
  await bed.settled();
  expect(hook.asked).toHaveLength(1);
  expect(await answers()).toEqual([]);
});

const other = 'http://127.0.0.1:9/';
it.each<[string, Answering, string]>([
  ['hangs', hangs, 'the hook did not answer within 1500 ms'],
  ['answers 500', fails, 'the hook answered 500'],
  ['answers 50 MB', floods(), 'the hook answered more than 64 KiB'],
  ['redirects to a private address', redirectsTo(other), 'the hook answered 307: redirects are not followed'],
  [
    'sends a field outside its namespace',
    says(() => ({ extensions: { univ: { badge: 'Maëlle' } }, status: 'Maëlle' })),
    'the hook sent the field "status" outside its namespace',
  ],
])('parks a record for a hook that %s, lets others flow, and tells no value', async (_, answering, message) => {
  await start();
  hook.answering = (asked, response) =>
    (asked.question.record.birthName === 'Secretname' ? answering : adds(() => ({ univ: {} })))(asked, response);
  const [bad, good, home] = [person('Secretname'), person('Good', 'code:A'), structure('A')];
  await bed.take('person', [bad, 1]);
  await bed.take('person', [good, 1]);
  await bed.take('structure', [home, 1]);
  await until(async () => (await bed.ledger(bad.id))?.status === 'parked', 'it was not parked');
  await bed.settled();
  expect(Object.keys(await bed.target.rows()).sort()).toEqual([good.id, home.id].sort());
  const ledger = await bed.ledger(bad.id);
  expect(ledger).toMatchObject({ error: { name: 'HookFailed', message }, ticket: expect.stringMatching(/^TABLE-/) });
  const health = await bed.get('/health');
  const told = [
    lines,
    ledger,
    health,
    await bed.get('/parked?entity=person'),
    await bed.get(`/explain/person/${bad.id}`),
  ];
  expect(JSON.stringify(told.slice(0, 4))).not.toMatch(/Secretname|Maëlle|Lefèvre/);
  expect(JSON.stringify(told)).not.toContain(HOOK_SECRET);
});

it('says in its health how the hook fails, until it answers', async () => {
  await start();
  hook.answering = fails;
  const one = person('Failing');
  await bed.take('person', [one, 1]);
  await bed.settled();
  const { body } = await bed.get('/health');
  expect(body.checks.hook).toEqual({ status: 'degraded', detail: 'hook: person: the hook answered 500' });
  hook.answering = adds(() => ({}));
  await bed.post('/parked/retry', { all: true });
  await bed.settled();
  expect((await bed.ledger(one.id))?.status).toBe('applied');
  expect((await bed.get('/health')).body.checks.hook).toEqual({ status: 'ok' });
});

it('skip: maps a record without, and comes back to it after ten minutes', async () => {
  await start({ onFailure: 'skip' });
  hook.answering = fails;
  const one = person('Later');
  await bed.take('person', [one, 1]);
  await bed.settled();
  expect(await bed.target.rows()).toMatchObject({ [one.id]: { label: 'Later' } });
  const ledger = await bed.ledger(one.id);
  expect(ledger).toMatchObject({
    ...{ status: 'applied', error: null, priority: 11 },
    unrepresentable: [{ field: 'extensions.univ', message: 'the hook answered 500' }],
  });
  const inSeconds = ((ledger?.due_at as Date).getTime() - Date.now()) / 1000;
  expect([inSeconds > 570, inSeconds <= 600]).toEqual([true, true]);
  const { why } = (await bed.get(`/explain/person/${one.id}`)).body;
  expect(why).toContainEqual(expect.stringMatching(/^to be looked at again at .* because of what was left out$/));
  hook.answering = adds(() => ({ univ: { badge: 'B1' } }));
  await wakeUp(one.id);
  await bed.settled();
  expect(await badgeOf(one.id)).toBe('B1');
  expect(await bed.ledger(one.id)).toMatchObject({ unrepresentable: null, due_at: null });
});

it('skip: maps a record with the last answer when there is none for its new revision', async () => {
  await start({ onFailure: 'skip' });
  const one = person('Known');
  await bed.take('person', [one, 1]);
  await bed.settled();
  hook.answering = hangs;
  await bed.take('person', [changed({ birthName: 'New' }, one), 2]);
  await bed.settled();
  expect((await bed.target.rows())[one.id]).toMatchObject({ label: 'New', badge: `B-${one.id.slice(0, 8)}` });
  expect((await bed.ledger(one.id))?.unrepresentable).toEqual([
    { field: 'extensions.univ', message: 'the hook did not answer within 1500 ms; an earlier answer is used' },
  ]);
});

it('wait: comes back to a record until the hook answers; the target is not taken for busy', async () => {
  await start({ onFailure: 'wait' });
  hook.answering = (asked, response) =>
    (hook.asked.length < 4 ? fails : adds(() => ({ univ: { badge: 'B1' } })))(asked, response);
  const one = person('Waiting');
  await bed.take('person', [one, 1]);
  await until(async () => (await bed.ledger(one.id))?.attempts === 1, 'it was not put off');
  expect(await bed.ledger(one.id)).toMatchObject({
    ...{ status: 'due', error: { name: 'HookFailed', message: 'the hook answered 500' } },
  });
  await until(async () => (await bed.ledger(one.id))?.status === 'applied', 'the record did not come back');
  expect(await bed.ledger(one.id)).toMatchObject({ error: null, attempts: 0 });
  expect(await badgeOf(one.id)).toBe('B1');
});

it('wait: a hook that fails for everybody leaves the target open for others, and is left alone', async () => {
  await start({ onFailure: 'wait' });
  hook.answering = hangs;
  const many = Array.from({ length: 60 }, (_, i) => person(`M${i}`));
  await bed.take('person', ...many.map((one): [typeof one, number] => [one, 1]));
  const homes = Array.from({ length: 20 }, (_, i) => structure(`S${i}`));
  for (const home of homes) await bed.take('structure', [home, 1]);
  await until(async () => Object.keys(await bed.target.rows()).length === 20, 'structures do not flow');
  await until(async () => (await Promise.all(many.map(({ id }) => bed.ledger(id)))).every((l) => l?.error), 'waits');
  expect(hook.asked.length).toBeLessThanOrEqual(3 * 8);
  expect((await bed.get('/status')).body.work.state).toBe('open');
  expect((await bed.get(`/explain/person/${many[0]!.id}`)).body.why).toContainEqual(
    expect.stringMatching(
      /^put off for want of what enriches it, attempt \d+: the hook did not answer within 1500 ms$/,
    ),
  );
  expect(lines.filter((line) => line.includes('left alone for a while'))).toHaveLength(1);
});

it('lets what is in one batch with them flow past records whose hook is slow, and comes to the end', async () => {
  await start({ timeoutMs: 3000 });
  hook.answering = (asked, response) =>
    void setTimeout(() => adds(() => ({ univ: { badge: 'slow' } }))(asked, response), 600);
  const many = Array.from({ length: 40 }, (_, i) => person(`P${i}`));
  const home = structure('A');
  // A target that has taken something is given more than one at a time.
  await bed.given(1);
  await bed.post('/control/pause');
  await bed.take('person', ...many.map((one): [typeof one, number] => [one, 1]));
  await bed.take('structure', [home, 1]);
  await bed.post('/control/resume');
  await until(async () => home.id in (await bed.target.rows()), 'the structure does not flow');
  expect(hook.asked.length).toBeLessThan(40);
  await bed.settled();
  expect(Object.values(await bed.target.rows()).filter(({ badge }) => badge === 'slow')).toHaveLength(40);
  expect(hook.asked).toHaveLength(40);
  expect((await bed.get('/status')).body.entities.person).toMatchObject({ applied: 40 });
});

it('maps everything again when other answers must be expected, and comes back to what it had to skip then', async () => {
  await start({ onFailure: 'skip' });
  const all = Array.from({ length: 12 }, (_, i) => person(`R${i}`));
  await bed.take('person', ...all.map((one): [typeof one, number] => [one, 1]));
  await bed.settled();
  hook.answering = fails;
  const settings = hook.settings({ onFailure: 'skip', fields: ['birthName'] });
  await bed.restart({ settings, logger });
  const remapped = async () => {
    const jobs = (await bed.get('/resyncs')).body.items.filter(({ kind }: { kind: string }) => kind === 'remap');
    return jobs.length > 0 && jobs.every(({ status }: { status: string }) => status === 'done');
  };
  await until(async () => (await bed.ledger(all[11]!.id))?.unrepresentable !== null, 'it was not mapped again');
  await until(remapped, 'the mapping of everything did not end');
  await bed.settled();
  // What they had stays meanwhile.
  expect(new Set(await Promise.all(all.map(({ id }) => badgeOf(id)))).size).toBe(12);
  for (const { id } of all) expect((await bed.ledger(id))?.due_at).not.toBeNull();
  hook.answering = adds(({ question }) => ({ univ: { badge: `new ${question.id}` } }));
  await bed.restart({ settings, logger });
  for (const { id } of all) await wakeUp(id);
  await until(async () => (await badgeOf(all[0]!.id)) === `new ${all[0]!.id}`, 'it did not come back');
});

it('counts in a plan what an answer changes, without a write', async () => {
  await start();
  const one = person('Planned');
  await bed.take('person', [one, 1]);
  await bed.settled();
  await bed.dataSource.query('delete from hook_answer');
  hook.answering = adds(() => ({ univ: { badge: 'other' } }));
  await bed.dataSource.query(`update ledger set projection = 'older' where id = $1`, [one.id]);
  const { body } = await bed.post('/resyncs', { mode: 'trust', planOnly: true });
  const { plan } = await bed.job(body.id, 'planned');
  expect(plan.actions).toMatchObject([{ entity: 'person', action: 'change', count: 1 }]);
  expect(await badgeOf(one.id)).toBe(`B-${one.id.slice(0, 8)}`);
});

it('explains with what the hook has answered, and asks nobody', async () => {
  await start({ onFailure: 'skip' });
  hook.answering = fails;
  const one = person('Explained');
  await bed.take('person', [one, 1]);
  await bed.settled();
  hook.answering = adds(() => ({ univ: { badge: 'B1' } }));
  const { why, would } = (await bed.get(`/explain/person/${one.id}`)).body;
  expect([would, hook.asked.length]).toEqual(['none', 1]);
  expect(why).toContainEqual('left out: extensions.univ is asked of the hook when the record is next written');
});

it('forgets all answers when the hook is taken away', async () => {
  await start();
  await bed.take('person', [person('Once'), 1]);
  await bed.settled();
  expect(await answers()).toHaveLength(1);
  await bed.restart({ logger });
  expect(await answers()).toEqual([]);
});
