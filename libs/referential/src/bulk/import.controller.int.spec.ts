import { request } from 'node:http';
import { call, empty, somebody, startPersons, until, type Answer, type Running } from '../../test/bed.js';

let persons: Running;

beforeAll(async () => void (persons = await startPersons({ kafka: false })));
afterAll(() => persons.stop());
afterEach(() => empty(persons.dataSource));

const TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv' };
const load = (format: 'ndjson' | 'csv', file: string | Buffer, source = 'siham'): Promise<Answer> =>
  call(persons, 'POST', `/imports?source=${source}&format=${format}`, file, { 'content-type': TYPES[format] });

const line = (sourceId: string, document: object) => JSON.stringify({ sourceId, ...document });
const query = <T extends object>(sql: string): Promise<T[]> => persons.dataSource.query(sql);
const names = async () =>
  (await query<{ name: string }>(`select state ->> 'birthName' as name from record order by 1`)).map(
    ({ name }) => name,
  );

describe('an NDJSON file', () => {
  it('with bad lines among good ones: the good are loaded, the bad are named by line and field', async () => {
    const file = [
      line('1', somebody('A', ['siham:S1'])),
      '{"sourceId":',
      line('3', { ...somebody('C'), shoeSize: 38 }),
      line('4', somebody('D', ['uai:0751717A'])),
      Buffer.from('{"sourceId":"5","birthName":"Dupr\xe9","givenNames":["A"]}', 'latin1'),
      line('6', somebody('F', ['siham:S1'])),
      line('', somebody('G')),
      line('8', { ...somebody('H'), birth: { date: '2001-02-30' } }),
      '',
      line('10', somebody('J')),
    ];
    const { status, body } = await load(
      'ndjson',
      Buffer.concat(file.flatMap((one) => [Buffer.from(one), Buffer.from('\n')])),
    );
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        source: 'siham',
        status: 'done',
        created: 2,
        updated: 0,
        unchanged: 0,
        stale: 0,
        suspected: 1,
        rejected: 6,
      },
    });
    const refused = (body.rejections as { line: number; sourceId: string | null; field: string }[]).map(
      ({ line, sourceId, field }) => [line, sourceId, field],
    );
    expect(refused).toEqual([
      [2, null, ''],
      [3, '3', 'shoeSize'],
      [4, '4', 'identifiers[0].value'],
      [5, null, ''],
      [7, null, 'sourceId'],
      [8, '8', 'birth.date'],
    ]);
    expect(await names()).toEqual(['A', 'J']);
  });

  it('names fields that cannot be stored, or that no database could read, and goes on', async () => {
    const file = [
      line('1', somebody('A')),
      `{"sourceId":"2","birthName":"B","givenNames":["B"],"a\\u0000b":1}`,
      `{"sourceId":"3","birthName":"C","givenNames":["C"],"identifiers":[{"scheme":"x\\u0000","value":"1"}]}`,
      `{"sourceId":"4","birthName":"D","givenNames":["D"],"extensions":{"a":["\\ud800"]}}`,
      `{"sourceId":"5","birthName":"E","givenNames":["E"],"extensions":{"a":${'['.repeat(9000)}${']'.repeat(9000)}}}`,
      `{"sourceId":"6","birthName":"F","givenNames":["F"],"${'x'.repeat(100_000)}":1}`,
      line('7', somebody('G')),
    ];
    const { status, body } = await load('ndjson', file.join('\n'));
    expect({ status, body }).toMatchObject({ status: 200, body: { created: 2, rejected: 5 } });
    expect((body.rejections as { line: number }[]).map(({ line }) => line)).toEqual([2, 3, 4, 5, 6]);
  });

  it('loaded again changes nothing', async () => {
    const file = Array.from({ length: 2500 }, (_, n) => line(`${n}`, somebody(`N${n}`, [`siham:S${n}`]))).join('\n');
    expect((await load('ndjson', file)).body).toMatchObject({ created: 2500, rejected: 0 });
    expect((await load('ndjson', file)).body).toMatchObject({ created: 0, updated: 0, unchanged: 2500, rejected: 0 });
    expect(await query('select count(*)::int as n from revision')).toEqual([{ n: 2500 }]);
  });

  it('that a newer load has overtaken is not taken', async () => {
    await load('ndjson', line('1', { version: 7, ...somebody('A') }));
    expect((await load('ndjson', line('1', { version: 6, ...somebody('B') }))).body).toMatchObject({ stale: 1 });
    expect(await names()).toEqual(['A']);
  });

  it('that is empty is a load of nothing', async () =>
    expect(await load('ndjson', '')).toMatchObject({ status: 200, body: { status: 'done', created: 0, rejected: 0 } }));

  it('keeps its report, line by line', async () => {
    const { body } = await load('ndjson', Array.from({ length: 250 }, () => 'bad').join('\n'));
    expect(body.rejections).toHaveLength(100);
    const { body: rest } = await call(persons, 'GET', `/imports/${String(body.id)}?after=100&limit=1000`);
    expect(rest).toMatchObject({ id: body.id, rejected: 250 });
    expect((rest.rejections as { line: number }[]).map(({ line }) => line)).toEqual(
      Array.from({ length: 150 }, (_, n) => n + 101),
    );
  });
});

describe('a CSV file', () => {
  it('is loaded with numbers and byte order mark as Excel writes it', async () => {
    const file =
      '\ufeffsourceId;birthName;givenNames.0;identifiers.siham;roles.resource.0.population;roles.resource.0.affectations.0.structure;roles.resource.0.affectations.0.quota\r\n' +
      '1;Dupré;Éloïse;S1;RGPFT;code:DSI;50\r\n2;B;C;S2;RGPFT;code:DSI;half\r\n';
    expect((await load('csv', file)).body).toMatchObject({
      created: 1,
      rejected: 1,
      rejections: [{ line: 3, sourceId: '2', field: 'roles.resource[0].affectations[0].quota' }],
    });
    expect(await query(`select state from record`)).toMatchObject([
      { state: { birthName: 'Dupré', roles: { resource: [{ affectations: [{ quota: 50 }] }] } } },
    ]);
  });

  it('gives the same records as NDJSON that says the same', async () => {
    await load('ndjson', line('1', somebody('A', ['siham:S1'])));
    const file = 'sourceId,birthName,givenNames.0,identifiers.siham\n1,A,Éloïse,S1\n';
    expect((await load('csv', file)).body).toMatchObject({ unchanged: 1 });
  });

  it('with a missing column is refused with its name, at once, however long it is', async () => {
    const rows = '1;A\n'.repeat(500_000);
    const answer = await load('csv', `sourceId;givenNames.0\n${rows}`);
    expect(answer).toMatchObject({
      status: 422,
      body: { type: 'urn:myelin:problem:invalid-document', errors: [{ field: 'birthName' }] },
    });
    expect(await query('select status, failure from import_run')).toEqual([
      { status: 'failed', failure: 'the header of the file is wrong' },
    ]);
  });

  it('with a short row among good ones: line and column are named', async () =>
    expect((await load('csv', 'sourceId;birthName;givenNames.0\n1;A;B\n2;A\n3;A;B\n')).body).toMatchObject({
      created: 2,
      rejections: [{ line: 3, field: 'givenNames.0', reason: 'has no cell in this row' }],
    }));
});

describe('a load', () => {
  it.each([
    ['/imports?source=siham', TYPES.ndjson, 400, 'malformed-request'],
    ['/imports?source=siham&format=xml', TYPES.ndjson, 400, 'malformed-request'],
    ['/imports?source=siham&format=ndjson', 'application/json', 415, 'unsupported-media-type'],
    ['/imports?source=Siham&format=ndjson', TYPES.ndjson, 422, 'invalid-document'],
    ['/imports?source=hub&format=ndjson', TYPES.ndjson, 422, 'invalid-document'],
    ['/imports?format=ndjson', TYPES.ndjson, 422, 'invalid-document'],
  ])('%s as %s is a problem %i', async (path, type, status, name) => {
    const answer = await call(persons, 'POST', path, '{}', { 'content-type': type });
    expect(answer).toMatchObject({ status, body: { type: `urn:myelin:problem:${name}` } });
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('that the service cannot write is answered by a problem, though the file is not read to its end', async () => {
    await persons.dataSource.query('alter table link rename to lost');
    try {
      const file = Array.from({ length: 30_000 }, (_, n) => line(`${n}`, somebody(`N${n}`))).join('\n');
      expect(await load('ndjson', file)).toMatchObject({ status: 500, body: { type: 'urn:myelin:problem:internal' } });
      expect(await query('select status, failure from import_run')).toEqual([
        { status: 'failed', failure: 'the file was not read to its end' },
      ]);
    } finally {
      await persons.dataSource.query('alter table lost rename to link');
    }
  });

  it('that its sender cuts off is marked as failed, keeps what was loaded, and can be sent again', async () => {
    const lines = Array.from({ length: 5000 }, (_, n) => `${line(`${n}`, somebody(`N${n}`))}\n`);
    const sending = request(`${persons.url}/imports?source=siham&format=ndjson`, {
      method: 'POST',
      headers: { 'content-type': TYPES.ndjson },
    });
    sending.on('error', () => undefined);
    sending.write(lines.join(''));
    await until(async () => (await query('select id from record limit 1')).length);
    sending.destroy();
    await until(async () => (await query(`select id from import_run where status = 'failed'`)).length);
    const [{ n } = { n: 0 }] = await query<{ n: number }>('select count(*)::int as n from record');
    expect(await query('select created from import_run')).toEqual([{ created: n }]);
    expect((await load('ndjson', lines.join(''))).body).toMatchObject({ unchanged: n, created: 5000 - n, rejected: 0 });
  });

  it('while another loads the same file makes every record once', async () => {
    const file = (turn: number) =>
      Array.from({ length: 1500 }, (_, n) =>
        line(`${(n * 7 + turn * 500) % 1500}`, somebody('A', [`siham:S${(n * 7 + turn * 500) % 1500}`])),
      ).join('\n');
    const answers = await Promise.all([0, 1, 2, 3].map((turn) => load('ndjson', file(turn))));
    expect(answers.map(({ status, body }) => [status, body.rejected])).toEqual([0, 1, 2, 3].map(() => [200, 0]));
    expect(await query('select count(*)::int as n from record')).toEqual([{ n: 1500 }]);
    expect(await query('select count(*)::int as n from revision')).toEqual([{ n: 1500 }]);
  });
});
