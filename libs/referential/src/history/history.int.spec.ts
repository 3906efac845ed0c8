import { call, somebody, startPersons, type Answer, type Running } from '../../test/bed.js';
import type { Attributes } from '../tables.js';

let persons: Running;
beforeAll(async () => void (persons = await startPersons({ kafka: false })));
afterAll(() => persons.stop());

const get = (path: string) => call(persons, 'GET', path);
const put = (source: string, id: string, document: Attributes, query = '') =>
  call(persons, 'PUT', `/sources/${source}/records/${id}${query}`, document);
const items = (answer: Answer) => answer.body['items'] as Attributes[];
const now = () => new Date().toISOString();
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

/** A record with three revisions, and the instants between them. */
async function lived(key: string) {
  const before = now();
  await pause();
  const id = (await put('siham', key, somebody('First', [`siham:${key}`]))).body['recordId'] as string;
  await pause();
  const first = now();
  await pause();
  await put('siham', key, somebody('Second', [`siham:${key}`], { sex: 'F' }));
  await pause();
  const second = now();
  await pause();
  await call(persons, 'POST', `/persons/${id}/deactivation`, { reason: 'left' }, { 'x-correlation-id': 'corr-1' });
  return { id, before, first, second };
}

it('FR-44: tells the state at a past date, and author, source and date of each change', async () => {
  const { id, before, first, second } = await lived('H1');
  expect((await get(`/persons/${id}?asOf=${before}`)).status).toBe(404);
  expect((await get(`/persons/${id}?asOf=${first}`)).body).toMatchObject({
    birthName: 'First',
    revision: 1,
    status: 'active',
  });
  expect((await get(`/persons/${id}?asOf=${second}`)).body).toMatchObject({
    birthName: 'Second',
    revision: 2,
    status: 'active',
  });
  expect((await get(`/persons/${id}`)).body).toMatchObject({ birthName: 'Second', revision: 3, status: 'inactive' });
  const history = items(await get(`/persons/${id}/history`));
  expect(history).toMatchObject([
    { revision: 3, kind: 'deactivated', source: 'hub', reason: 'left', changed: [] },
    { revision: 2, kind: 'updated', source: 'siham', changed: ['birthName', 'sex'] },
    { revision: 1, kind: 'created', source: 'siham', changed: ['birthName', 'givenNames', 'identifiers'] },
  ]);
  for (const { at, correlationId } of history) {
    expect(Date.parse(at as string)).toBeGreaterThan(Date.parse(before));
    expect(correlationId).toEqual(expect.any(String));
  }
});

it('is read page by page', async () => {
  const { id } = await lived('H2');
  const first = await get(`/persons/${id}/history?limit=2`);
  expect(items(first).map(({ revision }) => revision)).toEqual([3, 2]);
  expect(items(first)[1]).toMatchObject({ changed: ['birthName', 'sex'] });
  const rest = await get(`/persons/${id}/history?limit=2&cursor=${first.body['next'] as string}`);
  expect(items(rest).map(({ revision }) => revision)).toEqual([1]);
  expect(rest.body['next']).toBeNull();
});

it('tells what became different between two instants', async () => {
  const { id, before, first, second } = await lived('H3');
  expect((await get(`/persons/${id}/difference?from=${first}&to=${second}`)).body).toEqual({
    ...{ from: 1, to: 2 },
    changes: [
      { part: 'birthName', before: 'First', after: 'Second' },
      { part: 'sex', after: 'F' },
    ],
  });
  expect((await get(`/persons/${id}/difference?from=${second}`)).body).toMatchObject({
    changes: [{ part: 'status', before: 'active', after: 'inactive' }],
  });
  expect((await get(`/persons/${id}/difference?from=${before}&to=${first}`)).body).toMatchObject({ from: null, to: 1 });
  expect((await get(`/persons/${id}/difference?from=yesterday`)).status).toBe(400);
});

it('lists the records that there were', async () => {
  const { id, first } = await lived('H4');
  const later = await put('siham', 'H5', somebody('Later', ['siham:H5']));
  const ids = async (query: string) => items(await get(`/persons?limit=200&asOf=${query}`)).map((one) => one['id']);
  expect(await ids(first)).toContain(id);
  expect(await ids(first)).not.toContain(later.body['recordId']);
  expect(await ids(`${now()}&status=active`)).not.toContain(id);
});

it('says of every part which source gave it, by which rule and since when', async () => {
  const key = 'H6';
  await put('siham', key, somebody('A', [`siham:${key}`]), '?businessDate=2026-01-01');
  await put('x', key, somebody('B', [`siham:${key}`], { sex: 'F' }), '?businessDate=2026-02-01');
  const id = items(await get(`/persons?identifier=siham:${key}`))[0]?.['id'] as string;
  expect((await get(`/persons/${id}`)).body).toMatchObject({ birthName: 'B', sex: 'F' });
  expect(items(await get(`/persons/${id}/provenance`))).toEqual([
    { part: 'birthName', source: 'x', sourceId: key, group: 'others', reason: 'business-date', since: '2026-02-01' },
    { part: 'givenNames', source: 'x', sourceId: key, group: 'others', reason: 'business-date', since: '2026-02-01' },
    { part: `identifiers.siham:${key}`, source: 'x', sourceId: key, group: null, reason: 'sum', since: '2026-02-01' },
    { part: 'sex', source: 'x', sourceId: key, group: 'others', reason: 'only', since: '2026-02-01' },
  ]);
  expect(items(await get(`/persons/${id}/sources`))).toMatchObject([
    { source: 'siham', sourceId: key, evidence: 'new', payload: { birthName: 'A' } },
    { source: 'x', sourceId: key, evidence: `siham:${key}`, payload: { birthName: 'B' } },
  ]);
});

describe('a decision on a part', () => {
  it('stands whatever the sources say, with author and reason, until it is taken back', async () => {
    const { body } = await put('siham', 'H7', somebody('A', ['siham:H7']));
    const path = `/persons/${body['recordId'] as string}`;
    const decision = { value: 'Decided', reason: 'identity card' };
    expect((await call(persons, 'PUT', `${path}/decisions/birthName`, decision)).status).toBe(204);
    await put('siham', 'H7', somebody('B', ['siham:H7']));
    expect((await get(path)).body).toMatchObject({ birthName: 'Decided' });
    expect(items(await get(`${path}/history`))[0]).toMatchObject({ reason: 'identity card', changed: ['birthName'] });
    expect(items(await get(`${path}/provenance`))[0]).toMatchObject({ part: 'birthName', reason: 'override' });
    expect((await call(persons, 'DELETE', `${path}/decisions/birthName`, { reason: 'wrong person' })).status).toBe(204);
    expect((await get(path)).body).toMatchObject({ birthName: 'B' });
    expect((await call(persons, 'DELETE', `${path}/decisions/birthName`, { reason: 'again' })).status).toBe(404);
  });

  it.each([
    ['birthName', { value: 7, reason: 'x' }, 'birthName'],
    ['shoeSize', { value: 7, reason: 'x' }, 'shoeSize'],
    ['birthName', { value: 'A' }, 'reason'],
    ['birthName', { reason: 'x' }, 'value'],
    ['birthName', { value: 'A', reason: 'x', until: 'soon' }, 'until'],
    ['roleStates.pope', { value: 'inactive', reason: 'x' }, 'part'],
    ['identifiers.siham:H8', { value: true, reason: 'x' }, 'value'],
  ])('on %s is refused naming the field', async (part, decision, field) => {
    const { body } = await put('siham', 'H8', somebody('A', ['siham:H8']));
    expect(
      await call(persons, 'PUT', `/persons/${body['recordId'] as string}/decisions/${part}`, decision),
    ).toMatchObject({
      status: 422,
      body: { errors: [expect.objectContaining({ field })] },
    });
  });
});

it('FR-03: ends one role and leaves the others, and publishes that it did', async () => {
  const roles = { learner: [{ from: '2020-09-01' }], resource: [{ population: 'RGPFT', from: '2020-09-01' }] };
  const { body } = await put('siham', 'H9', somebody('A', ['siham:H9'], { roles }));
  const path = `/persons/${body['recordId'] as string}`;
  expect((await get(path)).body).toMatchObject({
    roleStates: { learner: 'active', resource: 'active' },
    effectiveFrom: '2020-09-01',
  });
  expect((await call(persons, 'POST', `${path}/roles/learner/deactivation`, { reason: 'gave up' })).status).toBe(204);
  expect((await get(path)).body).toMatchObject({
    revision: 2,
    status: 'active',
    roleStates: { learner: 'inactive', resource: 'active' },
    roles: { resource: roles.resource },
  });
  expect(
    await persons.dataSource.query('select revision, kind, cause from outbox where entity_id = $1', [body['recordId']]),
  ).toMatchObject([{ revision: 2, cause: { reason: 'gave up' } }]);
  // The source goes on saying so, and is not believed.
  await put('siham', 'H9', somebody('B', ['siham:H9'], { roles }));
  expect((await get(path)).body).toMatchObject({ birthName: 'B', roleStates: { learner: 'inactive' } });
  await call(persons, 'POST', `${path}/roles/learner/reactivation`, { reason: 'came back' });
  expect((await get(path)).body).toMatchObject({ roleStates: { learner: 'active', resource: 'active' } });
});
