import { until, type Service } from '@myelin/testing';
import { call, load } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { readDirectory } from './directory.js';
import { TestInstallation } from './installation.js';
import { order } from './jobs.js';

const PERSONS = 260;
/** Five percent of the persons. */
const BUDGET = 13;
const HALF = PERSONS / 2;

let hub: TestInstallation;
let person: Service;
let connector: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('guards');
  const [structure] = await hub.start('structure');
  [person, connector] = await hub.start('person', 'connector-ldap');
  const unit = { code: 'DSI', shortLabel: 'DSI', longLabel: 'Direction', type: 'S230' };
  await call('PUT', `${structure.url}/sources/siham/records/DSI`, unit);
  await load(person.url, 'siham', ndjson(Array.from({ length: PERSONS }, (_, i) => employee(i, employed))));
  expect(await hub.converged(PERSONS + 1)).toEqual(same());
}, 120_000);
afterAll(() => hub.drop(), 180_000);

const since = '2020-09-01';
const employed = {
  resource: [{ population: 'RGPST', from: since, affectations: [{ structure: 'code:DSI', quota: 100, from: since }] }],
};
const employee = (i: number, roles: object) => ({
  sourceId: `${i}`,
  document: { birthName: `Nom${String.fromCharCode(97 + (i % 26))}`, givenNames: ['Maëlle'], roles },
});
const same = () => ({ entries: PERSONS + 1, differences: [] });

const closed = async () =>
  [...(await readDirectory(hub.directory)).values()].filter(({ supannRessourceEtat }) =>
    supannRessourceEtat?.[0]?.startsWith('{COMPTE}I:'),
  ).length;
const held = async () => (await call<{ held: { count: number }[] }>('GET', `${connector.url}/guards`)).held;
const isHeld = async (count: number) => {
  await until('the connector should hold the rest back', async () => (await held())[0]?.count === count, {
    deadlineMs: 60_000,
  });
  await until('nothing should be due', async () => (await hub.work()).due === 0);
};

it('a file in which half of the persons have lost their roles closes no more accounts than the budget allows', async () => {
  await load(person.url, 'siham', ndjson(Array.from({ length: HALF }, (_, i) => employee(i, {}))));
  await isHeld(HALF - BUDGET);
  expect(await held()).toEqual([{ entity: 'person', action: 'suspend', cause: 'change', count: HALF - BUDGET }]);
  expect(await closed()).toBe(BUDGET);

  // The file was wrong for some: those who are back in it never lost their accounts.
  await load(person.url, 'siham', ndjson(Array.from({ length: HALF - 60 }, (_, i) => employee(i, employed))));
  await until('those who are back should be as they were', async () => ((await held())[0]?.count ?? 0) <= 60);
  await hub.taken();
  await until('nothing should be due', async () => (await hub.work()).due === 0);

  const reason = 'these have left';
  await order(connector, 'guards/release', { entity: 'person', action: 'suspend', reason });
  expect(await hub.converged(PERSONS + 1)).toEqual(same());
  expect(await closed()).toBe(60);
}, 180_000);
