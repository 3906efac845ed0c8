import { Readable } from 'node:stream';
import { until, type Service, type Stack } from '@myelin/testing';
import { call, load, type ImportReport, type RecordView } from '../deploy/demo/hub.js';
import { ndjson, ndjsonLine, type ImportRecord } from '../deploy/demo/ndjson.js';
import { readDirectory } from './directory.js';
import { query, startOwnServers, TestInstallation } from './installation.js';
import { university } from './university.js';

const STRUCTURES = 300;
/** The first file is longer than what is written in one transaction, so that a kill can leave a part of it. */
const FIRST_FILE = 1_040;
const NEXT_FILE = 120;
const { structures, persons } = university({ structures: STRUCTURES, persons: FIRST_FILE + 4 * NEXT_FILE });

let stack: Required<Stack>;
let hub: TestInstallation;
let person: Service;
let structure: Service;
let connector: Service;
/** Records that the referentials must hold by now. */
let records = 0;

beforeAll(async () => {
  stack = (await startOwnServers('kill', ['postgres', 'kafka', 'slapd'])) as Required<Stack>;
  hub = await TestInstallation.create('kill', stack.settings);
  [person, structure, connector] = await hub.start('person', 'structure', 'connector-ldap');
}, 120_000);
afterAll(async () => {
  await hub.stop();
  await stack.stop();
}, 120_000);

/** Kills a referential when it has read a part of a file and `ready` says so; the sender sees its import fail. */
async function cutImport(
  referential: Service,
  lines: readonly ImportRecord[],
  part: number,
  ready: () => Promise<boolean>,
): Promise<void> {
  async function* halfAFile() {
    yield lines.slice(0, part).map(ndjsonLine).join('');
    await until('the import should be under way', ready, { everyMs: 5 });
    await referential.kill();
    await new Promise(() => undefined);
  }
  await expect(load(referential.url, 'registry', Readable.from(halfAFile()))).rejects.toThrow();
  await referential.start();
}

const send = (referential: Service, lines: readonly ImportRecord[]): Promise<ImportReport> =>
  load(referential.url, 'registry', ndjson(lines));

const withoutDifference = async () =>
  expect(await hub.converged(records)).toEqual({ entries: records, differences: [] });

const entries = async () => (await readDirectory(hub.directory)).size;

/** Persons in two files, and other persons who change: the victim dies while the first of them arrive in the directory. */
async function round(
  index: number,
  victim: { kill(): Promise<unknown>; start(): Promise<void> },
  hubAnswers: boolean,
): Promise<void> {
  const at = FIRST_FILE + index * NEXT_FILE;
  const changed = persons
    .slice(index * NEXT_FILE, (index + 1) * NEXT_FILE)
    .map((one) => ({ ...one, document: { ...one.document, usageName: `Lefèvre-${'IVXL'[index]}` } }));
  const files = [
    [...persons.slice(at, at + NEXT_FILE / 2), ...changed],
    persons.slice(at + NEXT_FILE / 2, at + NEXT_FILE),
  ];
  const before = await entries();
  await send(person, files[0] ?? []);
  await until('some should be in the directory', async () => (await entries()) > before, {
    everyMs: 1,
    deadlineMs: 60_000,
  });
  await victim.kill();
  const second = await send(person, files[1] ?? []).catch(() => undefined);
  // What a connected server does is no matter of the sender.
  expect(second !== undefined).toBe(hubAnswers);
  await victim.start();
  if (!second) await until('the file should be taken', async () => (await send(person, files[1] ?? [])).rejected === 0);
  records += NEXT_FILE;
  await withoutDifference();
}

it('brings the referentials into the directory, entry by entry, whatever process is killed with -9 on the way', async () => {
  // Each referential dies in the middle of an import, which is sent again.
  const started = async () => (await query(hub.databaseUrl('structure'), 'select id from import_run')).length > 0;
  await cutImport(structure, structures, 200, started);
  expect(await send(structure, structures)).toMatchObject({ created: STRUCTURES, unchanged: 0, rejected: 0 });
  records = STRUCTURES;
  await withoutDifference();

  const written = async () =>
    (await call<{ items: RecordView[] }>('GET', `${person.url}/persons?limit=1`)).items.length > 0;
  await cutImport(person, persons.slice(0, FIRST_FILE), FIRST_FILE - 10, written);
  const again = await send(person, persons.slice(0, FIRST_FILE));
  expect(again.unchanged).toBeGreaterThan(0);
  expect(again).toMatchObject({ created: FIRST_FILE - again.unchanged, rejected: 0 });
  records += FIRST_FILE;
  await withoutDifference();

  const server = (one: { kill(): Promise<unknown>; restart(): Promise<void> }) => ({
    kill: () => one.kill(),
    start: () => one.restart(),
  });
  await round(0, connector, true);
  await round(1, server(stack.kafka), true);
  await round(2, server(stack.slapd), true);
  await round(3, server(stack.postgres), false);

  // Every structure and every tenth person change.
  const relabelled = structures.map((one) => ({
    ...one,
    document: { ...one.document, longLabel: `${one.document.longLabel} (2027)` },
  }));
  const listed = persons
    .filter((_, index) => index % 10 === 0)
    .map((one) => ({ ...one, document: { ...one.document, usageGivenName: 'Camille' } }));
  expect(await send(structure, relabelled)).toMatchObject({ updated: STRUCTURES, rejected: 0 });
  expect(await send(person, listed)).toMatchObject({ updated: listed.length, rejected: 0 });
  await withoutDifference();
  expect(await hub.work()).toEqual({ total: STRUCTURES + persons.length, due: 0, waiting: 0, parked: 0 });
}, 360_000);
