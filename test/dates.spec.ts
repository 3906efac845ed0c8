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
/** Days of grace of staff. */
const GRACE = 90;
const [lastDay, laterLastDay] = [day(Date.now() + SOON * DAY_MS), day(Date.now() + LATER * DAY_MS)];

let hub: TestInstallation;
let person: Service;
let connector: Service;
let soon: string;
let later: string;
let coming: string;

beforeAll(async () => {
  hub = await TestInstallation.create('dates');
  const [structure] = await hub.start('structure');
  [person, connector] = await hub.start('person', 'connector-ldap');
  const unit = { code: 'DSI', shortLabel: 'DSI', longLabel: 'Direction', type: 'S230' };
  await call('PUT', `${structure.url}/sources/siham/records/DSI`, unit);
  soon = await hire('SOON', { from: '2020-09-01', to: lastDay });
  later = await hire('LATER', { from: '2020-09-01', to: laterLastDay });
  coming = await hire('COMING', { from: dayAfter(lastDay) });
  expect(await hub.converged(4)).toEqual({ entries: 4, differences: [] });
}, 90_000);
afterAll(() => hub.drop(), 180_000);

async function hire(sourceId: string, validity: { from: string; to?: string }): Promise<string> {
  const affectations = [{ structure: 'code:DSI', quota: 100, ...validity }];
  const { recordId } = await call<{ recordId: string }>('PUT', `${person.url}/sources/siham/records/${sourceId}`, {
    ...{
      birthName: 'Lefèvre',
      givenNames: ['Maëlle'],
      roles: { resource: [{ population: 'RGPST', ...validity, affectations }] },
    },
  });
  return recordId;
}

/** Starts the connector anew with a clock that is so far ahead. */
async function startAhead(aheadMs: number): Promise<void> {
  await connector.stop();
  // The clock of PostgreSQL cannot be moved: what is due in its ledger comes nearer instead.
  await query(
    hub.databaseUrl('connector-ldap'),
    `update ledger set due_at = due_day::timestamp at time zone 'Europe/Paris' - make_interval(secs => $1) where due_day is not null`,
    [aheadMs / 1000],
  );
  const preload = join(repositoryRoot(), 'test', 'moved-clock.cjs');
  connector = await hub.add('connector-ldap', {}, '-ahead', {
    NODE_OPTIONS: `--require ${preload}`,
    CLOCK_AHEAD_MS: String(aheadMs),
  });
  await connector.start();
}

const dayAfter = (one: string, days = 1) => day(Date.parse(`${one}T12:00:00Z`) + days * DAY_MS);
const becomes = (id: string, state: string) =>
  until(`the state should be ${state}`, async () => (await stateOf(id)) === state, { deadlineMs: 60_000 });
const stateOf = async (id: string) => (await findEntry(hub.directory, id))?.supannRessourceEtat?.[0];
/** The instant at which a day ends in Europe/Paris. */
function endOf(last: string): number {
  let end = Date.parse(`${last}T21:00:00Z`);
  while (day(end) <= last) end += 3_600_000;
  return end;
}

/** Waits until so many entries were changed since the connector started: the directory has it a little before that is recorded. */
async function changed(entries: number, outcome: 'modified' | 'suspended' = 'modified'): Promise<void> {
  const count = () => metric(connector, 'myelin_deliveries_total', { outcome });
  await until('the changes should be recorded', async () => (await count()) >= entries);
  expect(await count()).toBe(entries);
  expect(await metric(connector, 'myelin_consumer_events_total')).toBe(0);
}

it('changes entries on the day a role is over or begins, without any message', async () => {
  // Shortly before midnight of the last day, as soon as it runs.
  const ahead = endOf(lastDay) - Date.now() - 20_000;
  await startAhead(ahead);
  expect(await stateOf(soon)).toBe('{COMPTE}A:SupannActif');
  expect(await stateOf(coming)).toBe('{COMPTE}I:SupannCree');
  expect(day(Date.now() + ahead)).toBe(lastDay);
  await becomes(soon, '{COMPTE}A:SupannSursis');
  await becomes(coming, '{COMPTE}A:SupannActif');
  expect(day(Date.now() + ahead)).toBe(dayAfter(lastDay));
  await changed(2);
  expect(await hub.compare(hub.directory, dayAfter(lastDay))).toEqual({ entries: 4, differences: [] });
  expect(await stateOf(later)).toBe('{COMPTE}A:SupannActif');
}, 120_000);

it('changes an entry after a downtime over that day', async () => {
  const today = day(Date.now() + (LATER + 3) * DAY_MS);
  await startAhead((LATER + 3) * DAY_MS);
  await becomes(later, '{COMPTE}A:SupannSursis');
  await changed(1);
  expect(await hub.compare(hub.directory, today)).toEqual({ entries: 4, differences: [] });
}, 120_000);

it('changes an entry on the day after the grace of a role, without any message', async () => {
  const graceEnd = dayAfter(lastDay, GRACE);
  const ahead = endOf(graceEnd) - Date.now() - 20_000;
  await startAhead(ahead);
  expect(await stateOf(soon)).toBe('{COMPTE}A:SupannSursis');
  expect(day(Date.now() + ahead)).toBe(graceEnd);
  await becomes(soon, '{COMPTE}I:SupannExpire');
  expect(day(Date.now() + ahead)).toBe(dayAfter(graceEnd));
  await changed(1, 'suspended');
  expect(await stateOf(later)).toBe('{COMPTE}A:SupannSursis');
  expect(await hub.compare(hub.directory, dayAfter(graceEnd))).toEqual({ entries: 4, differences: [] });
}, 120_000);
