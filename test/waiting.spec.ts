import { PARTITIONS, referentialTopic } from '@myelin/contracts';
import { until, type Service } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { findEntry } from './directory.js';
import { status, TestInstallation } from './installation.js';

let hub: TestInstallation;
let person: Service;
let structure: Service;
let connector: Service;
/** Records of both referentials so far. */
let records = 0;

beforeAll(async () => {
  hub = await TestInstallation.create('waiting');
  [person, structure, connector] = await hub.start('person', 'structure', 'connector-ldap');
}, 90_000);
afterAll(() => hub.drop(), 180_000);

const since = '2020-09-01';
const someone = { birthName: 'Lefèvre', givenNames: ['Maëlle'] };
const employedBy = (structure: string) => ({
  resource: [{ population: 'RGPST', from: since, affectations: [{ structure, quota: 100, from: since }] }],
});
const unit = (code: string) => ({ code, shortLabel: code, longLabel: `Unité ${code}`, type: 'S230' });

/** Asserts a record of a source, and answers its master id. */
async function put(referential: Service, sourceId: string, document: object): Promise<string> {
  const url = `${referential.url}/sources/siham/records/${sourceId}`;
  const { outcome, recordId } = await call<{ outcome: string; recordId: string }>('PUT', url, document);
  if (outcome === 'created') records++;
  return recordId;
}

interface Trouble {
  id: string;
  waitsFor: string[] | null;
  unrepresentable: { field: string; message: string }[] | null;
}
const troubles = async (kind: string) =>
  (await call<{ items: Trouble[] }>('GET', `${connector.url}/troubles?kind=${kind}`)).items;

const inDirectory = (id: string) =>
  until('the person should be in the directory', async () => (await findEntry(hub.directory, id)) !== undefined, {
    deadlineMs: 60_000,
  });

const same = () => ({ entries: records, differences: [] });

it('writes a person as soon as the structure is there, and lets nobody else wait', async () => {
  const early = await put(person, 'EARLY', { ...someone, roles: employedBy('code:LATE') });
  const free = await put(person, 'FREE', someone);
  await until('the person should wait', async () => (await troubles('waiting')).length === 1, { deadlineMs: 60_000 });
  const [waiting] = await troubles('waiting');
  expect(waiting).toMatchObject({ id: early, waitsFor: expect.arrayContaining(['structure|code:LATE']) });
  await inDirectory(free);
  expect(await findEntry(hub.directory, early)).toBeUndefined();

  await put(structure, 'LATE', unit('LATE'));
  await inDirectory(early);
  expect(await findEntry(hub.directory, early)).toMatchObject({ supannEntiteAffectation: ['LATE'] });
  expect(await hub.converged(records)).toEqual(same());
  expect(await troubles('waiting')).toEqual([]);
}, 240_000);

it('leaves out a value that the schema cannot hold, says which field it was, and writes the rest', async () => {
  const contacts = [
    { kind: 'workMail', value: 'maëlle.lefèvre@univ.example' },
    { kind: 'workPhone', value: '+33 1 44 27 00 00' },
  ];
  const accented = await put(person, 'ACCENTED', { ...someone, contacts });
  const plain = await put(person, 'PLAIN', { ...someone, contacts: contacts.slice(1) });
  await inDirectory(accented);
  await inDirectory(plain);
  const entry = await findEntry(hub.directory, accented);
  expect(entry).toMatchObject({ sn: ['Lefèvre'], telephoneNumber: ['+33 1 44 27 00 00'] });
  expect(entry).not.toHaveProperty('mail');
  expect(await hub.converged(records)).toEqual(same());

  const reported = await troubles('unrepresentable');
  expect(reported.map(({ id, unrepresentable }) => [id, unrepresentable?.map(({ field }) => field)])).toEqual([
    [accented, ['contacts[0].value']],
  ]);
  expect(JSON.stringify(reported)).not.toMatch(/ma[eë]lle/i);
  expect(await hub.work()).toMatchObject({ waiting: 0, parked: 0 });
}, 240_000);

it('keeps messages aside that nobody can read, and takes those behind them', async () => {
  const topic = hub.names.topicPrefix + referentialTopic('person').name;
  const ce = { specversion: '1.0', id: '1', source: '/x', type: 'x', subject: 'broken', dataschema: 'x' };
  const attributes = { ...ce, time: '2026-11-24T10:00:00Z', epoch: '1', revision: '1' };
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]));
  // In every partition, so that whoever comes next comes behind them.
  const messages = Array.from({ length: PARTITIONS }, (_, partition) => [
    { partition, key: 'broken', value: '{"id":', headers },
    { partition, key: 'bare', value: '{}' },
  ]).flat();
  const producer = hub.kafka.kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();

  for (let n = 0; n < PARTITIONS; n++) await put(person, `BEHIND${n}`, someone);
  expect(await hub.converged(records)).toEqual(same());
  await until('all of them should be aside', async () => (await status(connector)).aside === messages.length, {
    deadlineMs: 60_000,
  });
  const { items } = await call<{ items: Aside[] }>('GET', `${connector.url}/aside`);
  const told = items.map(({ topic, key, reason }) => `${topic} ${key}: ${reason}`);
  expect(new Set(told)).toEqual(
    new Set(['referential.person.v1 broken: value: not JSON', 'referential.person.v1 bare: ce_specversion: missing']),
  );
  expect(await hub.work()).toMatchObject({ waiting: 0, parked: 0 });
}, 240_000);

interface Aside {
  topic: string;
  key: string;
  reason: string;
}
