import { createReadStream, createWriteStream, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createServices,
  dropDatabase,
  startSlapd,
  startStack,
  suiteName,
  type LdapAccess,
  type Service,
  type ServiceName,
  type Slapd,
  type Stack,
} from '@myelin/testing';
import { HOME_UAI, homeComponents, homeStructures } from '../deploy/demo/home.js';
import { call, load, settled, type EntityStatus } from '../deploy/demo/hub.js';
import { ndjson, type ImportRecord } from '../deploy/demo/ndjson.js';
import { readOpenData, structures } from '../deploy/demo/open-data.js';
import { population } from '../deploy/demo/population.js';
import { connected, outboxEmpty } from './database.js';

/** An installation of Myelin that nobody used before: its own databases, topics and, when it has one, directory. */
export interface Fresh<N extends ServiceName> {
  readonly services: Record<N, Service>;
  readonly topicPrefix: string;
  readonly databasePrefix: string;
  databaseUrl(name: ServiceName): string;
  /** Stops the services that run and drops the databases. */
  end(): Promise<void>;
}

/** What an installation may share with another, and how its services are set. */
export interface FreshOptions {
  topicPrefix?: string;
  databasePrefix?: string;
  directory?: LdapAccess;
  settings?: Readonly<Record<string, string>>;
}

/** A directory that a connector has filled from topics. */
export interface Filled {
  readonly installation: Fresh<'connector-ldap'>;
  readonly structures: number;
  directory: Slapd;
}

/** The servers of a run of benches, and the installations that are made on them. */
export class Services {
  private open: Promise<Stack> | undefined;
  private readonly slapds = new Map<Slapd, string>();
  private readonly filled = new Map<number, Promise<Filled>>();

  constructor(private readonly dir: string) {}

  /** PostgreSQL and Kafka as they are set for production, started at the first call. */
  stack(): Promise<Stack> {
    return (this.open ??= startStack({ dir: this.dir, mode: 'durable', servers: { slapd: false } }));
  }

  /** An OpenLDAP on an empty folder; `durable` waits for the disk at every write. */
  async directory(sync: 'durable' | 'fast'): Promise<Slapd> {
    return this.startDirectory(join(this.dir, suiteName('slapd')), sync);
  }

  /** The same OpenLDAP, at the same address, on an empty folder. */
  async emptied(slapd: Slapd, sync: 'durable' | 'fast'): Promise<Slapd> {
    const dir = this.slapds.get(slapd) as string;
    await slapd.stop();
    this.slapds.delete(slapd);
    rmSync(join(dir, 'data'), { recursive: true });
    return this.startDirectory(dir, sync, slapd.port);
  }

  private async startDirectory(dir: string, sync: 'durable' | 'fast', port?: number): Promise<Slapd> {
    const slapd = await startSlapd({ dir, sync, ...(port !== undefined && { port }) });
    this.slapds.set(slapd, dir);
    return slapd;
  }

  /** A connector that has brought all structures and `n` persons to a directory; made once, for all benches of a run. */
  loaded(n: number): Promise<Filled> {
    let filled = this.filled.get(n);
    if (!filled) this.filled.set(n, (filled = fillDirectory(this, n)));
    return filled;
  }

  /** A new installation, with no service started yet. */
  async fresh<N extends ServiceName>(names: readonly N[], options: FreshOptions = {}): Promise<Fresh<N>> {
    const { settings: servers } = await this.stack();
    const name = suiteName('bench').replaceAll('-', '_');
    const { databasePrefix = `${name}_`, topicPrefix = `${name}.`, directory, settings } = options;
    const ldap = directory && {
      LDAP_URL: directory.url,
      LDAP_BIND_DN: directory.bindDn,
      LDAP_PASSWORD: directory.password,
      LDAP_BASE_DN: directory.baseDn,
      LDAP_CREATE_BRANCHES: 'yes',
      HOME_UAI,
      EPPN_SCOPE: 'univ.example',
    };
    const installation = { servers: { ...servers, ...ldap }, databasePrefix, topicPrefix, logs: this.dir };
    const services = await createServices(installation, names, { ...ldap, ...settings });
    const databaseUrl = (service: ServiceName) => {
      const url = new URL(servers.DATABASE_URL as string);
      url.pathname = `/${databasePrefix}${service.replace('-', '_')}`;
      return url.href;
    };
    const end = async () => {
      await Promise.all(names.map((service) => services[service].stop()));
      for (const service of names)
        await dropDatabase(servers.DATABASE_URL as string, new URL(databaseUrl(service)).pathname.slice(1));
    };
    return { services, topicPrefix, databasePrefix, databaseUrl, end };
  }

  /** A file of `n` persons as they are imported, written once. */
  async persons(n: number): Promise<string> {
    const file = join(this.dir, `persons-${n}.ndjson`);
    if (existsSync(file)) return file;
    await this.stack();
    await pipeline(ndjson(personLines(n)), createWriteStream(file));
    return file;
  }

  /** Ends the servers that were started. */
  async stop(): Promise<void> {
    for (const slapd of this.slapds.keys()) await slapd.stop();
    await (await this.open)?.stop();
  }
}

function* personLines(count: number): Generator<ImportRecord> {
  for (const record of population({ seed: 1, count, structures: homeStructures(readOpenData()) })) {
    // One source and one file; the numbers that different applications give may be equal.
    yield { sourceId: `${record.source}-${record.sourceId}`, document: record.document };
  }
}

/** Imports a file of persons over HTTP; every line must be new. */
export async function importPersons(person: Service, file: string, n: number): Promise<void> {
  const report = await load(person.url, 'bench', createReadStream(file, { highWaterMark: 256 * 1024 }));
  if (report.created !== n) throw new Error(`${report.created} of ${n} persons were created`);
}

/** Imports all structures of the open data and of the home university, and answers how many. */
export async function importStructures(structure: Service): Promise<number> {
  const records = [...structures(readOpenData()), ...homeComponents()];
  const { created } = await load(structure.url, 'open-data', ndjson(records));
  if (created !== records.length) throw new Error(`${created} of ${records.length} structures were created`);
  return created;
}

/** Waits until the connector has brought all of them to its target, and none is in trouble. */
export async function delivered(
  connector: Service,
  expected: { structure: number; person: number },
): Promise<Record<string, EntityStatus>> {
  const entities = await settled(connector.url, expected);
  for (const [entity, status] of Object.entries(entities))
    if (status.parked) throw new Error(`${status.parked} of ${entity} are parked`);
  return entities;
}

/** Topics that hold all structures and `n` persons; the referentials that filled them have stopped. */
export async function filledTopics(
  services: Services,
  n: number,
): Promise<{ topicPrefix: string; structures: number }> {
  const file = await services.persons(n);
  const installation = await services.fresh(['person', 'structure']);
  const { person, structure } = installation.services;
  await Promise.all([person.start(), structure.start()]);
  const structures = await importStructures(structure);
  await importPersons(person, file, n);
  for (const service of ['person', 'structure'] as const)
    await connected(installation.databaseUrl(service), outboxEmpty);
  await installation.end();
  return { topicPrefix: installation.topicPrefix, structures };
}

async function fillDirectory(services: Services, n: number): Promise<Filled> {
  const { topicPrefix, structures } = await filledTopics(services, n);
  const directory = await services.directory('fast');
  const installation = await services.fresh(['connector-ldap'], { topicPrefix, directory });
  const connector = installation.services['connector-ldap'];
  await connector.start();
  await delivered(connector, { structure: structures, person: n });
  return { installation, structures, directory };
}

/** Asks a connector for a resynchronisation of everything. */
export function begun(connector: Service, mode: 'trust' | 'verify'): Promise<ResyncJob> {
  return call<ResyncJob>('POST', `${connector.url}/resyncs`, { mode, author: 'bench', reason: 'bench' });
}

/** Asks a connector for a resynchronisation, and answers it when it has ended. */
export async function resynchronised(connector: Service, mode: 'trust' | 'verify'): Promise<ResyncJob> {
  const { id } = await begun(connector, mode);
  return ended(connector, id);
}

/** Waits until a job has been planned and is at work. */
export async function running({ url }: Service, id: string): Promise<void> {
  while ((await call<ResyncJob>('GET', `${url}/resyncs/${id}`)).status === 'planning') await sleep(100);
}

/** Waits until the connector has found its target. */
export async function answers(url: string): Promise<void> {
  while ((await call<{ work: string }>('GET', `${url}/control`)).work !== 'open') await sleep(100);
}

/** A job as the connector tells it, as far as a bench wants to know. */
export interface ResyncJob {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly failure: string | null;
  readonly requestedAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly plan: { readonly total: number; readonly actions: readonly { action: string; count: number }[] };
  readonly progress: { readonly outcomes: Readonly<Record<string, number>> };
}

/** Waits until a job has ended well. */
export async function ended(connector: Service, id: string): Promise<ResyncJob> {
  for (;;) {
    const job = await call<ResyncJob>('GET', `${connector.url}/resyncs/${id}`);
    if (job.status === 'done') return job;
    if (job.endedAt !== null) throw new Error(`the job is ${job.status}: ${job.failure ?? ''}`);
    await sleep(250);
  }
}
