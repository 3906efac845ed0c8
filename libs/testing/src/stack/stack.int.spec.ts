import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client as LdapClient, ConstraintViolationError } from 'ldapts';
import { Kafka as KafkaClient, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { createDatabase, dropDatabase } from './database';
import { createSubtree, removeSubtree } from './directory';
import { startStack, suiteName, type Stack } from './stack';

const dir = join(process.env['MYELIN_LOCAL'] ?? '', suiteName('stack'));
const named = ['DATABASE_URL', 'KAFKA_BROKERS', 'LDAP_URL'];
const environment = { ...process.env };
let stack: Stack;

beforeAll(async () => {
  // The servers of the run are named; this suite kills, so it needs its own.
  for (const name of named) delete process.env[name];
  stack = await startStack({ dir, mode: 'durable', servers: { kafka: { heap: '256m' } } });
}, 60_000);

afterAll(async () => {
  await stack?.stop();
  Object.assign(process.env, environment);
  rmSync(dir, { recursive: true, force: true });
});

describe('after kill -9 and a restart on the same port', () => {
  it('PostgreSQL has every committed row', async () => {
    const { postgres } = stack;
    const url = await createDatabase(postgres!.url, 'kept');
    await query(url, 'create table kept as select 1 as n');
    await postgres!.kill();
    await expect(query(url, 'select n from kept')).rejects.toThrow();
    await postgres!.restart();
    expect(await query(url, 'select n from kept')).toEqual([{ n: 1 }]);
    await dropDatabase(postgres!.url, 'kept');
    await expect(query(url, 'select 1')).rejects.toThrow('does not exist');
  });

  it('OpenLDAP has every entry', async () => {
    const { slapd } = stack;
    const dn = `uid=kept,ou=people,${slapd!.baseDn}`;
    await onDirectory((client) => client.add(dn, person('kept')));
    await slapd!.kill();
    await slapd!.restart();
    const { searchEntries } = await onDirectory((client) => client.search(dn, { scope: 'base' }));
    expect(searchEntries).toMatchObject([{ uid: 'kept' }]);
  });

  it('Kafka has every topic', async () => {
    const { kafka } = stack;
    const client = new KafkaClient({ brokers: [kafka!.brokers], logLevel: logLevel.NOTHING });
    const topics = async () => {
      const admin = client.admin();
      await admin.connect();
      await admin.createTopics({ topics: [{ topic: 'kept' }] });
      const names = await admin.listTopics();
      await admin.disconnect();
      return names;
    };
    const before = await topics();
    await kafka!.kill();
    await kafka!.restart();
    expect(await topics()).toEqual(before);
  });
});

describe('the directory', () => {
  it('refuses a second person of the university with the same uid or principal name', async () => {
    const people = `ou=people,${stack.slapd!.baseDn}`;
    await onDirectory((client) => client.add(`uid=one,${people}`, person('one')));
    for (const twin of [
      { ...person('one'), cn: 'twin' },
      { ...person('two'), eduPersonPrincipalName: 'one@univ-exemple.fr' },
    ]) {
      const adding = onDirectory((client) => client.add(`cn=twin,${people}`, { ...twin, cn: 'twin' }));
      await expect(adding).rejects.toBeInstanceOf(ConstraintViolationError);
    }
  });

  it('lets a group forget its members who leave', async () => {
    const { baseDn } = stack.slapd!;
    const [staying, leaving] = ['staying', 'leaving'].map((uid) => `uid=${uid},ou=people,${baseDn}`) as [
      string,
      string,
    ];
    const group = `cn=group,ou=groups,${baseDn}`;
    const members = await onDirectory(async (client) => {
      for (const dn of [staying, leaving]) await client.add(dn, person(dn.slice(4, 11)));
      await client.add(group, { objectClass: 'groupOfNames', member: [staying, leaving] });
      const [entry] = (await client.search(staying, { scope: 'base', attributes: ['memberOf'] })).searchEntries;
      expect(entry).toMatchObject({ memberOf: group });
      await client.del(leaving);
      return (await client.search(group, { scope: 'base' })).searchEntries[0]?.['member'];
    });
    expect(members).toBe(staying);
  });

  it('gives each suite a tree of its own, again and again', async () => {
    const one = await createSubtree(stack.slapd!, 'one');
    const two = await createSubtree(stack.slapd!, 'two');
    expect(await createSubtree(stack.slapd!, 'one')).toEqual(one);
    await onDirectory(async (client) => {
      for (const { baseDn } of [one, two]) await client.add(`uid=same,ou=people,${baseDn}`, person('same'));
    });
    await removeSubtree(one);
    await removeSubtree(one);
    const found = await onDirectory((client) =>
      client.search(stack.slapd!.baseDn, { scope: 'sub', filter: '(uid=same)', attributes: ['1.1'] }),
    );
    expect(found.searchEntries.map((entry) => entry.dn)).toEqual([`uid=same,ou=people,${two.baseDn}`]);
  });

  it('shows nothing to somebody who did not say who they are', async () => {
    const client = new LdapClient({ url: stack.slapd!.url });
    const searching = client.search(stack.slapd!.baseDn, { scope: 'sub' });
    await expect(searching).rejects.toThrow();
    await client.unbind();
  });
});

function person(uid: string) {
  const objectClass = ['inetOrgPerson', 'eduPerson', 'supannPerson'];
  return { objectClass, uid, cn: uid, sn: uid, eduPersonPrincipalName: `${uid}@univ-exemple.fr` };
}

async function query(url: string, sql: string): Promise<object[]> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query<object>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function onDirectory<T>(work: (client: LdapClient) => Promise<T>): Promise<T> {
  const { url, bindDn, password } = stack.slapd!;
  const client = new LdapClient({ url });
  try {
    await client.bind(bindDn, password);
    return await work(client);
  } finally {
    await client.unbind();
  }
}
