import { join } from 'node:path';
import { repositoryRoot, until, type Service } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { findEntry } from './directory.js';
import { metric, query, TestInstallation } from './installation.js';

const DAY_MS = 86_400_000;
const PARIS_DAY = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' });
const day = (time: number) => PARIS_DAY.format(time);
/** Roles end on these days from today. */
const [SOON, LATER] = [5, 12];
const [lastDay, laterLastDay] = [day(Date.now() + SOON * DAY_MS), day(Date.now() + LATER * DAY_MS)];

let hub: TestInstallation;
let person: Service;
let connector: Service;
let soon: string;
let later: string;

beforeAll(async () => {
  hub = await TestInstallation.create('dates');
  const [structure] = await hub.start('structure');
  [person, connector] = await hub.start('person', 'connector-ldap');
  const unit = { code: 'DSI', shortLabel: 'DSI', longLabel: 'Direction', type: 'S230' };
  await call('PUT', `${structure.url}/sources/siham/records/DSI`, unit);
  soon = await hire('SOON', lastDay);
  later = await hire('LATER', laterLastDay);
  expect(await hub.converged(3)).toEqual({ entries: 3, differences: [] });
}, 90_000);
afterAll(() => hub.drop(), 60_000);

async function hire(sourceId: string, to: string): Promise<string> {
  const [population, from] = ['RGPST', '2020-09-01'];
  const affectations = [{ structure: 'code:DSI', quota: 100, from, to }];
  const { recordId } = await call<{ recordId: string }>('PUT', `${person.url}/sources/siham/records/${sourceId}`, {
    ...{ birthName: 'Lefèvre', givenNames: ['Maëlle'], roles: { resource: [{ population, from, to, affectations }] } },
  });
  return recordId;
}

/** The clock of PostgreSQL cannot be moved: what is due in its ledger comes nearer instead. */
async function clockOfLedger(aheadMs: number): Promise<void> {
  await query(
    hub.databaseUrl('connector-ldap'),
    `update ledger set due_at = due_at - make_interval(secs => $1) where due_at > now()`,
    [aheadMs / 1000],
  );
}

/** Starts the connector with a clock that is so far ahead. */
async function startAhead(aheadMs: number): Promise<void> {
  const preload = join(repositoryRoot(), 'test', 'moved-clock.cjs');
  connector = await hub.add('connector-ldap', {}, '-ahead', {
    NODE_OPTIONS: `--require ${preload}`,
    CLOCK_AHEAD_MS: String(aheadMs),
  });
  await connector.start();
}

const stateOf = async (id: string) => (await findEntry(hub.directory, id))?.supannRessourceEtat?.[0];
/** The instant at which a day ends in Europe/Paris. */
function endOf(last: string): number {
  let end = Date.parse(`${last}T21:00:00Z`);
  while (day(end) <= last) end += 3_600_000;
  return end;
}

it('changes an entry on the day a role is over, without any message', async () => {
  await connector.stop();
  // Shortly before midnight of the last day, as soon as it runs.
  const ahead = endOf(lastDay) - Date.now() - 20_000;
  await clockOfLedger(ahead);
  await startAhead(ahead);
  expect(await stateOf(soon)).toBe('{COMPTE}A:SupannActif');
  expect(day(Date.now() + ahead)).toBe(lastDay);
  const change = async () => (await stateOf(soon)) === '{COMPTE}A:SupannSursis';
  await until('the role should be over', change, { deadlineMs: 60_000 });
  expect(day(Date.now() + ahead)).toBe(nextDay(lastDay));
  // The directory has the change a little before the connector has recorded it.
  const modified = () => metric(connector, 'myelin_deliveries_total', { outcome: 'modified' });
  await until('the change should be recorded', async () => (await modified()) > 0);
  expect(await modified()).toBe(1);
  expect(await metric(connector, 'myelin_consumer_events_total')).toBe(0);
  expect(await hub.compare(hub.directory, nextDay(lastDay))).toEqual({ entries: 3, differences: [] });
  expect(await stateOf(later)).toBe('{COMPTE}A:SupannActif');
}, 120_000);

it('changes an entry after a downtime over that day', async () => {
  await connector.stop();
  const today = day(Date.now() + (LATER + 3) * DAY_MS);
  await clockOfLedger(3 * DAY_MS + (LATER - SOON) * DAY_MS);
  await startAhead((LATER + 3) * DAY_MS);
  await until('the role should be over', async () => (await stateOf(later)) === '{COMPTE}A:SupannSursis');
  expect(await metric(connector, 'myelin_consumer_events_total')).toBe(0);
  expect(await hub.compare(hub.directory, today)).toEqual({ entries: 3, differences: [] });
}, 120_000);

const nextDay = (one: string) => day(Date.parse(`${one}T12:00:00Z`) + DAY_MS);
