import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot, runLdapTool, type Service } from '@myelin/testing';
import { load } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { addEntry, deleteEntries, dumpDirectory, readDirectory, renameEntry, setByHand } from './directory.js';
import { TestInstallation } from './installation.js';
import { jobWhen, order, resync } from './jobs.js';
import { university } from './university.js';

const run = promisify(execFile);

const SIZE = { structures: 10, persons: 60 };
const RECORDS = SIZE.structures + SIZE.persons;

let hub: TestInstallation;
let connector: Service;

beforeAll(async () => {
  hub = await TestInstallation.create('undo-script');
  const [structure, person] = await hub.start('structure', 'person');
  connector = await hub.add('connector-ldap', {}, '', { EXPLAIN_VALUES: 'yes' });
  await connector.start();
  const { structures, persons } = university(SIZE);
  await load(structure.url, 'open-data', ndjson(structures));
  await load(person.url, 'registry', ndjson(persons));
  expect(await hub.converged(RECORDS)).toEqual({ entries: RECORDS, differences: [] });
}, 240_000);
afterAll(() => hub.drop(), 180_000);

/** What people do to a directory: edited, renamed and deleted entries, and one that carries a master id and must not be there. */
async function byHand(): Promise<void> {
  const entries = await readDirectory(hub.directory);
  const dns = [...entries.keys()].sort();
  const [persons, structures] = [dns.filter((dn) => dn.startsWith('uid=')), dns.filter((dn) => !dn.startsWith('uid='))];
  await setByHand(hub.directory, persons.slice(0, 10), 'displayName', ': Zoë, <été> ');
  await setByHand(
    hub.directory,
    structures.slice(0, 3),
    'description',
    `une ligne\nune autre ${'très '.repeat(30)}longue`,
  );
  await renameEntry(hub.directory, persons[10]!, persons[10]!.replace(/^uid=[^,]+/, 'uid=by hand\\2C or so'));
  const gone = persons.slice(11, 16);
  expect(await deleteEntries(hub.directory, (_, dn) => gone.includes(dn))).toBe(gone.length);

  const model = structures.find((dn) => entries.get(dn)!.ou !== undefined)!;
  const attributes = Object.entries(entries.get(model)!).filter(
    ([name, values]) => !name.startsWith('entry') && values.length > 0,
  );
  const [hubId = ''] = entries.get(model)!.supannRefId!.filter((id) => /[0-9a-f]{8}-[-0-9a-f]{27}$/.test(id));
  await addEntry(hub.directory, model.replace(/^[^,]+/, 'supannCodeEntite=GHOST'), {
    ...Object.fromEntries(attributes.map(([name, values]) => [name, [...values]])),
    ...{ supannCodeEntite: 'GHOST', supannRefId: hubId.replace(/[^}]+$/, randomUUID()), ou: 'Ghosts, & co' },
  });
}

it('an undo told as LDIF brings a directory exactly back, by the tools of the directory alone', async () => {
  await byHand();
  const before = await dumpDirectory(hub.directory);
  const repair = await jobWhen(connector, await resync(connector, { mode: 'reconcile' }), 'done');
  expect(repair.progress.outcomes).toEqual({ modified: 14, created: 5, removed: 1 });
  expect(await hub.compare()).toEqual({ entries: RECORDS, differences: [] });

  const undo = { reason: 'a mistake', planOnly: true };
  const plan = await jobWhen(connector, await order(connector, `resyncs/${repair.id}/undo`, undo), 'planned');
  const answer = await fetch(`${connector.url}/resyncs/${plan.id}/script`);
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('content-disposition')]).toEqual([
    ...[200, 'text/x-ldif', `attachment; filename="undo-${plan.id}.ldif"`],
  ]);
  const text = await answer.text();
  expect(text).toMatch(/^version: 1\n\ndn/);
  expect(
    text
      .match(/^changetype: \w+$/gm)
      ?.map((line) => line.slice(12))
      .sort()
      .join(' '),
  ).toBe(`add ${'delete '.repeat(5)}${'modify '.repeat(13)}modrdn`);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(76);
  expect(await (await fetch(`${connector.url}/resyncs/${plan.id}/script`)).text()).toBe(text);

  writeFileSync(join(hub.names.logs, 'myelin.json'), JSON.stringify({ connectors: { ldap: connector.url } }));
  const program = join(repositoryRoot(), 'apps/cli/bin/myelin.mjs');
  const told = await run(process.execPath, [program, 'resync', 'script', plan.id], { cwd: hub.names.logs });
  expect(told.stdout).toBe(text);

  const file = join(hub.names.logs, 'undo.ldif');
  writeFileSync(file, text, { mode: 0o600 });
  await runLdapTool('ldapmodify', hub.directory, ['-f', file]);
  expect(await dumpDirectory(hub.directory)).toEqual(before);
}, 240_000);
