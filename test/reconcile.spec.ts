import { type Service } from '@myelin/testing';
import { addPersons, deleteEntries, readDirectory, setByHand, versions } from './directory.js';
import { TestInstallation } from './installation.js';
import { jobWhen, order, reportOf, resync, type JobView } from './jobs.js';

const SIZE = { structures: 40, persons: 960 };
const RECORDS = SIZE.structures + SIZE.persons;
const FOREIGN = 50;

let hub: TestInstallation;
let connector: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('reconcile');
  ({ connector } = await hub.startUniversity(SIZE));
}, 240_000);
afterAll(() => hub.drop(), 180_000);

const isPerson = (dn: string) => dn.startsWith('uid=');

/** Reads the whole directory and says how it differs. */
const reconcile = async () =>
  jobWhen(connector, await resync(connector, { mode: 'reconcile', planOnly: true }), 'planned');

const execute = async ({ id, planHash }: JobView) =>
  jobWhen(connector, await order(connector, `resyncs/${id}/execute`, { hash: planHash }), 'done');

/** Master ids, or DNs of what carries none, of each finding of a plan. */
async function found(plan: JobView): Promise<Record<string, string[]>> {
  const lines = await reportOf(connector, plan);
  const groups = Map.groupBy(lines, ({ finding }) => finding);
  return Object.fromEntries(
    [...groups].map(([finding, all]) => [finding, all.map((one) => one.id ?? one.targetId!).sort()]),
  );
}

/** The master ids of entries, by DN. */
async function ids(): Promise<Map<string, string>> {
  const entries = [...(await readDirectory(hub.directory))];
  return new Map(
    entries.map(([dn, { supannRefId = [] }]) => [
      dn,
      supannRefId.flatMap((id) => /[0-9a-f]{8}-[-0-9a-f]{27}$/.exec(id) ?? [])[0]!,
    ]),
  );
}

it('reports exactly what people have done to a directory, repairs it, and leaves what is foreign', async () => {
  const all = await ids();
  expect(await found(await reconcile())).toEqual({});

  expect(await deleteEntries(hub.directory)).toBe(RECORDS);
  const wiped = await reconcile();
  expect(await found(wiped)).toEqual({ missing: [...all.values()].sort() });
  await execute(wiped);
  expect(await hub.compare()).toEqual({ entries: RECORDS, differences: [] });

  const dns = [...(await ids()).keys()].sort();
  const edited = dns.filter((_, index) => index % 10 === 0);
  const of = async (chosen: readonly string[]) => {
    const known = await ids();
    return chosen.map((dn) => known.get(dn)!).sort();
  };
  const [persons, structures] = [edited.filter(isPerson), edited.filter((dn) => !isPerson(dn))];
  expect(Math.min(persons.length, structures.length)).toBeGreaterThan(0);
  await setByHand(hub.directory, persons, 'displayName', 'Changed By Hand');
  await setByHand(hub.directory, structures, 'description', 'changed by hand');
  const people = dns.find(isPerson)!.replace(/^[^,]+,/, '');
  const foreign = await addPersons(hub.directory, people, FOREIGN);
  const before = await versions(hub.directory);

  const plan = await reconcile();
  expect(await found(plan)).toEqual({ edited: await of(edited), foreign: [...foreign].sort() });
  expect(await versions(hub.directory)).toEqual(before);
  const { progress } = await execute(plan);
  expect(progress.outcomes).toEqual({ modified: RECORDS / 10 });

  const { entries, differences } = await hub.compare();
  expect([entries, differences.sort()]).toEqual([RECORDS, foreign.map((dn) => `extra entry ${dn}`).sort()]);
  const last = await reconcile();
  expect(await found(last)).toEqual({ foreign: [...foreign].sort() });
  expect(last.plan).toMatchObject({ total: RECORDS, unchanged: RECORDS, actions: [] });
}, 240_000);
