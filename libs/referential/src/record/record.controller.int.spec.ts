import { call, empty, somebody, startPersons, until, type Answer, type Running } from '../../test/bed.js';

let persons: Running;

beforeAll(async () => void (persons = await startPersons({ kafka: false })));
afterAll(() => persons.stop());
afterEach(() => empty(persons.dataSource));

const get = (path: string) => call(persons, 'GET', path);
const post = (body: unknown, headers?: Record<string, string>) => call(persons, 'POST', '/persons', body, headers);
const put = (path: string, body: unknown, headers?: Record<string, string>) =>
  call(persons, 'PUT', path, body, headers);
const patch = (id: unknown, body: unknown, headers?: Record<string, string>) =>
  call(persons, 'PATCH', `/persons/${String(id)}`, body, {
    'content-type': 'application/merge-patch+json',
    ...headers,
  });

const query = <T extends object>(sql: string): Promise<T[]> => persons.dataSource.query(sql);

/** The answer is a problem document of this kind; gives the fields at fault. */
function expectProblem(answer: Answer, status: number, name: string): string[] {
  expect(answer).toMatchObject({ status, body: { type: `urn:myelin:problem:${name}`, status } });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({
    title: expect.any(String),
    correlationId: answer.headers.get('x-correlation-id'),
  });
  return ((answer.body.errors ?? []) as { field: string }[]).map(({ field }) => field);
}

describe('creating', () => {
  it('answers the record, where it is and its revision', async () => {
    const made = await post(somebody('Dupré', ['siham:S1']));
    expect(made).toMatchObject({
      status: 201,
      body: { ...somebody('Dupré', ['siham:S1']), revision: 1, status: 'active' },
    });
    expect(made.headers.get('etag')).toBe('"1"');
    expect((await get(made.headers.get('location') ?? '')).body).toEqual(made.body);
  });

  it('twice with the same Idempotency-Key and document answers the same record', async () => {
    const first = await post(somebody('A'), { 'idempotency-key': 'k-1' });
    const second = await post(somebody('A'), { 'idempotency-key': 'k-1' });
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body).toEqual(first.body);
    expect((await post(somebody('A'))).body.id).not.toBe(first.body.id);
  });

  it('with an Idempotency-Key of another document is a conflict', async () => {
    await post(somebody('A'), { 'idempotency-key': 'k-1' });
    expectProblem(await post(somebody('B'), { 'idempotency-key': 'k-1' }), 409, 'conflict');
  });

  it('is answered the same record when it is repeated after somebody changed it', async () => {
    const { body } = await post(somebody('A'), { 'idempotency-key': 'k-1' });
    await patch(body.id, { birthName: 'B' }, { 'if-match': '"1"' });
    expect(await post(somebody('A'), { 'idempotency-key': 'k-1' })).toMatchObject({
      status: 200,
      body: { id: body.id, birthName: 'B' },
    });
  });

  it('many times at once with the same key makes one record', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(somebody('A'), { 'idempotency-key': 'k-2' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array.from({ length: 19 }, () => 200), 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });

  it('at once with the same key and different documents takes one of them and refuses the others', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => post(somebody(`N${n}`), { 'idempotency-key': 'k-3' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    expect(await query('select revision from record')).toEqual([{ revision: 1 }]);
  });

  it('joins the record that already has the identifier, above its other sources', async () => {
    const { body } = await put('/sources/siham/records/1', somebody('A', ['siham:S1']));
    expect(await post(somebody('H', ['siham:S1']))).toMatchObject({
      status: 200,
      body: { id: body.recordId, birthName: 'H', revision: 2 },
    });
  });

  it('with an identifier of a record that was entered before is a conflict that names it', async () => {
    await post(somebody('A', ['siham:S1']));
    expect(expectProblem(await post(somebody('B', ['uid:b', 'siham:S1'])), 409, 'conflict')).toEqual([
      'identifiers[1].value',
    ]);
  });
});

describe('bad input', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };

  it.each([
    ['an unknown field', { ...somebody('A'), shoeSize: 38 }, ['shoeSize']],
    ['a UAI with a wrong key', somebody('A', ['uai:0751717A']), ['identifiers[0].value']],
    ['an unknown scheme', somebody('A', ['nope:1']), ['identifiers[0].value']],
    ['a missing name and a bad day', { givenNames: ['A'], birth: { date: '2001-02-30' } }, ['birth.date', 'birthName']],
    ['no object', '[]', ['']],
    ['bank details', { ...somebody('A'), bankAccounts: [{ iban: 'FR1420041010050500013M02606' }] }, ['bankAccounts']],
    ['a field named as every object has one', { ...somebody('A'), constructor: 'x' }, ['constructor']],
    ['a field that hides', `{"birthName":"A","givenNames":["B"],"__proto__":{"sex":"F"}}`, ['__proto__']],
    ['a NUL character', { ...somebody('A'), usageName: 'a\0b' }, ['usageName']],
  ])('%s is refused with the name of the field', async (_, body, fields) =>
    expect(expectProblem(await post(body), 422, 'invalid-document').sort()).toEqual(fields),
  );

  it('that is 10 MB large is refused', async () =>
    void expectProblem(await post(JSON.stringify({ a: 'x'.repeat(10_000_000) })), 413, 'too-large'));

  it('that is no UTF-8 is refused', async () =>
    void expectProblem(
      await post(Buffer.from('{"birthName":"Dupr\xe9"}', 'latin1'), JSON_TYPE),
      400,
      'malformed-request',
    ));

  it('that is no JSON is refused', async () =>
    void expectProblem(await post('{"birthName":', JSON_TYPE), 400, 'malformed-request'));

  it('that goes down without end is refused, not a failure', async () => {
    const deep = `{"birthName":"A","givenNames":["B"],"extensions":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
    expectProblem(await post(deep, JSON_TYPE), 422, 'invalid-document');
  });

  it('with no body, or another type of body, is refused', async () => {
    expectProblem(await call(persons, 'POST', '/persons'), 422, 'invalid-document');
    expectProblem(await post('a=b', { 'content-type': 'application/x-www-form-urlencoded' }), 422, 'invalid-document');
  });

  const NOBODY = '01a20d47-542c-725a-9723-3bcc7f0ed3f7';

  it.each([
    ['GET', '/nothing', 404, 'not-found'],
    ['DELETE', '/persons', 404, 'not-found'],
    ['GET', '/persons/1', 404, 'not-found'],
    ['GET', `/persons/${NOBODY}`, 404, 'not-found'],
    ['POST', `/persons/${NOBODY}/deactivation`, 404, 'not-found'],
    ['GET', '/persons/%E0%A4%A', 400, 'malformed-request'],
    ['GET', '/persons?limit=0', 400, 'malformed-request'],
    ['GET', '/persons?limit=1e2', 400, 'malformed-request'],
    ['GET', '/persons?limit=1&limit=2', 400, 'malformed-request'],
    ['GET', '/persons?status=lost', 400, 'malformed-request'],
    ['GET', '/persons?cursor=1', 400, 'malformed-request'],
    ['GET', `/persons?cursor=${NOBODY}&cursor=${NOBODY}`, 400, 'malformed-request'],
    ['GET', '/persons?identifier=siham', 400, 'malformed-request'],
    ['GET', '/persons?identifier=siham:1&identifier=siham:2', 400, 'malformed-request'],
    ['GET', '/persons?identifier=siham:%00', 400, 'malformed-request'],
    ['GET', `/imports/${NOBODY}`, 404, 'not-found'],
    ['GET', `/imports/${NOBODY}?after=x`, 400, 'malformed-request'],
  ])(
    '%s %s is a problem %i',
    async (method, path, status, name) => void expectProblem(await call(persons, method, path), status, name),
  );

  it.each([
    ['/sources/Siham/records/1', 422, 'invalid-document'],
    ['/sources/hub/records/1', 422, 'invalid-document'],
    ['/sources/siham/records/%00', 400, 'malformed-request'],
    [`/sources/siham/records/${'x'.repeat(201)}`, 400, 'malformed-request'],
    ['/sources/siham/records/1?version=-1', 400, 'malformed-request'],
    ['/sources/siham/records/1?version=1.5', 400, 'malformed-request'],
  ])(
    'PUT %s is a problem %i',
    async (path, status, name) => void expectProblem(await put(path, somebody('A')), status, name),
  );

  it('leaves nothing behind', async () => {
    await post({ ...somebody('A'), shoeSize: 38 });
    expect(await query('select id from record')).toEqual([]);
  });
});

describe('a source', () => {
  it('asserts its records one at a time', async () => {
    const made = await put('/sources/siham/records/1?version=3', somebody('A', ['siham:S1']));
    expect(made).toMatchObject({ status: 201, body: { outcome: 'created', revision: 1 } });
    expect(made.headers.get('location')).toBe(`/persons/${String(made.body.recordId)}`);
    const said = async (version: number, name: string) =>
      (await put(`/sources/siham/records/1?version=${version}`, somebody(name, ['siham:S1']))).body.outcome;
    expect([await said(4, 'B'), await said(4, 'B'), await said(3, 'C')]).toEqual(['updated', 'unchanged', 'stale']);
  });

  it('is told that a record waits for a steward', async () => {
    await put('/sources/siham/records/1', somebody('A', ['siham:S1']));
    const kept = await put('/sources/siham/records/2', somebody('B', ['siham:S1']));
    expect(kept).toMatchObject({ status: 202, body: { outcome: 'suspected' } });
  });
});

describe('changing', () => {
  it('needs the revision that was read', async () => {
    const { body } = await post(somebody('A'));
    expectProblem(await patch(body.id, { birthName: 'B' }), 428, 'version-required');
    expectProblem(await patch(body.id, { birthName: 'B' }, { 'if-match': '1' }), 400, 'malformed-request');
    expectProblem(await patch(body.id, { birthName: 'B' }, { 'if-match': '"2"' }), 412, 'version-mismatch');
    const changed = await patch(body.id, { birthName: 'B' }, { 'if-match': '"1"' });
    expect(changed).toMatchObject({ status: 200, body: { birthName: 'B', revision: 2 } });
    expect(changed.headers.get('etag')).toBe('"2"');
  });

  it('is refused with the name of the field, and changes nothing', async () => {
    const { body } = await post(somebody('A'));
    const bad = { birthName: null, birth: { date: '2001-13-01' }, shoeSize: 38 };
    expect(expectProblem(await patch(body.id, bad, { 'if-match': '"1"' }), 422, 'invalid-document').sort()).toEqual([
      'birth.date',
      'birthName',
      'shoeSize',
    ]);
    expectProblem(await patch(body.id, [], { 'if-match': '"1"' }), 422, 'invalid-document');
    expect((await get(`/persons/${String(body.id)}`)).body).toEqual(body);
  });

  it('to an identifier of another record is a conflict that names it', async () => {
    await post(somebody('A', ['siham:S1']));
    const { body } = await post(somebody('B'));
    const taken = somebody('B', ['uid:b', 'siham:S1']).identifiers;
    expect(expectProblem(await patch(body.id, { identifiers: taken }, { 'if-match': '"1"' }), 409, 'conflict')).toEqual(
      ['identifiers[1].value'],
    );
  });

  it('outranks what sources say, then and later; null says known to be empty', async () => {
    const { body } = await put('/sources/siham/records/1', somebody('A', ['siham:S1'], { usageName: 'U', sex: 'F' }));
    await patch(body.recordId, { birthName: 'H', usageName: null }, { 'if-match': '"1"' });
    await put('/sources/siham/records/1', somebody('A2', ['siham:S1'], { usageName: 'U2', sex: 'M' }));
    expect((await get(`/persons/${String(body.recordId)}`)).body).toMatchObject({
      birthName: 'H',
      usageName: null,
      sex: 'M',
      revision: 3,
    });
  });

  it('that says nothing new leaves the revision', async () => {
    const { body } = await post(somebody('A'));
    expect(await patch(body.id, { birthName: 'A' }, { 'if-match': '"1"' })).toMatchObject({ body: { revision: 1 } });
    expect(await patch(body.id, {}, { 'if-match': '"1"' })).toMatchObject({ body: { revision: 1 } });
  });

  it('by many at once, each reading again when it came too late, loses nothing', async () => {
    const { body } = await post(somebody('A', [], { extensions: { count: 0 } }));
    const path = `/persons/${String(body.id)}`;
    let late = 0;
    const add = async () => {
      for (;;) {
        const seen = await get(path);
        const count = (seen.body.extensions as { count: number }).count + 1;
        const done = await patch(body.id, { extensions: { count } }, { 'if-match': seen.headers.get('etag') ?? '' });
        if (done.status === 200) return;
        expectProblem(done, 412, 'version-mismatch');
        late++;
      }
    };
    const fiveTimes = async () => {
      for (let n = 0; n < 5; n++) await add();
    };
    await Promise.all(Array.from({ length: 8 }, fiveTimes));
    expect((await get(path)).body).toMatchObject({ revision: 41, extensions: { count: 40 } });
    expect(late).toBeGreaterThan(0);
    expect(await query('select count(*)::int as n, max(revision) as last from revision')).toEqual([
      { n: 41, last: 41 },
    ]);
  });

  it('by 200 at once of the same revision succeeds exactly once', async () => {
    const { body } = await post(somebody('A'));
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => patch(body.id, { birthName: `N${n}` }, { 'if-match': '"1"' })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(199);
    expect((await get(`/persons/${String(body.id)}`)).body.revision).toBe(2);
  });
});

describe('ending a record', () => {
  it('keeps it, inactive, until it is opened again; saying so twice changes nothing', async () => {
    const { body } = await post(somebody('A'));
    const path = `/persons/${String(body.id)}`;
    const end = (how: string, reason?: unknown) => call(persons, 'POST', `${path}/${how}`, reason);
    expect(await end('deactivation', { reason: 'left' })).toMatchObject({
      status: 200,
      body: { ...somebody('A'), status: 'inactive', revision: 2 },
    });
    expect(await end('deactivation')).toMatchObject({ status: 200, body: { revision: 2 } });
    expect((await get('/persons?status=inactive')).body.items).toMatchObject([{ id: body.id }]);
    expect(await query('select kind, revision from outbox')).toEqual([{ kind: 'deactivated', revision: 2 }]);
    expect(await end('reactivation')).toMatchObject({ status: 200, body: { status: 'active', revision: 3 } });
    expect(await end('reactivation')).toMatchObject({ status: 200, body: { revision: 3 } });
    expect(await query('select kind, status, reason from revision order by revision')).toEqual([
      { kind: 'created', status: 'active', reason: null },
      { kind: 'deactivated', status: 'inactive', reason: 'left' },
      { kind: 'reactivated', status: 'active', reason: null },
    ]);
  });

  it('stays ended when a source speaks', async () => {
    const { body } = await put('/sources/siham/records/1', somebody('A'));
    await call(persons, 'POST', `/persons/${String(body.recordId)}/deactivation`);
    await put('/sources/siham/records/1', somebody('B'));
    expect((await get(`/persons/${String(body.recordId)}`)).body).toMatchObject({ birthName: 'B', status: 'inactive' });
  });

  it.each([[7], ['x'.repeat(501)], ['a\0b'], [null]])('needs a reason that is text, if any', async (reason) => {
    const { body } = await post(somebody('A'));
    const refused = await call(persons, 'POST', `/persons/${String(body.id)}/deactivation`, { reason });
    expect(expectProblem(refused, 422, 'invalid-document')).toEqual(['reason']);
  });
});

describe('reading', () => {
  it('page by page gives every record once, in order, while others are added', async () => {
    const lines = Array.from({ length: 45 }, (_, n) => JSON.stringify({ sourceId: `${n}`, ...somebody(`N${n}`) }));
    const loaded = await call(persons, 'POST', '/imports?source=siham&format=ndjson', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    });
    expect(loaded.body).toMatchObject({ created: 45 });
    const seen: unknown[] = [];
    for (let cursor = ''; ;) {
      const { body } = await get(`/persons?limit=10${cursor}`);
      seen.push(...(body.items as { id: string }[]).map(({ id }) => id));
      if (body.next === null) break;
      cursor = `&cursor=${String(body.next)}`;
      await post(somebody('late'));
    }
    const all = await query<{ id: string }>('select id from record order by id');
    expect(seen).toEqual(all.map(({ id }) => id));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('finds the record that has an identifier', async () => {
    const { body } = await post(somebody('A', ['siham:S1', 'eppn:a:b@x.fr']));
    expect((await get('/persons?identifier=siham:S1')).body).toMatchObject({ items: [{ id: body.id }], next: null });
    expect((await get(`/persons?identifier=${encodeURIComponent('eppn:a:b@x.fr')}`)).body.items).toHaveLength(1);
    expect((await get('/persons?identifier=siham:S2')).body).toEqual({ items: [], next: null });
  });
});

describe('a correlation id', () => {
  it('is echoed, and kept with the change it caused', async () => {
    const made = await post(somebody('A'), { 'x-correlation-id': 'ticket-42' });
    expect(made.headers.get('x-correlation-id')).toBe('ticket-42');
    expect(await query('select correlation_id from revision')).toEqual([{ correlation_id: 'ticket-42' }]);
    expect(await query('select cause from outbox')).toEqual([{ cause: { correlationId: 'ticket-42', origin: 'hub' } }]);
  });

  it('is that of the trace where the caller names none, else a new one', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traced = await post(somebody('A'), { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    expect(traced.headers.get('x-correlation-id')).toBe(trace);
    expect((await get('/persons')).headers.get('x-correlation-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('of a caller that could harm a log is replaced', async () =>
    expect(
      (await call(persons, 'GET', '/persons', undefined, { 'x-correlation-id': 'a b"' })).headers.get(
        'x-correlation-id',
      ),
    ).toMatch(/^[0-9a-f]{32}$/));
});

describe('while Kafka is away', () => {
  it('records are taken and kept to be published, and health says so', async () => {
    await post(somebody('A'));
    expect(await query('select revision from outbox')).toEqual([{ revision: 1 }]);
    // The relay has asked for Kafka by then, however slow the machine.
    await until(async () => (await get('/health')).body.status === 'degraded' || undefined);
    expect(await get('/health')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { database: { status: 'ok' }, relay: { status: 'degraded' } } },
    });
  });
});
