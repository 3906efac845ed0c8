import { until, type Service, type Stack } from '@myelin/testing';
import { load } from '../deploy/demo/hub.js';
import { ndjson, type ImportRecord } from '../deploy/demo/ndjson.js';
import { readDirectory } from './directory.js';
import { health, metric, startOwnServers, TestInstallation } from './installation.js';
import { university } from './university.js';

/** `ENTITIES=20000 OUTAGE_MINUTES=10 npm test -- test/long-outage.spec.ts` is the long form. */
const ENTITIES = Number(process.env.ENTITIES ?? 700);
const OUTAGE_MS = Number(process.env.OUTAGE_MINUTES ?? 0) * 60_000;
const LIMIT_MS = 120_000 + ENTITIES * 60 + OUTAGE_MS;
const STRUCTURES = 100;
const { structures, persons } = university({ structures: STRUCTURES, persons: ENTITIES - STRUCTURES });
/** What two workers have taken at once, while the last structures are written, may come before them. */
const IN_HAND = 400;

let stack: Stack & Required<Pick<Stack, 'slapd'>>;
let hub: TestInstallation;
let person: Service;
let structure: Service;
let connector: Service;

beforeAll(async () => {
  stack = await startOwnServers('long-outage', ['slapd']);
  hub = await TestInstallation.create('long-outage', stack.settings);
  [person, structure, connector] = await hub.start('person', 'structure', 'connector-ldap');
  await load(structure.url, 'open-data', ndjson(structures));
  await load(person.url, 'registry', ndjson(persons));
  await quiet();
}, LIMIT_MS);
// Twenty thousand entries take some time to go.
afterAll(() => hub.drop().finally(() => stack.stop()), LIMIT_MS);

const quiet = () =>
  until(
    'the directory should be complete',
    async () => {
      const { total, due } = await hub.work();
      return total === ENTITIES && due === 0;
    },
    { deadlineMs: LIMIT_MS, everyMs: 250 },
  );

const changed = (all: readonly ImportRecord[], fields: (document: object) => object) =>
  ndjson(all.map((one) => ({ ...one, document: { ...one.document, ...fields(one.document) } })));

it(
  `writes ${ENTITIES} entities once each that changed three times while the directory was down, structures first`,
  async () => {
    expect(await hub.compare()).toEqual({ entries: ENTITIES, differences: [] });
    const before = await readDirectory(hub.directory);
    const writes = () => metric(connector, 'myelin_deliveries_total', { outcome: 'modified' });
    const modified = await writes();

    await stack.slapd.kill();
    const down = Date.now();
    // Persons first: what is written first afterwards is not what came first.
    for (const round of ['Une', 'Deux', 'Trois']) {
      await load(
        person.url,
        'registry',
        changed(persons, () => ({ usageGivenName: `Camille-${round}` })),
      );
      const label = (document: object) => ({ longLabel: `${(document as { longLabel: string }).longLabel} ${round}` });
      await load(structure.url, 'open-data', changed(structures, label));
    }
    await hub.taken();
    await until('the outage should last', () => Date.now() - down >= OUTAGE_MS, { deadlineMs: OUTAGE_MS + 1000 });
    const target = async () => (await health(connector)).checks.target?.status;
    await until('the connector should say that the directory is down', async () => (await target()) === 'degraded');
    expect(await hub.work()).toEqual({ total: ENTITIES, due: ENTITIES, waiting: 0, parked: 0 });
    const outage = Date.now() - down;

    await stack.slapd.restart();
    const up = Date.now();
    await quiet();
    process.stdout.write(
      `${ENTITIES} entities, 3 changes each, down for ${Math.round(outage / 1000)} s: written after ${((Date.now() - up) / 1000).toFixed(1)} s\n`,
    );
    expect(await hub.work()).toEqual({ total: ENTITIES, due: 0, waiting: 0, parked: 0 });
    expect(await hub.compare()).toEqual({ entries: ENTITIES, differences: [] });
    // So many writes as entities, and none left out: each was written once.
    const after = await readDirectory(hub.directory);
    expect((await writes()) - modified).toBe(ENTITIES);
    expect([...after].filter(([dn, { entryCSN }]) => before.get(dn)?.entryCSN?.[0] === entryCSN?.[0])).toEqual([]);
    const order = [...after.values()].sort((a, b) => (a.entryCSN![0]! < b.entryCSN![0]! ? -1 : 1));
    const lastStructure = order.findLastIndex(({ supannCodeEntite }) => supannCodeEntite !== undefined);
    expect(lastStructure).toBeLessThan(STRUCTURES + IN_HAND);
  },
  LIMIT_MS,
);
