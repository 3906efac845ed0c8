import { call, randomName, somebody, startPersons, until, type Answer, type Running } from '../../test/bed.js';
import type { Attributes } from '../tables.js';
import { override } from './decision.sql.js';

let persons: Running;
beforeAll(async () => void (persons = await startPersons({ kafka: false })));
afterAll(() => persons.stop());

const because = { reason: 'seen on the identity card' };
const put = (source: string, id: string, document: Attributes) =>
  call(persons, 'PUT', `/sources/${source}/records/${id}`, document);
const get = (path: string) => call(persons, 'GET', path);
const items = (answer: Answer) => answer.body['items'] as Attributes[];
/** The open tasks that concern a record. */
const tasksOn = async (record: unknown) => items(await get(`/tasks?record=${record as string}`));
const decide = (task: Attributes | undefined, verdict: Attributes) =>
  call(persons, 'POST', `/tasks/${task?.['id'] as string}/decision`, { ...because, ...verdict });

/** Two records, `siham:<A>` and `siham:<B>`, of names nobody else uses. */
async function two() {
  const [a, b] = [randomName().toUpperCase().replace('_', ''), randomName().toUpperCase().replace('_', '')].map((key) =>
    key.slice(0, 10),
  ) as [string, string];
  const ids = await Promise.all(
    [a, b].map(async (key) => (await put('siham', key, somebody(key, [`siham:${key}`]))).body['recordId'] as string),
  );
  return { a, b, idA: ids[0] as string, idB: ids[1] as string };
}

describe('a tie', () => {
  it('is decided for a source, and stays so through every reload', async () => {
    const { a, idA } = await two();
    await put('x', a, somebody('Other', [`siham:${a}`]));
    const [task] = await tasksOn(idA);
    expect(task).toMatchObject({
      kind: 'tie',
      key: 'birthName',
      status: 'open',
      detail: { sources: [`siham:${a}`, `x:${a}`] },
    });
    expect(await decide(task, { source: 'y:1' })).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'source' }] },
    });
    expect(await decide(task, { source: `x:${a}` })).toMatchObject({
      status: 200,
      body: { status: 'done', reason: because.reason },
    });
    expect((await get(`/persons/${idA}`)).body).toMatchObject({ birthName: 'Other' });
    await put('siham', a, somebody('Renamed', [`siham:${a}`]));
    expect((await get(`/persons/${idA}`)).body).toMatchObject({ birthName: 'Other' });
    expect(await tasksOn(idA)).toEqual([]);
    expect(items(await get(`/persons/${idA}/decisions`))).toMatchObject([
      { kind: 'override', part: 'birthName', reason: because.reason, taskId: task?.['id'] },
    ]);
    expect(await decide(task, { source: `x:${a}` })).toMatchObject({ status: 409 });
  });
});

describe('an identifier that two records claim', () => {
  it('is given to the one that it belongs to, and the other lets it go', async () => {
    const { a, b, idA, idB } = await two();
    await put('siham', b, somebody(b, [`siham:${b}`, `siham:${a}`]));
    const [task] = await tasksOn(idB);
    expect(task).toMatchObject({ kind: 'identifier', key: `siham:${a}`, subject: idB, others: [idA] });
    expect(await tasksOn(idA)).toEqual([task]);
    expect(await decide(task, { record: idB })).toMatchObject({ status: 200 });
    expect(items(await get(`/persons?identifier=siham:${a}`))).toMatchObject([{ id: idB }]);
    expect((await get(`/persons/${idA}`)).body).toMatchObject({ identifiers: [] });
    // What its own source goes on to say does not bring it back.
    await put('siham', a, somebody('Renamed', [`siham:${a}`]));
    expect(items(await get(`/persons?identifier=siham:${a}`))).toMatchObject([{ id: idB }]);
  });

  it('passes to who claims it when the other one lets it go by itself', async () => {
    const { a, b, idB } = await two();
    await put('siham', b, somebody(b, [`siham:${b}`, `siham:${a}`]));
    await put('siham', a, somebody(a, []));
    await put('siham', a, somebody(a, [`x-old:${a}`]));
    await until(async () => items(await get(`/persons?identifier=siham:${a}`))[0]?.['id'] === idB || (await pass()));
    expect(await tasksOn(idB)).toEqual([]);
  });
});

/** Looks at what is due now: the service does so every half minute. */
async function pass(): Promise<false> {
  const { CalendarService } = await import('../calendar/calendar.service.js');
  await persons.app.get(CalendarService).pass();
  return false;
}

it('a decision takes effect though whoever noted it went away at once', async () => {
  const { idA } = await two();
  const decided = { part: 'birthName', value: 'Decided', until: null };
  await persons.dataSource.transaction((manager) => override(manager, idA, decided, { author: 'x', ...because }));
  await until(async () => (await get(`/persons/${idA}`)).body['birthName'] === 'Decided' || (await pass()));
});

describe('a source record that speaks of two records', () => {
  const contradict = async () => {
    const made = await two();
    const document = somebody('Both', [`siham:${made.a}`, `siham:${made.b}`]);
    const key = made.a.toLowerCase();
    expect(await put('apogee', key, document)).toMatchObject({ status: 202, body: { outcome: 'suspected' } });
    const [task] = await tasksOn(made.idA);
    return { ...made, key, document, task };
  };

  it('belongs to the one that a steward names, also when it is loaded again', async () => {
    const { a, idA, key, document, task } = await contradict();
    expect(await decide(task, { record: idA })).toMatchObject({ status: 200 });
    expect(items(await get(`/persons/${idA}/sources`))).toMatchObject([
      { source: 'apogee', evidence: 'decision' },
      { source: 'siham' },
    ]);
    expect(await put('apogee', key, document)).toMatchObject({
      status: 200,
      body: { outcome: 'unchanged', recordId: idA },
    });
    expect(await put('apogee', key, { ...document, sex: 'F' })).toMatchObject({
      status: 200,
      body: { outcome: 'updated', recordId: idA },
    });
    expect(items(await get(`/persons?identifier=siham:${a}`))).toMatchObject([{ id: idA, sex: 'F' }]);
  });

  it('is one of its own when none of them is meant', async () => {
    const { idA, idB, key, document, task } = await contradict();
    expect(await decide(task, { record: null })).toMatchObject({ status: 200 });
    const { body } = await put('apogee', key, document);
    expect(body).toMatchObject({ outcome: 'unchanged' });
    expect([idA, idB]).not.toContain(body['recordId']);
    expect((await get(`/persons/${body['recordId'] as string}`)).body).toMatchObject({
      birthName: 'Both',
      identifiers: [],
    });
  });
});

describe('the inbox', () => {
  it('lists by kind, record and assignee, counts what is open, and keeps comments', async () => {
    const { a, idA } = await two();
    await put('x', a, somebody('Other', [`siham:${a}`]));
    const [task] = await tasksOn(idA);
    const path = `/tasks/${task?.['id'] as string}`;
    expect((await call(persons, 'POST', `${path}/comments`, { text: 'asked HR' })).body).toMatchObject({
      comments: [{ text: 'asked HR' }],
    });
    expect((await call(persons, 'POST', `${path}/assignment`, { assignee: 'camille' })).body).toMatchObject({
      assignee: 'camille',
    });
    expect(items(await get(`/tasks?kind=tie&assignee=camille&record=${idA}`))).toHaveLength(1);
    expect(items(await get(`/tasks?kind=contradiction&record=${idA}`))).toEqual([]);
    expect(items(await get(`/tasks?assignee=none&record=${idA}`))).toEqual([]);
    expect((await get('/tasks')).body['open']).toMatchObject({ tie: expect.any(Number) });
    // Somebody else has it.
    expect(await call(persons, 'POST', `${path}/assignment`)).toMatchObject({ status: 409 });
    expect(await decide(task, { source: `x:${a}` })).toMatchObject({ status: 409 });
  });

  it.each([['status=closed'], ['kind=odd'], ['cursor=x'], ['limit=0'], ['record=1']])('refuses ?%s', async (query) =>
    expect((await get(`/tasks?${query}`)).status).toBeGreaterThanOrEqual(400),
  );

  it('knows no other task', async () => expect((await get(`/tasks/${crypto.randomUUID()}`)).status).toBe(404));
});
