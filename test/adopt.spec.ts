import type { Master } from '@myelin/contracts';
import { until, type Service } from '@myelin/testing';
import { call, load } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { readAll } from './compare-directory.js';
import { metric, query, status, TestInstallation } from './installation.js';
import { jobWhen, order, readJob, reportOf, resync, type JobView } from './jobs.js';
import { OldDirectory, readBytes, type OldEntry } from './old-directory.js';
import { university } from './university.js';

const STRUCTURES = 40;
/** Entries that nobody can tell: two claim one person, or one is two persons. */
const DOUBLES = 40;
const MIXED = 20;
const CONFLICTS = 2 * DOUBLES + MIXED;
const FOREIGN = 300;
const ENTRIES = 5000;
const ADOPTED = ENTRIES - FOREIGN - CONFLICTS;
const IN_DOUBT = DOUBLES + 2 * MIXED;
const PERSONS = ADOPTED - STRUCTURES + IN_DOUBT;
const HOME = { HOME_UAI: '0755890V', EPPN_SCOPE: 'univ.example' };

let hub: TestInstallation;
let person: Service;
let connector: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('adopt');
  const [structure, persons] = await hub.start('structure', 'person');
  person = persons;
  // Externals without an identifier of their own cannot be told by one.
  const { structures, persons: all } = university({ structures: STRUCTURES, persons: PERSONS + 1000 });
  const known = all.filter(({ document: { identifiers = [] } }) => (identifiers ?? []).length > 0).slice(0, PERSONS);
  await load(structure.url, 'open-data', ndjson(structures));
  await load(person.url, 'registry', ndjson(known));
  await fill((await readAll(structure.url, 'structures')) as Master<'structure'>[]);
  connector = await hub.add('connector-ldap', {}, '', { START_AS: 'observe' });
}, 240_000);
afterAll(() => hub.drop(), 180_000);

/** The directory as it was before there was a hub. */
async function fill(structures: readonly Master<'structure'>[]): Promise<void> {
  const old = await OldDirectory.open(hub.directory, HOME);
  const entries: OldEntry[] = structures.map((one) => old.structure(one));
  const persons = (await readAll(person.url, 'persons')) as Master<'person'>[];
  const [doubles, mixed, plain] = [
    persons.slice(0, DOUBLES),
    persons.slice(DOUBLES, IN_DOUBT),
    persons.slice(IN_DOUBT),
  ];
  entries.push(...doubles.flatMap((one) => [old.person(one), old.person(one)]));
  for (let i = 0; i < MIXED; i++) {
    const { dn, attributes } = old.person(mixed[2 * i]!);
    const { attributes: other } = old.person(mixed[2 * i + 1]!);
    const both = (name: string) => [...new Set([...(attributes[name] ?? []), ...(other[name] ?? [])])];
    const keys = ['SUPANNEMPID', 'SUPANNETUID', 'SUPANNCODEINE', 'EDUPERSONORCID'].filter(
      (name) => both(name).length > 0,
    );
    entries.push({ dn, attributes: { ...attributes, ...Object.fromEntries(keys.map((name) => [name, both(name)])) } });
  }
  // Some are named by another attribute.
  entries.push(...plain.map((one, i) => old.person(one, i % 50 === 0 ? 'cn' : 'uid')));
  entries.push(...Array.from({ length: FOREIGN }, () => old.stranger()));
  expect(entries).toHaveLength(ENTRIES);
  await old.add(entries);
  await old.close();
}

/** The version of every entry, whatever it is. */
async function versions(): Promise<Map<string, string>> {
  const entries = await readBytes(hub.directory, []);
  return new Map([...entries].map(([dn, { entryUUID, entryCSN }]) => [entryUUID ?? dn, entryCSN ?? '']));
}

/** The entries that were written, made or removed between two looks. */
const touched = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) =>
  [...new Set([...before.keys(), ...after.keys()])].filter((uuid) => before.get(uuid) !== after.get(uuid));

/** What is the establishment's own in each entry. */
async function foreign(): Promise<Map<string, string>> {
  const names = [
    'uidNumber',
    'gidNumber',
    'homeDirectory',
    'loginShell',
    'roomNumber',
    'jpegPhoto',
    'businessCategory',
  ];
  const classes = (text = '') => text.split('\n').filter((name) => ['posixAccount', 'extensibleObject'].includes(name));
  return new Map(
    [...(await readBytes(hub.directory))].map(([dn, entry]) => [
      entry.entryUUID ?? dn,
      JSON.stringify([...names.map((name) => entry[name]), classes(entry.objectClass)]),
    ]),
  );
}

/** Waits until the connector has nothing in hand, and answers how many entities stand how. */
async function settled(): Promise<Record<string, number>> {
  const count = async () => {
    const { entities } = await status(connector);
    const sum: Record<string, number> = {};
    for (const one of Object.values(entities))
      for (const [name, value] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + Number(value);
    return sum;
  };
  let now = await count();
  await until(
    'the connector should settle',
    async () => {
      now = await count();
      return now.total === STRUCTURES + PERSONS && now.due === 0;
    },
    { deadlineMs: 120_000, everyMs: 200 },
  );
  return now;
}

const plan = async () => jobWhen(connector, await resync(connector, { mode: 'adopt', planOnly: true }), 'planned');
const counts = (job: JobView & { plan: { findings?: { finding: string; count: number }[] } }) => {
  const sums: Record<string, number> = {};
  for (const { finding, count } of job.plan.findings ?? []) sums[finding] = (sums[finding] ?? 0) + count;
  return sums;
};
const modified = () => metric(connector, 'myelin_deliveries_total', { outcome: 'modified' });

it('takes over a directory filled by hand without a modification, then writes what is switched on, once, and only what is its own', async () => {
  const [before, own] = [await versions(), await foreign()];
  await connector.start();
  await settled();
  expect(touched(before, await versions())).toEqual([]);

  const first = await plan();
  expect(counts(first)).toEqual({ adoptable: ADOPTED, conflict: CONFLICTS, foreign: FOREIGN });
  const lines = await reportOf(connector, first);
  expect(lines.filter(({ finding }) => finding === 'foreign').map(({ targetId }) => targetId)).toHaveLength(FOREIGN);
  expect(new Set(lines.map(({ targetId }) => targetId)).size).toBe(ENTRIES);

  const job = await order(connector, `resyncs/${first.id}/execute`, { hash: first.planHash });
  await jobWhen(connector, job, ({ progress }) => (progress.outcomes.adopted ?? 0) > 0);
  await connector.kill();
  await connector.start();
  const middle = await readJob(connector, job);
  const done = await jobWhen(connector, job, 'done');
  expect(middle.progress.done).toBeLessThan(ADOPTED);
  expect(done.progress.outcomes).toEqual({ adopted: ADOPTED });
  const database = hub.databaseUrl('connector-ldap');
  const [ledger] = await query<{ n: number; apart: number; names: number }>(
    database,
    `select count(*)::integer as n, count(distinct target_id)::integer as apart,
            (select count(*)::integer from allocated_name where owner is not null) as names from ledger where adopted`,
  );
  expect(ledger).toEqual({ n: ADOPTED, apart: ADOPTED, names: ADOPTED - STRUCTURES });
  expect(await settled()).toMatchObject({ observed: ADOPTED, parked: IN_DOUBT });
  expect(touched(before, await versions())).toEqual([]);

  // One population is switched on: each of its entries gets the hub's id, and what was out of date, in one go.
  await order(connector, 'control/write', { populations: ['external'] });
  const [switched] = await query<{ n: number }>(
    database,
    `select count(*)::integer as n from ledger l join state s using (entity, id)
      where l.target_id is not null and (entity = 'structure' or s.state->'roles'->'external' is not null)`,
  );
  expect(switched!.n).toBeGreaterThan(STRUCTURES + 10);
  await until('what is switched on should be written', async () => (await modified()) === switched!.n, {
    deadlineMs: 60_000,
  });
  await settled();
  const on = await versions();
  expect(touched(before, on)).toHaveLength(switched!.n);

  const [changing] = await query<{ id: string }>(
    database,
    `select l.id from ledger l join state s using (entity, id) where l.status = 'applied' and s.state->'roles'->'external' is not null order by l.id`,
  );
  const record = await call<{ revision: number }>('GET', `${person.url}/persons/${changing!.id}`);
  const match = { 'if-match': `"${record.revision}"` };
  await call('PATCH', `${person.url}/persons/${changing!.id}`, { usageName: 'Changed' }, match);
  await until('the change should arrive', async () => (await modified()) === switched!.n + 1, { deadlineMs: 60_000 });
  await settled();
  expect(touched(on, await versions())).toHaveLength(1);
  expect(await foreign()).toEqual(own);
  expect(counts(await plan())).toEqual({ conflict: CONFLICTS, foreign: FOREIGN });
}, 300_000);
