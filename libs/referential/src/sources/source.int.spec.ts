import { call, somebody, startPersons, type Running } from '../../test/bed.js';
import type { Attributes } from '../tables.js';

let persons: Running;
beforeAll(async () => void (persons = await startPersons({ kafka: false })));
afterAll(() => persons.stop());

const put = (source: string, id: string, document: Attributes) =>
  call(persons, 'PUT', `/sources/${source}/records/${id}`, document);
const post = (path: string, body: unknown) => call(persons, 'POST', path, body);

describe('a source', () => {
  it('FR-64: is retired: what it holds is read, its writes are refused, until it returns', async () => {
    const made = await put('siham', '1', somebody('A', ['siham:S1']));
    const because = { reason: 'replaced' };
    expect(await post('/sources/siham/retirement', because)).toMatchObject({ status: 200, body: because });
    const refused = { status: 409, body: { detail: expect.stringContaining('siham is retired') } };
    expect(await put('siham', '1', somebody('B', ['siham:S1']))).toMatchObject(refused);
    expect(await put('siham', '2', somebody('B', ['siham:S2']))).toMatchObject(refused);
    const file = '{"sourceId":"3","birthName":"C","givenNames":["C"]}\n';
    const ndjson = { 'content-type': 'application/x-ndjson' };
    expect(await call(persons, 'POST', '/imports?source=siham&format=ndjson', file, ndjson)).toMatchObject(refused);
    const found = await call(persons, 'GET', '/persons?identifier=siham:S1');
    expect(found.body).toMatchObject({ items: [{ id: made.body['recordId'], birthName: 'A' }] });
    // Another source of the record goes on.
    expect(await put('apogee', '7', somebody('A', ['siham:S1']))).toMatchObject({ status: 200 });
    expect((await call(persons, 'GET', '/sources')).body['items']).toMatchObject([
      { name: 'apogee', retiredAt: null, records: 1 },
      { name: 'siham', retiredAt: expect.any(String), records: 1, waiting: 0 },
    ]);
    await post('/sources/siham/return', because);
    expect(await put('siham', '1', somebody('B', ['siham:S1']))).toMatchObject({ status: 200 });
  });

  it('is retired by somebody who says why, when it was ever heard', async () => {
    expect(await post('/sources/nobody/retirement', { reason: 'x' })).toMatchObject({ status: 404 });
    expect(await post('/sources/siham/retirement', {})).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'reason' }] },
    });
  });
});
