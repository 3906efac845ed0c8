import { call, dropDatabase, kafkaOf, somebody, startPersons, until, type Running } from '../test/bed.js';

interface OnTopic {
  key: string;
  state: unknown;
  headers: Record<string, string>;
}

/** What stands on the topic of persons, as it comes. */
async function listen(topicPrefix: string): Promise<{ messages: OnTopic[]; close: () => Promise<void> }> {
  const messages: OnTopic[] = [];
  const consumer = kafkaOf(topicPrefix).kafka.consumer({ groupId: `${topicPrefix}spec`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: `${topicPrefix}referential.person.v1`, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message: { key, value, headers } }) => {
      const texts = Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]);
      messages.push({ key: String(key), state: JSON.parse(String(value)), headers: Object.fromEntries(texts) });
      return Promise.resolve();
    },
  });
  return { messages, close: () => consumer.disconnect() };
}

describe('a referential', () => {
  let persons: Running;
  beforeAll(async () => {
    persons = await startPersons({ kafka: true });
    await until(async () => (await call(persons, 'GET', '/health')).body.status === 'ok');
    await until(async () => JSON.stringify((await call(persons, 'GET', '/health')).body).includes('leading'));
  });
  afterAll(() => persons.stop());

  it('publishes the whole state of what was posted, and of what it becomes', async () => {
    const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const made = await call(persons, 'POST', '/persons', somebody('Dupré', ['siham:S1']), {
      'x-correlation-id': 'ticket-42',
      traceparent: trace,
    });
    const id = String(made.body.id);
    const topic = await listen(persons.topicPrefix);
    const [created] = await until(() => (topic.messages.length > 0 ? topic.messages : null));
    expect(created).toEqual({
      key: id,
      state: { id, status: 'active', number: 'P-00001-Y', ...somebody('Dupré', ['siham:S1']) },
      headers: {
        ce_specversion: '1.0',
        ce_id: `1-${id}-1`,
        ce_source: '/referentials/person',
        ce_type: 'fr.myelin.person.created.v1',
        ce_subject: id,
        ce_time: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T.*Z$/),
        ce_dataschema: 'urn:myelin:master:person:1',
        ce_epoch: '1',
        ce_incarnation: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
        ce_revision: '1',
        ce_correlationid: 'ticket-42',
        ce_origin: 'hub',
        traceparent: trace,
        'content-type': 'application/json',
      },
    });

    await call(persons, 'PUT', '/sources/apogee/records/7', somebody('Dupre', ['siham:S1', 'apogee:7']));
    await until(() => topic.messages.some(({ headers }) => headers.ce_revision === '2'));
    await call(persons, 'POST', `/persons/${id}/deactivation`);
    const last = await until(() => topic.messages.find(({ headers }) => headers.ce_revision === '3'));
    expect(last).toMatchObject({
      key: id,
      state: { id, status: 'inactive', ...somebody('Dupré', ['siham:S1', 'apogee:7']) },
      headers: { ce_type: 'fr.myelin.person.deactivated.v1', ce_origin: 'hub' },
    });
    expect(topic.messages.find(({ headers }) => headers.ce_revision === '2')?.headers.ce_origin).toBe('apogee');
    await topic.close();
    await until(async () => {
      const [{ n }] = (await persons.dataSource.query('select count(*)::int as n from outbox')) as [{ n: number }];
      return n === 0;
    });
  });

  it('describes its API, and shows its metrics', async () => {
    expect((await call(persons, 'GET', '/openapi.json')).body).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Persons' },
    });
    expect((await fetch(`${persons.url}/docs`)).status).toBe(200);
    expect(await (await fetch(`${persons.url}/metrics`)).text()).toContain('# TYPE');
  });
});

describe('the log', () => {
  it('holds no personal data, whatever happens', async () => {
    const written = (['log', 'info', 'warn', 'error', 'debug'] as const).map((way) =>
      jest.spyOn(console, way).mockReturnValue(),
    );
    const persons = await startPersons({ kafka: false });
    const CANARY = 'Zanzibarowski';
    const key = 'CANARY77';
    const someone = somebody(CANARY, [`siham:${key}`], { birth: { date: '1901-02-03', town: `${CANARY}ville` } });
    const text = { 'content-type': 'application/x-ndjson' };
    const line = (document: object) => JSON.stringify({ sourceId: key, ...document });

    const { body } = await call(persons, 'POST', '/persons', someone);
    const id = String(body.id);
    const patch = (document: object, revision: number) =>
      call(persons, 'PATCH', `/persons/${id}`, document, { 'if-match': `"${revision}"` });
    await patch({ usageName: CANARY }, 1);
    await patch({ usageName: CANARY }, 1);
    await patch({ [CANARY]: CANARY, sex: CANARY }, 2);
    await call(persons, 'POST', '/persons', someone);
    await call(persons, 'POST', '/persons', `{"birthName":"${CANARY}"`);
    await call(persons, 'POST', '/persons', { ...someone, usageName: `${CANARY}\0` });
    await call(persons, 'PUT', `/sources/siham/records/${key}`, someone);
    await call(persons, 'PUT', `/sources/siham/records/${key}2`, someone);
    await call(persons, 'GET', `/persons?identifier=siham:${key}`);
    await call(persons, 'GET', `/persons/${CANARY}?name=${CANARY}`);
    await call(persons, 'GET', `/${CANARY}`);
    await call(persons, 'POST', `/persons/${id}/deactivation`, { reason: `asked by ${CANARY}` });
    const bad = [line(someone), line({ birthName: CANARY }), `${CANARY}{`, line({ [CANARY]: 1 })].join('\n');
    await call(persons, 'POST', '/imports?source=apogee&format=ndjson', bad, text);
    await call(
      persons,
      'POST',
      '/imports?source=apogee&format=csv',
      `sourceId;birthName;birthName.x;givenNames.0\n1;${CANARY};${CANARY};A\n`,
      text,
    );
    await call(
      persons,
      'POST',
      '/imports?source=apogee&format=csv',
      `\ufeffsourceId;birthName;givenNames.0\n1;${CANARY};"${CANARY}\n`,
      text,
    );

    // The service fails in the middle of its work: a table is gone, then the database.
    await persons.dataSource.query('alter table link rename to lost');
    const failures = [
      await call(persons, 'POST', '/persons', someone),
      await call(persons, 'PUT', `/sources/siham/records/${key}`, someone),
      await call(persons, 'POST', '/imports?source=apogee&format=ndjson', line({ ...someone, sex: 'F' }), text),
    ];
    await dropDatabase(persons.databaseUrl);
    failures.push(
      await call(persons, 'POST', '/persons', someone),
      await call(persons, 'GET', `/persons?identifier=siham:${key}`),
    );
    expect(failures.map(({ status }) => status >= 500)).toEqual(failures.map(() => true));
    await persons.stop();

    // A library that writes beside the log writes nothing at all.
    expect(written.flatMap((way) => way.mock.calls)).toEqual([]);
    jest.restoreAllMocks();
    const log = persons.lines.join('');
    expect(log).toContain('"status":201');
    expect(log).toContain('import failed');
    expect(persons.lines.filter((one) => one.includes('The service failed')).length).toBeGreaterThanOrEqual(3);
    for (const word of [CANARY, key, '1901-02-03', 'Éloïse']) {
      expect(persons.lines.filter((one) => one.toLowerCase().includes(word.toLowerCase()))).toEqual([]);
    }
  });
});
