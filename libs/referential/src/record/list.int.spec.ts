import { call, somebody, startPersons, type Answer, type Running } from '../../test/bed.js';
import type { Attributes } from '../tables.js';

let persons: Running;
const NAMES = ['Aba', 'abc', 'Abd', 'Abe', 'Xyz', 'Xyz'];
const learner = { roles: { learner: [{ from: '2020-09-01' }] } };
const left = { roles: { learner: [{ to: '2020-08-31' }], resource: [{ population: 'RGPFT' }] } };

beforeAll(async () => {
  persons = await startPersons({ kafka: false });
  for (const [n, name] of NAMES.entries()) {
    await call(persons, 'PUT', `/sources/siham/records/${n}`, somebody(name, [`siham:S${n}`], n % 2 ? learner : left));
  }
});
afterAll(() => persons.stop());

const get = (path: string, headers?: Record<string, string>) => call(persons, 'GET', path, undefined, headers);
const items = (answer: Answer) => answer.body['items'] as Attributes[];
const names = (found: readonly Attributes[]) => found.map((one) => one['birthName']);

/** All pages of a list. */
async function all(query: string): Promise<Attributes[]> {
  const found: Attributes[] = [];
  for (let cursor: unknown = ''; cursor !== null;) {
    const page = await get(`/persons?${query}${cursor === '' ? '' : `&cursor=${cursor as string}`}`);
    found.push(...items(page));
    cursor = page.body['next'];
  }
  return found;
}

describe('a list', () => {
  it.each(['id', 'name', 'updatedAt'])('by %s has each record once, page by page', async (sort) => {
    for (const limit of [1, 2, 4, 200]) {
      const found = await all(`sort=${sort}&limit=${limit}`);
      expect(names(found)).toEqual(NAMES);
      expect(new Set(found.map(({ id }) => id)).size).toBe(NAMES.length);
    }
  });

  it('stays in its place when records come and change between two pages', async () => {
    const first = await get('/persons?sort=name&limit=3');
    await call(persons, 'PUT', '/sources/siham/records/0', somebody('Aba', ['siham:S0'], { ...left, sex: 'F' }));
    expect(names(items(await get(`/persons?sort=name&limit=3&cursor=${first.body['next'] as string}`)))).toEqual([
      'Abe',
      'Xyz',
      'Xyz',
    ]);
  });

  it('has those of a role that is held now, of a name, of a status and changed since', async () => {
    expect(names(await all('role=learner&sort=name'))).toEqual(['abc', 'Abe', 'Xyz']);
    expect(names(await all('role=resource&limit=1&sort=name'))).toEqual(['Aba', 'Abd', 'Xyz']);
    expect(names(await all('name=aB&limit=1&sort=name'))).toEqual(['Aba', 'abc', 'Abd', 'Abe']);
    expect(await all('name=%25')).toEqual([]);
    expect(await all('status=inactive')).toEqual([]);
    expect(await all(`updatedSince=${new Date(Date.now() + 1000).toISOString()}`)).toEqual([]);
    expect(await all('updatedSince=2020-01-01T00:00:00Z')).toHaveLength(6);
  });

  it('gives the attributes that are wanted, and how many there are', async () => {
    const { body } = await get('/persons?fields=birthName,nothing&count=yes&role=learner&limit=1');
    expect(body).toMatchObject({ total: { count: 3, estimated: false } });
    expect(Object.keys((body['items'] as Attributes[])[0] ?? {}).sort()).toEqual([
      'birthName',
      'id',
      'number',
      'revision',
      'status',
    ]);
  });

  it.each([
    'sort=age',
    'role=pope',
    'status=odd',
    'updatedSince=now',
    'limit=201',
    'cursor=x',
    'cursor=x&sort=name',
    'name=%00',
    'number=P-00001-1',
    'asOf=then',
  ])('refuses ?%s', async (query) => expect((await get(`/persons?${query}`)).status).toBe(400));

  it('uses an index for each filter and order', async () => {
    const runner = persons.dataSource.createQueryRunner();
    await runner.query('set enable_seqscan = off');
    const plan = async (sql: string) => JSON.stringify(await runner.query(`explain ${sql}`));
    const NAME = `lower(coalesce(state ->> 'birthName', state ->> 'legalName', state ->> 'longLabel')) collate "C"`;
    expect(
      await plan(`select from record where state -> 'roleStates' ->> 'learner' = 'active' order by id limit 50`),
    ).toContain('record_role_learner');
    expect(
      await plan(`select from record where (${NAME}, id) > ('a', gen_random_uuid()) order by ${NAME}, id limit 50`),
    ).toContain('record_name');
    expect(await plan(`select from record where ${NAME} like lower('ab%') order by ${NAME}, id limit 50`)).toMatch(
      /record_name(?!.*Sort)/,
    );
    expect(await plan(`select from record where updated_at >= now() order by updated_at, id limit 50`)).toContain(
      'record_updated',
    );
    await runner.release();
  });
});

describe('a record', () => {
  it('FR-29: is found by any identifier of any application and by its short name', async () => {
    await call(persons, 'PUT', '/sources/apogee/records/77', somebody('Xyz', ['siham:S5', 'apogee:77'], learner));
    const [one] = items(await get('/persons?identifier=siham:S5'));
    expect(items(await get('/persons?identifier=apogee:77'))).toEqual([one]);
    expect(items(await get(`/persons?number=${String(one?.['number']).toLowerCase()}`))).toEqual([one]);
    expect(items(await get('/persons?identifier=apogee:78'))).toEqual([]);
    // The same identifier is never held by two records.
    await call(persons, 'PUT', '/sources/siham/records/4', somebody('Xyz', ['siham:S4', 'siham:S5']));
    expect(items(await get('/persons?identifier=siham:S5'))).toMatchObject([{ id: one?.['id'] }]);
    expect(items(await get('/tasks?kind=identifier'))).toMatchObject([{ key: 'siham:S5', others: [one?.['id']] }]);
  });

  it('is not sent again to who has it, nor after a change to who does not want it', async () => {
    const [one] = items(await get('/persons?identifier=siham:S0'));
    const path = `/persons/${one?.['id'] as string}`;
    const etag = (await get(path)).headers.get('etag') as string;
    expect(
      (await fetch(persons.url + path, { headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' } })).status,
    ).toBe(304);
    const changed = await call(persons, 'PATCH', path, { sex: 'M' }, { 'if-match': etag, prefer: 'return=minimal' });
    expect(changed).toMatchObject({ status: 200, body: {} });
    expect(changed.headers.get('preference-applied')).toBe('return=minimal');
    expect((await get(path)).body).toMatchObject({ sex: 'M' });
    expect((await get(`${path}?fields=sex`)).body).toMatchObject({ sex: 'M' });
    expect((await get(`${path}?fields=sex`)).body).not.toHaveProperty('birthName');
  });

  it('that was merged sends to the one that took over', async () => {
    const [from, to] = await Promise.all(
      ['S1', 'S2'].map(async (key) => items(await get(`/persons?identifier=siham:${key}`))[0]?.['id'] as string),
    );
    await persons.dataSource.query(
      `update record set status = 'merged', survivor = $2, revision = revision + 1 where id = $1`,
      [from, to],
    );
    const answer = await fetch(`${persons.url}/persons/${from}`, { redirect: 'manual' });
    expect(answer.status).toBe(301);
    expect(answer.headers.get('location')).toBe(`/persons/${to}`);
  });
});
