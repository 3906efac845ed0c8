import { until, type Service, type Stack } from '@myelin/testing';
import { call, load, type RecordView } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { health, metric, startOwnServers, TestInstallation } from './installation.js';
import { university } from './university.js';

const SIZE = { structures: 40, persons: 200 };
const LONGEST_END_MS = 30_000;

let stack: Stack & Required<Pick<Stack, 'kafka' | 'slapd'>>;
let hub: TestInstallation;
let person: Service;
let structure: Service;
let connector: Service;
/** Records of both referentials so far. */
let records = 0;

const { structures, persons } = university(SIZE);
/** The same persons with another name in use. */
const renamed = (usageName: string) => persons.map((one) => ({ ...one, document: { ...one.document, usageName } }));
const same = () => ({ entries: records, differences: [] });
const servers = () => [person, structure, connector];
const healths = async () => (await Promise.all(servers().map(health))).map(({ status }) => status);
const stopAll = () => Promise.all(servers().map((service) => service.stop(LONGEST_END_MS)));
const orderly = { code: 0, signal: null };

beforeAll(async () => {
  stack = await startOwnServers('outage', ['kafka', 'slapd']);
  hub = await TestInstallation.create('outage', stack.settings);
}, 90_000);
afterAll(async () => {
  await hub.drop();
  await stack.stop();
}, 180_000);

it('starts without a broker, keeps what it is told, and goes on alone when the broker is there', async () => {
  await stack.kafka.stop();
  [person, structure, connector] = await hub.start('person', 'structure', 'connector-ldap');
  await until(
    'every service should be degraded',
    async () => String(await healths()) === 'degraded,degraded,degraded',
    {
      deadlineMs: 60_000,
    },
  );
  expect(await load(structure.url, 'open-data', ndjson(structures))).toMatchObject({ created: SIZE.structures });
  const maelle = { birthName: 'Lefèvre', givenNames: ['Maëlle'] };
  expect(await call<RecordView>('POST', `${person.url}/persons`, maelle)).toMatchObject({ revision: 1 });
  records = SIZE.structures + 1;

  await stack.kafka.restart();
  expect(await hub.converged(records)).toEqual(same());
  await until('every service should be well', async () => String(await healths()) === 'ok,ok,ok', {
    deadlineMs: 60_000,
  });
}, 240_000);

it('writes each person once, however often it changed while the directory was down', async () => {
  await load(person.url, 'registry', ndjson(persons));
  records += SIZE.persons;
  expect(await hub.converged(records)).toEqual(same());
  const modified = await metric(connector, 'myelin_deliveries_total', { outcome: 'modified' });

  await stack.slapd.stop();
  for (const name of ['Premier-Nom', 'Second-Nom', 'Dernier-Nom']) {
    const report = await load(person.url, 'registry', ndjson(renamed(name)));
    expect(report).toMatchObject({ updated: SIZE.persons });
    await hub.taken();
  }
  const targetOf = async () => (await health(connector)).checks.target?.status;
  await until('the connector should say that the directory is down', async () => (await targetOf()) === 'degraded');

  await stack.slapd.restart();
  expect(await hub.converged(records)).toEqual(same());
  expect(await metric(connector, 'myelin_deliveries_total', { outcome: 'modified' })).toBe(modified + SIZE.persons);
  expect(await hub.work()).toMatchObject({ waiting: 0, parked: 0 });
  expect(await targetOf()).toBe('ok');
}, 240_000);

it('ends in order on SIGTERM in the middle of work, and loses nothing', async () => {
  const cut = load(person.url, 'registry', ndjson(renamed('Nom-Coupé'))).catch(() => undefined);
  const modified = await metric(connector, 'myelin_deliveries_total', { outcome: 'modified' });
  const works = async () => (await metric(connector, 'myelin_deliveries_total', { outcome: 'modified' })) > modified;
  await until('the connector should be at work', works, { everyMs: 5 });
  expect(await stopAll()).toEqual([orderly, orderly, orderly]);
  await cut;

  // They start without a directory, too.
  await stack.slapd.stop();
  await Promise.all(servers().map((service) => service.start()));
  expect((await health(connector)).checks.target?.status).toBe('degraded');
  await load(person.url, 'registry', ndjson(renamed('Nom-Coupé')));
  await stack.slapd.restart();
  expect(await hub.converged(records)).toEqual(same());
}, 240_000);

it('ends in order on SIGTERM while broker and directory are away', async () => {
  await stack.kafka.stop();
  await stack.slapd.stop();
  expect(await load(person.url, 'registry', ndjson(renamed('Nom-Gardé')))).toMatchObject({ updated: SIZE.persons });
  // The structure referential has nothing to publish and does not notice.
  const troubled = async () => (await healths()).filter((status) => status === 'degraded').length;
  await until('person and connector should notice', async () => (await troubled()) >= 2, { deadlineMs: 60_000 });
  expect(await stopAll()).toEqual([orderly, orderly, orderly]);
  await stack.slapd.restart();
  await stack.kafka.restart();
}, 240_000);
