import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot, until, type Service } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { addPersons, deleteEntries, findEntry, removeEntries } from './directory.js';
import { TestInstallation } from './installation.js';

const SIZE = { structures: 20, persons: 100 };

let hub: TestInstallation;
let person: Service;
let connector: Service;
let folder: string;

beforeAll(async () => {
  hub = await TestInstallation.create('cli');
  const [deliveries] = await hub.start('deliveries');
  const university = await hub.startUniversity(SIZE);
  ({ person, connector } = university);
  folder = mkdtempSync(join(tmpdir(), 'myelin-cli-'));
  const addresses = {
    ...{ person: person.url, structure: university.structure.url, deliveries: deliveries.url },
    connectors: { ldap: connector.url },
  };
  writeFileSync(join(folder, 'myelin.json'), JSON.stringify(addresses));
}, 240_000);
afterAll(() => hub.drop(), 180_000);

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command as an operator would, in a folder with the addresses. */
function myelin(...args: string[]): Promise<Ended> {
  const program = join(repositoryRoot(), 'apps/cli/bin/myelin.mjs');
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...process.env, USER: 'olga', LOGNAME: 'olga', MYELIN_CONFIG: '' },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (err += text.toString()));
  child.stdin.end();
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

async function told<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await myelin('--json', ...args);
  expect([code, err]).toEqual([0, expect.any(String)]);
  return JSON.parse(out) as T;
}

it('says how everything stands, and what is amiss by its exit code', async () => {
  const status = await myelin('status');
  expect(status).toMatchObject({ code: 0, err: '' });
  expect(status.out).toMatch(/^person +ok/m);
  expect(status.out).toMatch(/^ldap +open +person +100 +100 +0/m);
  // An earlier pulse may still tell of the start.
  await until('the connector should tell that it works', async () =>
    /^ldap +1 instance +open/m.test((await myelin('connectors')).out),
  );
  expect(await myelin('lag', '--most', '600')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^ldap +person +\d+ s/m),
  });
  const doctor = await myelin('doctor');
  expect([doctor.code, doctor.out]).toEqual([0, expect.not.stringContaining('AMISS')]);
  await person.stop();
  try {
    expect(await myelin('status')).toMatchObject({ code: 3, err: 'down: person\n' });
    expect(await myelin('doctor')).toMatchObject({ code: 1, out: expect.stringMatching(/^AMISS +person +answers/m) });
    expect(await myelin('export', 'person')).toMatchObject({ code: 3, err: expect.stringMatching(/does not answer/) });
  } finally {
    await person.start();
  }
}, 120_000);

it('FR-57 an operator lists what a target refused, sees the cause, replays or discards it, and both are in the trail', async () => {
  const people = `ou=people,${hub.directory.baseDn}`;
  const [first, second] = await addPersons(hub.directory, people, 2);
  const ids = await Promise.all(
    [0, 1].map(async (i) => {
      const body = { birthName: 'Guest', givenNames: ['Ada'], identifiers: [{ scheme: 'uid', value: `guest${i}` }] };
      const url = `${person.url}/sources/cli/records/${i}`;
      return (await call<{ recordId: string }>('PUT', url, body)).recordId;
    }),
  );
  type Parked = { ticket: string; id: string; fingerprint: string };
  let parked: Parked[] = [];
  await until('both should be parked', async () => (parked = await told<Parked[]>('parked', '--each')).length === 2, {
    deadlineMs: 60_000,
  });
  expect((await myelin('parked')).out).toMatch(/ person +2 .*another entry has this name/);
  const [one, other] = ids.map((id) => parked.find((each) => each.id === id)!);
  expect((await myelin('parked', one!.ticket)).out).toContain(one!.id);

  // Somebody makes room for the first; the second is left as it is.
  await removeEntries(hub.directory, [first!]);
  expect(await myelin('retry', one!.ticket, '--reason', 'the guest has left')).toMatchObject({
    code: 0,
    out: '1 tried again\n',
  });
  await until('the first should arrive', async () => (await findEntry(hub.directory, one!.id)) !== undefined);
  expect(await myelin('dismiss', other!.ticket)).toMatchObject({ code: 2, err: expect.stringMatching(/--reason/) });
  expect(await myelin('dismiss', other!.ticket, '--reason', 'stays a guest')).toMatchObject({ out: '1 put away\n' });
  expect(await told('parked', '--each')).toEqual([]);
  expect((await myelin('parked', '--dismissed')).out).toContain(other!.ticket);
  const { out } = await myelin('operations');
  expect(out).toMatch(/the guest has left/);
  expect(out).toMatch(/stays a guest/);
  await removeEntries(hub.directory, [second!]);
}, 120_000);

it('plans, shows and carries out bulk work, and tells progress in lines where nobody watches', async () => {
  const empty = await told<{ id: string }>('resync', 'plan', '--mode', 'verify');
  expect((await myelin('resync', 'show', empty.id)).out).toMatch(/\(none\)/);
  await deleteEntries(hub.directory, ({ uid }) => uid !== undefined);
  const report = join(folder, 'report.ndjson');
  const found = await myelin('reconcile', '--report', report);
  expect(found).toMatchObject({ code: 0, out: expect.stringMatching(/^person +missing +10\d/m) });
  const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { finding: string }).finding)).toEqual(lines.map(() => 'missing'));
  const [, plan = ''] = /myelin resync run (\S+)/.exec(found.out) ?? [];
  const run = await myelin('resync', 'run', plan, '--reason', 'emptied by hand');
  expect(run).toMatchObject({ code: 0, out: expect.stringMatching(/^created +10\d/m) });
  for (const line of run.err.trimEnd().split('\n').filter(Boolean))
    expect(JSON.parse(line)).toMatchObject({ done: expect.any(Number), total: expect.any(Number) });
  expect((await myelin('resync', 'list')).out).toMatch(/reconcile +done/);
  expect(await myelin('resync', 'cancel', plan)).toMatchObject({ code: 1 });
  expect(await myelin('resync', 'watch', '00000000-0000-4000-8000-000000000000')).toMatchObject({ code: 4 });
}, 120_000);

it('does not tell a planned undo where values are not to be shown', async () => {
  const jobs = await told<{ items: { id: string; kind: string; mode: string; status: string }[] }>('resync', 'list');
  const { id } = jobs.items.find(({ mode, status }) => mode === 'reconcile' && status === 'done')!;
  const plan = await told<{ id: string }>('resync', 'undo', id, '--reason', 'to look at');
  expect(await myelin('resync', 'script', plan.id)).toMatchObject({
    ...{ code: 1, out: '', err: expect.stringMatching(/EXPLAIN_VALUES=yes/) },
  });
}, 120_000);

it('does not suspend or delete unless it is told twice', async () => {
  const records = (await myelin('export', 'person', '--status', 'active')).out.trimEnd().split('\n');
  const { id } = JSON.parse(records[0]!) as { id: string };
  await myelin('observe', '--reason', 'to look first');
  expect((await myelin('status')).out).toMatch(/^ldap +observing +person/m);
  await call('POST', `${person.url}/persons/${id}/deactivation`, {});
  await until('the difference should be noted', async () => {
    const { items } = await call<{ items: object[] }>('GET', `${connector.url}/troubles?kind=observed`);
    return items.length === 1;
  });
  expect((await myelin('explain', id, '--differing')).out).toMatch(/supannRessourceEtat +to be changed/);
  const plan = await told<{ id: string; plan: { actions: object[] } }>('resync', 'plan', '--id', id);
  expect(plan.plan.actions).toMatchObject([{ action: 'suspend', count: 1 }]);
  await myelin('write', '--reason', 'looked at');
  await until('the change should arrive', async () => {
    const entry = await findEntry(hub.directory, id);
    return entry?.supannRessourceEtat?.some((state) => state.includes('I:SupannInactif')) === true;
  });
  const run = await myelin('resync', 'run', plan.id);
  expect(run).toMatchObject({ code: 0, err: expect.stringMatching(/add --no-dry-run/) });
  expect((await myelin('trace', id)).out).toMatch(/delivered ldap suspended|delivered ldap modified/);
}, 120_000);

it('takes over what was in a directory before: plan, conflicts for people to decide, one population after the other', async () => {
  await myelin('observe', '--reason', 'to look first');
  const people = `ou=people,${hub.directory.baseDn}`;
  const [first, second] = await addPersons(hub.directory, people, 2, { supannEmpId: '99000001' }, 'old');
  const body = {
    ...{ birthName: 'Adopted', givenNames: ['Ada'], identifiers: [{ scheme: 'siham', value: '99000001' }] },
    roles: { resource: [{ population: 'RGPFT' }] },
  };
  const { recordId } = await call<{ recordId: string }>('PUT', `${person.url}/sources/cli/records/adopted`, body);
  await until('the record should be known', async () => (await myelin('explain', recordId)).code === 0);
  const found = await myelin('adopt');
  expect(found).toMatchObject({ code: 0, out: expect.stringMatching(/^person +conflict +2$/m) });
  const [, plan = ''] = /myelin resync run (\S+)/.exec(found.out) ?? [];
  expect(await myelin('resync', 'run', plan, '--reason', 'looked at')).toMatchObject({ code: 0 });
  const conflicts = await myelin('conflicts');
  expect(conflicts.out).toContain(recordId);
  expect(conflicts.out).toContain(`${first} | ${second}`);
  const decide = ['conflicts', 'decide', 'person', recordId];
  expect(await myelin(...decide, '--reason', 'no')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/--adopt or/),
  });
  expect(await myelin(...decide, '--adopt', second!, '--reason', 'same person')).toMatchObject({ code: 0 });
  expect((await myelin('conflicts')).out).toMatch(/\(none\)/);

  const written = await myelin('write', '--population', 'resource', '--reason', 'the first');
  expect((await myelin('status')).out).toMatch(/^ldap +open for resource +person/m);
  expect(written.out).toMatch(/^written: resource; the rest is observed$/m);
  await until('the entry should get the id', async () => (await findEntry(hub.directory, recordId)) !== undefined);
  expect(await findEntry(hub.directory, recordId)).toMatchObject({ uid: ['old1'], sn: ['Adopted'] });
  await myelin('write', '--reason', 'all');
  expect((await myelin('adopt')).out).toMatch(/^person +conflict +1$/m);
  await removeEntries(hub.directory, [first!]);
}, 120_000);

it('loads files, gives records back, and publishes them again', async () => {
  const file = join(folder, 'persons.ndjson');
  const good = { sourceId: 'n1', birthName: 'Néel', givenNames: ['Louis'] };
  writeFileSync(file, `${JSON.stringify(good)}\n${JSON.stringify({ ...good, sourceId: 'n2', birthName: '' })}\n`);
  const loaded = await myelin('import', 'person', file, '--source', 'files');
  expect(loaded).toMatchObject({ code: 1, out: expect.stringMatching(/^ *2 +birthName/m) });
  expect(loaded.err).toMatch(/1 lines were refused/);
  const { out } = await myelin('export', 'person');
  const record = out.split('\n').find((line) => line.includes('Néel'))!;
  const { id } = JSON.parse(record) as { id: string };
  expect(await myelin('republish', 'person', id, '--reason', 'lost')).toMatchObject({
    code: 0,
    out: '1 records, 1 queued\n',
  });
  expect(await myelin('republish', 'person', '--reason', 'lost')).toMatchObject({ code: 2 });
  expect(await myelin('trace', id)).toMatchObject({ code: 0, out: expect.stringContaining(id) });
}, 120_000);

it('compares a source with the hub, and repairs only when it is told to', async () => {
  const file = join(folder, 'source.ndjson');
  const lines = ['s1', 's2'].map((sourceId) => ({ sourceId, birthName: 'Curie', givenNames: [sourceId] }));
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'));
  const compare = (...args: string[]) => myelin('compare', 'person', file, '--source', 'apogee', ...args);
  const found = join(folder, 'found.ndjson');
  const dry = await compare('--report', found);
  expect(dry).toMatchObject({ code: 1, out: expect.stringMatching(/^missing +2\n2 read, 0 repaired/m) });
  expect(readFileSync(found, 'utf8').trim().split('\n')).toHaveLength(2);
  expect(await compare('--repair')).toMatchObject({ code: 0, out: expect.stringMatching(/2 read, 2 repaired/) });
  expect(await compare()).toMatchObject({ code: 0, out: expect.stringMatching(/\(none\)\n2 read, 0 repaired/) });
}, 120_000);

it('says what is wrong with a command, and completes it in a shell', async () => {
  expect(await myelin('resink')).toMatchObject({ code: 2, err: expect.stringMatching(/unknown command 'resink'/) });
  expect(await myelin('--config', '/nowhere.json', 'status')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no addresses/),
  });
  expect(await myelin('--connector', 'siham', 'parked')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no address of a connector siham/),
  });
  const { out } = await myelin('completion', 'bash');
  const script = `${out}\nCOMP_WORDS=(myelin resync wa); COMP_CWORD=2; _myelin; echo "$COMPREPLY"`;
  const bash = spawn('bash', ['-c', script]);
  let said = '';
  bash.stdout.on('data', (text: Buffer) => (said += text.toString()));
  await new Promise((resolve) => bash.once('close', resolve));
  expect(said.trim()).toBe('watch');
});

it('tries an overlay on records, and tells what is wrong with one', async () => {
  const preview = (overlay: object, ...options: string[]) => {
    writeFileSync(join(folder, 'overlay.json'), JSON.stringify(overlay));
    return myelin('overlay', 'preview', 'ldap', '--file', 'overlay.json', '--entity', 'person', ...options);
  };
  const tried = await preview({ person: { set: { description: `'tried'` } } }, '--count', '3');
  expect([tried.code, tried.out.match(/^\S{36} +change +description +added$/gm)]).toEqual([0, expect.any(Array)]);
  expect(tried.out.match(/added/g)).toHaveLength(3);
  expect(
    await preview({ person: { set: { description: '$number(record.birthName)' } } }, '--count', '1'),
  ).toMatchObject({
    code: 1,
    out: expect.stringMatching(/failed .*description fails with JSONata error D3030/),
    err: expect.stringMatching(/1 records would be parked/),
  });
  expect(await preview({ person: { set: { uid: `'x'` } } })).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^ +person\.set\.uid names, finds or closes the entry/m),
  });
  expect(await myelin('overlay', 'preview', '--file', 'none.json', '--entity', 'person')).toMatchObject({ code: 2 });
}, 60_000);
