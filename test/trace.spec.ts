import { Client } from 'ldapts';
import { until, type Service } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { findEntry } from './directory.js';
import { metric, query, TestInstallation } from './installation.js';

let hub: TestInstallation;
let person: Service;
let connector: Service;
let deliveries: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('trace');
  [person, , connector, deliveries] = await hub.start('person', 'structure', 'connector-ldap', 'deliveries');
}, 120_000);
afterAll(() => hub.drop(), 180_000);

interface Step {
  step: string;
  connector?: string;
  outcome?: string;
  acknowledged?: boolean;
  at: string;
  afterMs: number;
  changed?: string[];
  durationMs?: number;
  note?: string;
  error?: { name: string; fingerprint: string };
}
interface Revision {
  entity: string;
  id: string;
  revision: number;
  origin: string;
  kind: string;
  settled: boolean;
  steps: Step[];
}
interface Connector {
  connector: string;
  silent: boolean;
  work: string;
  lag: { entity: string; seconds: number }[];
  throughput: { outcome: string; perMinute: number }[];
  errors: { name: string; fingerprint: string; count: number }[];
}

/** Asserts a person under a correlation id, and answers the master id. */
async function put(sourceId: string, correlationId: string, document: object): Promise<string> {
  const url = `${person.url}/sources/siham/records/${sourceId}`;
  const headers = { 'x-correlation-id': correlationId };
  const { recordId } = await call<{ recordId: string }>(
    'PUT',
    url,
    { birthName: 'Lefèvre', givenNames: ['Maëlle'], ...document },
    headers,
  );
  return recordId;
}

/** The revision that a correlation id leads to, as soon as the connector has told of it so. */
async function followed(correlationId: string, outcome: string): Promise<Revision> {
  let found: Revision | undefined;
  await until(
    `the trace of ${correlationId} should end in ${outcome}`,
    async () => {
      const url = `${deliveries.url}/changes/${correlationId}`;
      const { revisions } = await call<{ revisions: Revision[] }>('GET', url);
      [found] = revisions;
      return found?.steps.some((one) => one.outcome === outcome) ?? false;
    },
    { deadlineMs: 60_000, everyMs: 100 },
  );
  return found as Revision;
}

const WORK = 'myelin_deliveries_total';

const connectorView = async () => {
  const { items } = await call<{ items: Connector[] }>('GET', `${deliveries.url}/connectors`);
  return items.find((one) => one.connector === 'ldap');
};

it('FR-56: a correlation id leads from the acceptance of a change to its acknowledgement by the directory', async () => {
  const id = await put('FOLLOWED', 'FR-56.first', {});
  const revision = await followed('FR-56.first', 'created');
  expect(revision).toMatchObject({
    entity: 'person',
    id,
    revision: 1,
    origin: 'siham',
    kind: 'created',
    settled: true,
  });
  expect(revision.steps.map(({ step, connector: who, outcome }) => [step, who, outcome])).toEqual([
    ['accepted', undefined, undefined],
    ['published', undefined, undefined],
    ['delivered', 'ldap', 'created'],
  ]);
  const times = revision.steps.map(({ afterMs }) => afterMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBe(0);
  expect(revision.steps[2]).toMatchObject({ acknowledged: true, durationMs: expect.any(Number) });
  expect(await findEntry(hub.directory, id)).toBeDefined();

  await put('FOLLOWED', 'FR-56.second', { civility: 'MME' });
  const second = await followed('FR-56.second', 'modified');
  expect(second).toMatchObject({ id, revision: 2, settled: true });
  expect(second.steps.at(-1)?.changed).toEqual(['supannCivilite']);

  const trace = await call<{ connectors: object[]; revisions: Revision[] }>(
    'GET',
    `${deliveries.url}/entities/person/${id}/trace`,
  );
  expect(trace.revisions.map((one) => one.revision)).toEqual([2, 1]);
  expect(trace.connectors).toMatchObject([
    { connector: 'ldap', state: 'applied', appliedThrough: { epoch: 1, revision: 2 } },
  ]);
  expect(JSON.stringify(trace)).not.toMatch(/lef[eè]vre|mlefevre|ma[eë]lle/i);
}, 240_000);

it('FR-56: no report is lost, and none counted twice, when the connector is killed', async () => {
  const correlationId = 'FR-56.killed';
  const count = 60;
  const works = until('the connector should be at work', async () => (await metric(connector, WORK)) > 5, {
    everyMs: 5,
  });
  const killed = works.then(() => connector.kill());
  for (let n = 0; n < count; n++) await put(`KILLED${n}`, correlationId, {});
  await killed;
  await connector.start();
  const all = async () => {
    const found: Revision[] = [];
    for (let next: string | null = ''; next !== null;) {
      const page: { revisions: Revision[]; next: string | null } = await call(
        'GET',
        `${deliveries.url}/changes/${correlationId}?limit=25${next === '' ? '' : `&after=${next}`}`,
      );
      found.push(...page.revisions);
      next = page.next;
    }
    return found;
  };
  const settled = async () => (await all()).filter((one) => one.settled).length === count;
  await until('every change should be acknowledged', settled, { deadlineMs: 90_000, everyMs: 250 });
  expect(new Set((await all()).map(({ id }) => id)).size).toBe(count);
  const [{ stored } = { stored: 0 }] = await query<{ stored: number }>(
    hub.databaseUrl('deliveries'),
    'select count(*)::integer as stored from delivery',
  );
  expect(await metric(deliveries, 'myelin_reported_deliveries_total')).toBe(stored);
}, 240_000);

it('FR-56: counts of each flow, lag and errors by cause are exposed', async () => {
  const { url, bindDn, password, baseDn } = hub.directory;
  const client = new Client({ url });
  await client.bind(bindDn, password);
  await client.add(`uid=taken,ou=people,${baseDn}`, { objectClass: 'inetOrgPerson', uid: 'taken', cn: 'x', sn: 'x' });
  await client.unbind();
  await put('REFUSED', 'FR-56.refused', { identifiers: [{ scheme: 'uid', value: 'taken' }] });
  const refused = await followed('FR-56.refused', 'parked');
  expect(refused).toMatchObject({ settled: false });
  expect(refused.steps.at(-1)).toMatchObject({ outcome: 'parked', acknowledged: false, error: { name: 'Rejected' } });

  await until(
    'the connector should tell how old the refused change is',
    async () => {
      const view = await connectorView();
      // An earlier pulse may still tell of the pause before.
      const lag = (name: string) => view?.lag.find(({ entity }) => entity === name)?.seconds;
      return view?.work === 'open' && (lag('person') ?? 0) > 0 && lag('structure') === 0;
    },
    { deadlineMs: 60_000, everyMs: 250 },
  );
  expect(await connectorView()).toMatchObject({
    ...{ silent: false, work: 'open' },
    lag: expect.arrayContaining([expect.objectContaining({ entity: 'structure', seconds: 0 })]),
    throughput: expect.arrayContaining([
      { outcome: 'created', perMinute: expect.any(Number) },
      { outcome: 'parked', perMinute: expect.any(Number) },
    ]),
    errors: [expect.objectContaining({ name: 'Rejected', count: 1, fingerprint: expect.any(String) })],
  });
  expect(await call('GET', `${deliveries.url}/flows?hours=1`)).toEqual({
    hours: 1,
    published: [{ source: 'siham', object: 'person', published: 63 }],
    delivered: [
      {
        source: 'siham',
        object: 'person',
        consumer: 'ldap',
        acknowledged: expect.any(Number),
        written: expect.any(Number),
        other: 1,
      },
    ],
  });
  expect(await metric(deliveries, 'myelin_reported_deliveries_total', { outcome: 'modified' })).toBe(1);
  expect(await metric(deliveries, 'myelin_delivery_lag_seconds', { entity: 'person' })).toBeGreaterThan(0);
  expect(await metric(connector, 'myelin_oldest_unapplied_seconds', { entity: 'person' })).toBeGreaterThan(0);
}, 240_000);

it('FR-55 the map of applications shows source, object and consumer as they are, and a connector that is disabled is not on it', async () => {
  interface AppMap {
    objects: string[];
    from: { source: string; object: string }[];
    to: { object: string; consumer: string; state: string }[];
  }
  const map = () => call<AppMap>('GET', `${deliveries.url}/map`);
  const picture = async () => (await fetch(`${deliveries.url}/map.svg?lang=fr`)).text();
  const edges = ({ to }: AppMap) => to.map(({ object, consumer, state }) => `${object} ${consumer} ${state}`).sort();
  await put('MAPPED', 'FR-55', {});
  await until('the source should be on the map', async () =>
    (await map()).from.some(({ source, object }) => source === 'siham' && object === 'person'),
  );
  expect(edges(await map())).toEqual(['person ldap flows', 'structure ldap flows']);
  expect(await picture()).toMatch(/<title>siham → Personnes<\/title>[^]*<title>Personnes → ldap<\/title>/);

  const turn = (name: string) => call('POST', `${connector.url}/control/${name}`, { author: 'olga' });
  const shows = (wanted: string[]) =>
    until(
      `the map should show ${wanted.join(', ') || 'no consumer'}`,
      async () => edges(await map()).join() === wanted.join(),
      {
        deadlineMs: 60_000,
        everyMs: 250,
      },
    );
  await turn('disable');
  await shows([]);
  expect(await picture()).not.toMatch(/ldap/);
  await turn('enable');
  await turn('observe');
  await shows(['person ldap observes', 'structure ldap observes']);
  await turn('write');
  await shows(['person ldap flows', 'structure ldap flows']);
}, 240_000);
