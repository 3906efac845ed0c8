import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  eventId,
  eventSource,
  eventType,
  masterValidator,
  newCorrelationId,
  referentialTopic,
  type EventAttributes,
  type Master,
} from '@myelin/contracts';
import { Publisher } from '@myelin/messaging';
import { createLogger } from '@myelin/platform';
import { isAlive, repositoryRoot, runLdapTool, until, type Service } from '@myelin/testing';
import { addEntry, findEntry, readDirectory } from './directory.js';
import { TestInstallation } from './installation.js';

const run = promisify(execFile);

const STRUCTURE = '01938c5e-0000-7000-8000-000000000011';
const PERSON = '01938c5e-0000-7000-8000-000000000101';
/** What the process is made of. */
const LIBRARIES = ['connector', 'connector-runtime', 'contracts', 'messaging', 'platform'];

let hub: TestInstallation;
let connector: Service;
const publishers: Publisher[] = [];

beforeAll(async () => {
  hub = await TestInstallation.create('supann');
  connector = await hub.add('connector-ldap');
}, 60_000);
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await hub.drop();
}, 180_000);

const structure = (fields: Partial<Master<'structure'>> = {}): Master<'structure'> => ({
  ...{ id: STRUCTURE, status: 'active', code: 'LIEX', shortLabel: 'LIEX', longLabel: 'Laboratoire', type: 'S203' },
  ...fields,
});
const person = (fields: Partial<Master<'person'>> = {}): Master<'person'> => ({
  ...{ id: PERSON, status: 'active', birthName: 'Fontaine', givenNames: ['Cécile'], civility: 'MME' },
  roles: { resource: [{ population: 'RGPFT', from: '2020-09-01', affectations: [{ structure: 'code:LIEX' }] }] },
  ...fields,
});

/** Publishes a state as anybody may who has the contracts: no service of the hub runs here. */
async function publish<E extends 'person' | 'structure'>(entity: E, state: Master<E>, revision: number): Promise<void> {
  expect(masterValidator(entity)(state)).toEqual([]);
  const contract = referentialTopic(entity);
  const publisher = new Publisher({ client: hub.kafka, contract, logger: createLogger('supann', 'fatal') });
  publishers.push(publisher);
  const attributes: EventAttributes = {
    ...{ id: eventId(state.id, 1, revision), source: eventSource(entity), type: eventType(entity, 'updated') },
    ...{ subject: state.id, time: new Date().toISOString(), dataschema: `urn:myelin:master:${entity}:1` },
    ...{ correlationid: newCorrelationId(), epoch: 1, revision },
  };
  await publisher.send([{ attributes, data: state }]);
}

const entryOf = (id: string) => findEntry(hub.directory, id);

it('FR-19 the SUPANN connector, a process of its own, creates, updates and removes entries of a standard directory as published states say', async () => {
  await publish('structure', structure(), 1);
  await publish('person', person(), 1);
  expect((await readDirectory(hub.directory)).size).toBe(0);
  await connector.start();
  expect([connector.pid !== process.pid, isAlive(connector.pid)]).toEqual([true, true]);

  await until('the person should be in the directory', async () => (await entryOf(PERSON)) !== undefined);
  expect(await entryOf(STRUCTURE)).toMatchObject({
    ...{ supannCodeEntite: ['LIEX'], supannTypeEntite: ['{SUPANN}S203'], description: ['Laboratoire'] },
    objectClass: expect.arrayContaining(['supannEntite']),
  });
  expect(await entryOf(PERSON)).toMatchObject({
    ...{ sn: ['Fontaine'], supannCivilite: ['Mme'], supannEntiteAffectation: ['LIEX'] },
    objectClass: expect.arrayContaining(['supannPerson']),
  });

  await publish('structure', structure({ longLabel: 'Laboratoire des données' }), 2);
  await publish('person', person({ usageName: 'Élan' }), 2);
  await until('both should be updated', async () => {
    const [unit, who] = [await entryOf(STRUCTURE), await entryOf(PERSON)];
    return unit?.description?.[0] === 'Laboratoire des données' && who?.sn?.includes('Élan') === true;
  });

  // Suspended for its grace, and removed at once where nothing may be kept.
  await publish('person', person({ usageName: 'Élan', status: 'deleted' }), 3);
  await until('the person should be suspended', async () =>
    Boolean((await entryOf(PERSON))?.supannRessourceEtat?.every((state) => /^\{[^}]+\}[^A]/.test(state))),
  );
  await publish('person', person({ status: 'erased' }), 4);
  await publish('structure', structure({ status: 'deleted' }), 3);
  await until('both should be gone', async () => (await readDirectory(hub.directory)).size === 0);
}, 120_000);

it('FR-19 the directory holds every entry to the SUPANN schema', async () => {
  const schema = await runLdapTool('ldapsearch', hub.directory, [
    ...['-LLL', '-o', 'ldif-wrap=no', '-s', 'base', '-b', 'cn=Subschema', 'objectClasses', 'attributeTypes'],
  ]);
  for (const name of ['supannPerson', 'supannEntite', 'supannCivilite', 'supannRessourceEtat'])
    expect(schema).toMatch(new RegExp(`NAME '${name}'`));
  const refused = async (fields: Record<string, string | string[]>, classes: string[] = []) => {
    const dn = `uid=x,ou=people,${hub.directory.baseDn}`;
    const entry = { objectClass: ['inetOrgPerson', ...classes], uid: 'x', cn: 'X', sn: 'X', ...fields };
    return addEntry(hub.directory, dn, entry).then(
      () => 'taken',
      ({ code }: { code: number }) => code,
    );
  };
  // Undefined attribute, attribute of a class that the entry does not have, value against the syntax, required attribute missing.
  expect(await refused({ supannUnheardOf: 'x' }, ['supannPerson'])).toBe(17);
  expect(await refused({ supannCivilite: 'Mme' })).toBe(65);
  expect(await refused({ supannCivilite: 'é' }, ['supannPerson'])).toBe(21);
  expect(await refused({}, ['supannEntite'])).toBe(65);
});

describe('FR-19 the SUPANN connector depends on published contracts only', () => {
  interface Graph {
    readonly modules: { source: string; dependencies: { resolved: string }[] }[];
  }

  /** The files of ours that a program is made of, as its imports say. */
  async function filesOf(program: string): Promise<string[]> {
    const cruiser = 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs';
    const args = [cruiser, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', program];
    const { stdout } = await run(process.execPath, args, { cwd: repositoryRoot(), maxBuffer: 1e9 });
    const { modules } = JSON.parse(stdout) as Graph;
    const imports = new Map(modules.map(({ source, dependencies }) => [source, dependencies]));
    const found = new Set([program]);
    for (const file of found) for (const { resolved } of imports.get(file) ?? []) found.add(resolved);
    return [...found].filter((file) => /^(apps|libs)\//.test(file));
  }
  const partsOf = (files: readonly string[], folder: string) =>
    [...new Set(files.flatMap((file) => new RegExp(`^${folder}/([^/]+)/`).exec(file)?.[1] ?? []))].sort();

  it('no import of it reaches a referential or another application', async () => {
    const files = await filesOf('apps/connector-ldap/src/main.ts');
    expect(files.length).toBeGreaterThan(100);
    expect(partsOf(files, 'apps')).toEqual(['connector-ldap']);
    expect(partsOf(files, 'libs')).toEqual(LIBRARIES);
  }, 120_000);

  it('would be told if it did', async () => {
    const files = await filesOf('apps/person/src/main.ts');
    expect(partsOf(files, 'libs')).toContain('referential');
  }, 120_000);
});
