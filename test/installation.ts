import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { referentialTopic, type Entity } from '@myelin/contracts';
import { createKafka, type KafkaClient } from '@myelin/messaging';
import { createLogger } from '@myelin/platform';
import {
  createSubtree,
  dropDatabase,
  freePorts,
  ldapAccess,
  removeSubtree,
  Service,
  startStack,
  suiteName,
  until,
  type Installation,
  type LdapAccess,
  type ServiceName,
  type Stack,
  type StackSettings,
} from '@myelin/testing';
import { call, load, type EntityStatus } from '../deploy/demo/hub.js';
import { ndjson } from '../deploy/demo/ndjson.js';
import { deleteTopics, readTopic } from '../libs/messaging/test/bed.js';
import { compareDirectory, type Compared } from './compare-directory.js';
import { university } from './university.js';

/** Settings of the directory connector: the university of the demonstration. */
const DIRECTORY = { HOME_UAI: '0755890V', EPPN_SCOPE: 'univ.example' };
/** What tests do to a directory by hand stays until they ask for more. */
const STILL = { VERIFY_PER_HOUR: '0' };
const CONVERGED_MS = 180_000;

/** Folder of the run: logs of the services, data of the servers that a suite has for itself. */
export const folderOf = (suite: string) => join(process.env.MYELIN_LOCAL ?? '.local/end-to-end', suite);

/** The services of a university. */
export interface University {
  readonly structure: Service;
  readonly person: Service;
  readonly connector: Service;
}

/** A connector with a database and a subtree of its own, and that subtree. */
export interface OtherDirectory {
  readonly connector: Service;
  readonly directory: LdapAccess;
}

/** One installation of Myelin, with names of its own on servers that other suites may use at the same time. */
export class TestInstallation {
  private readonly services: Service[] = [];
  private readonly others: (OtherDirectory & { readonly database: string })[] = [];

  private constructor(
    readonly names: Installation,
    readonly directory: LdapAccess,
    /** Access to the topics under the prefix of this installation. */
    readonly kafka: KafkaClient,
  ) {}

  /** Makes room for an installation; `servers` are those that the environment names unless given. */
  static async create(suite: string, servers: StackSettings = process.env): Promise<TestInstallation> {
    const name = suiteName(suite);
    const logs = folderOf(name);
    mkdirSync(logs, { recursive: true });
    const directory = await createSubtree(ldapAccess(servers), name);
    const names = {
      servers: { ...servers, LDAP_BASE_DN: directory.baseDn },
      databasePrefix: `${name.replaceAll('-', '_')}_`,
      topicPrefix: `${name}.`,
      logs,
    };
    const brokers = (servers.KAFKA_BROKERS ?? '').split(',');
    const logger = createLogger(suite, 'fatal');
    const kafka = createKafka({ brokers, clientId: suite, topicPrefix: names.topicPrefix, logger });
    return new TestInstallation(names, directory, kafka);
  }

  /** A service that is not started yet; `names` says what it does otherwise, `instance` tells two of one kind apart. */
  async add(
    name: ServiceName,
    names: Partial<Installation> = {},
    instance = '',
    settings: Record<string, string> = {},
  ): Promise<Service> {
    const [port = 0] = await freePorts(1);
    const service = new Service(
      name,
      port,
      { ...this.names, ...names },
      { ...DIRECTORY, ...STILL, ...settings },
      instance,
    );
    this.services.push(service);
    return service;
  }

  /** Another directory connector, not started yet: an empty database and an empty subtree, fed from the same topics. */
  async addDirectory(name: string): Promise<OtherDirectory> {
    // Beside that of the first connector, which would count what stands below its own.
    const [, suite = '', baseDn = ''] = /^ou=([^,]+),(.+)$/.exec(this.directory.baseDn) ?? [];
    const directory = await createSubtree({ ...this.directory, baseDn }, `${suite}-${name}`);
    const databasePrefix = `${this.names.databasePrefix}${name}_`;
    const servers = { ...this.names.servers, LDAP_BASE_DN: directory.baseDn };
    const connector = await this.add('connector-ldap', { servers, databasePrefix }, `-${name}`, {
      CONNECTOR_NAME: `ldap-${name}`,
    });
    const other = { connector, directory };
    this.others.push({ ...other, database: `${databasePrefix}connector_ldap` });
    return other;
  }

  /** Starts one service of each name. */
  async start<N extends ServiceName[]>(...names: N): Promise<{ [K in keyof N]: Service }> {
    const services: Service[] = [];
    for (const name of names) services.push(await this.add(name));
    await Promise.all(services.map((service) => service.start()));
    return services as { [K in keyof N]: Service };
  }

  /** Starts both referentials and the connector, and waits until the directory has a university of that size. */
  async startUniversity(
    size: { structures: number; persons: number },
    settings: Record<string, string> = {},
  ): Promise<University> {
    const connector = await this.add('connector-ldap', {}, '', settings);
    const [[structure, person]] = await Promise.all([this.start('structure', 'person'), connector.start()]);
    const { structures, persons } = university(size);
    await load(structure.url, 'open-data', ndjson(structures));
    await load(person.url, 'registry', ndjson(persons));
    const expected = { entries: size.structures + size.persons, differences: [] };
    expect(await this.converged(expected.entries)).toEqual(expected);
    return { structure, person, connector };
  }

  /** The database of a service. */
  databaseUrl(name: ServiceName): string {
    const url = new URL(this.names.servers.DATABASE_URL ?? '');
    url.pathname = `/${this.databaseName(name)}`;
    return url.href;
  }

  databaseName(name: string): string {
    return this.names.databasePrefix + name.replace('-', '_');
  }

  /** A directory against the referentials, entry by entry, as it should be on that day. */
  compare(directory = this.directory, today?: string): Promise<Compared> {
    return compareDirectory({
      persons: this.find('person').url,
      structures: this.find('structure').url,
      directory,
      settings: DIRECTORY,
      ...(today !== undefined && { today }),
    });
  }

  /** Waits until the connector has nothing to do and the directory equals the referentials; answers the last comparison. */
  async converged(entries: number, other?: OtherDirectory): Promise<Compared> {
    let compared: Compared = { entries: 0, differences: [] };
    const ready = async () => {
      const { total, due } = await this.work(other?.connector);
      if (due > 0 || total < entries) compared = { entries: total, differences: [`${due} of the entities are due`] };
      else compared = await this.compare(other?.directory);
      return compared.entries === entries && compared.differences.length === 0;
    };
    const told = (error: Error) => {
      compared = { entries: 0, differences: [error.message] };
      return false;
    };
    await until('the directory should equal the referentials', () => ready().catch(told), {
      deadlineMs: CONVERGED_MS,
      everyMs: 250,
    }).catch(() => undefined);
    return compared;
  }

  /** What the connector says of persons and structures together. */
  async work(
    connector = this.find('connector-ldap'),
  ): Promise<{ total: number; due: number; waiting: number; parked: number }> {
    const { entities } = await status(connector);
    const sum = (field: 'total' | 'due' | 'waiting' | 'parked') =>
      Object.values(entities).reduce((all, entity) => all + (entity[field] ?? 0), 0);
    return { total: sum('total'), due: sum('due'), waiting: sum('waiting'), parked: sum('parked') };
  }

  /** Waits until all that was written is on the topics and the connector, since its start, has taken every message. */
  async taken(): Promise<void> {
    await until(
      'everything should be published',
      async () => (await Promise.all(this.referentials().map(outboxRows))).every((rows) => rows === 0),
      { deadlineMs: CONVERGED_MS, everyMs: 100 },
    );
    const topics = await Promise.all(
      this.referentials().map(({ name }) => readTopic(this.kafka, referentialTopic(name as Entity).name)),
    );
    const messages = topics.flat().length;
    await until(
      `the connector should take ${messages} messages`,
      async () => (await metric(this.find('connector-ldap'), 'myelin_consumer_events_total')) >= messages,
      { deadlineMs: CONVERGED_MS, everyMs: 100 },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop()));
  }

  /** Stops the services and removes what they left on the servers. */
  async drop(): Promise<void> {
    await this.stop();
    const server = this.names.servers.DATABASE_URL ?? '';
    for (const { name } of this.services) await dropDatabase(server, this.databaseName(name));
    for (const { database, directory } of this.others) {
      await dropDatabase(server, database);
      await removeSubtree(directory);
    }
    await deleteTopics(this.kafka);
    await removeSubtree(this.directory);
  }

  private referentials(): Service[] {
    return [this.find('structure'), this.find('person')];
  }

  private find(name: ServiceName): Service {
    const service = this.services.find((one) => one.name === name);
    if (!service) throw new Error(`this installation has no ${name}`);
    return service;
  }
}

const VARIABLES = {
  postgres: ['DATABASE_URL'],
  kafka: ['KAFKA_BROKERS'],
  slapd: ['LDAP_URL', 'LDAP_BIND_DN', 'LDAP_PASSWORD', 'LDAP_BASE_DN'],
};

/** Servers that a suite has for itself, so that it may kill them; the others are those of the run. */
export async function startOwnServers<S extends keyof typeof VARIABLES>(
  suite: string,
  own: readonly S[],
): Promise<Stack & Required<Pick<Stack, S>>> {
  // A server that the environment names would be used instead of a new one.
  for (const variable of own.flatMap((server) => VARIABLES[server])) delete process.env[variable];
  const stack = await startStack({ dir: folderOf(suiteName(`${suite}-servers`)), mode: 'durable' });
  return stack as Stack & Required<Pick<Stack, S>>;
}

/** The answer of `/health`. */
export interface HealthView {
  status: string;
  checks: Record<string, { status: string; detail?: string }>;
}

const outboxRows = (referential: Service) => metric(referential, 'myelin_outbox_rows');

export const health = (service: Service) => call<HealthView>('GET', `${service.url}/health`);

/** The answer of a connector's `/status`. */
export const status = (connector: Service) =>
  call<{ work: { state: string }; entities: Record<string, EntityStatus>; aside: number }>(
    'GET',
    `${connector.url}/status`,
  );

/** The sum of a metric over all its series with these labels; 0 when there is none. */
export async function metric(service: Service, name: string, labels: Record<string, string> = {}): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const series = text.split('\n').filter((line) => new RegExp(`^${name}[ {]`).test(line));
  return series
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Runs one statement on a database. */
export async function query<R extends object>(url: string, text: string, values: unknown[] = []): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
