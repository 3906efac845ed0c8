import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createTree, type LdapAccess } from './directory';
import { makeFolder } from './folder';
import { startKafka, type Kafka, type KafkaOptions } from './kafka';
import { startPostgres, type Postgres, type PostgresOptions, type StackMode } from './postgres';
import { LOCAL_BASE_DN, startSlapd, type Slapd, type SlapdOptions } from './slapd';

/** How the three servers are started. */
export interface StackOptions {
  /** Folder of their data and logs. */
  dir: string;
  mode: StackMode;
  /** What a server does otherwise than its mode says; `false` leaves it out. */
  servers?: {
    postgres?: Omit<PostgresOptions, 'dir'> | false;
    kafka?: Omit<KafkaOptions, 'dir'> | false;
    slapd?: Omit<SlapdOptions, 'dir'> | false;
  };
}

/** What a service must be told to use the servers: environment variables by name. */
export interface StackSettings {
  DATABASE_URL?: string;
  KAFKA_BROKERS?: string;
  LDAP_URL?: string;
  LDAP_BIND_DN?: string;
  LDAP_PASSWORD?: string;
  LDAP_BASE_DN?: string;
}

/** The servers of a run. One that the environment names, or that was left out, is not ours to stop and has no object here. */
export interface Stack {
  readonly settings: StackSettings;
  readonly postgres?: Postgres;
  readonly kafka?: Kafka;
  readonly slapd?: Slapd;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL, Kafka and OpenLDAP at once, and creates the tree of the directory. Servers that the environment names
 * (`DATABASE_URL`, `KAFKA_BROKERS`, `LDAP_URL` with its account) are used as they are.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  makeFolder(options.dir);
  const starting = [postgresOf(options), kafkaOf(options), slapdOf(options)] as const;
  const stop = async () => {
    for (const started of await Promise.allSettled(starting)) {
      if (started.status === 'fulfilled') await started.value?.server?.stop();
    }
  };
  try {
    const [postgres, kafka, slapd] = await Promise.all(starting);
    return {
      settings: { ...postgres?.settings, ...kafka?.settings, ...slapd?.settings },
      postgres: postgres?.server,
      kafka: kafka?.server,
      slapd: slapd?.server,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A name that no other suite has, for its database, its prefix of topics and its tree in the directory. */
export function suiteName(what: string): string {
  return `${what}-${randomBytes(4).toString('hex')}`;
}

/** The directory that settings name. */
export function ldapAccess(settings: StackSettings): LdapAccess {
  const { LDAP_URL, LDAP_BIND_DN, LDAP_PASSWORD, LDAP_BASE_DN } = settings;
  if (!LDAP_URL || !LDAP_BIND_DN || !LDAP_PASSWORD)
    throw new Error('LDAP_URL, LDAP_BIND_DN and LDAP_PASSWORD go together');
  return { url: LDAP_URL, bindDn: LDAP_BIND_DN, password: LDAP_PASSWORD, baseDn: LDAP_BASE_DN ?? LOCAL_BASE_DN };
}

type Started<S> = { settings: StackSettings; server?: S } | undefined;

async function postgresOf({ dir, mode, servers }: StackOptions): Promise<Started<Postgres>> {
  if (servers?.postgres === false) return undefined;
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return { settings: { DATABASE_URL } };
  const server = await startPostgres({ mode, ...servers?.postgres, dir: join(dir, 'postgres') });
  return { settings: { DATABASE_URL: server.url }, server };
}

async function kafkaOf({ dir, mode, servers }: StackOptions): Promise<Started<Kafka>> {
  if (servers?.kafka === false) return undefined;
  const { KAFKA_BROKERS } = process.env;
  if (KAFKA_BROKERS) return { settings: { KAFKA_BROKERS } };
  const heap = mode === 'test' ? '256m' : '512m';
  const server = await startKafka({ heap, ...servers?.kafka, dir: join(dir, 'kafka') });
  return { settings: { KAFKA_BROKERS: server.brokers }, server };
}

async function slapdOf({ dir, mode, servers }: StackOptions): Promise<Started<Slapd>> {
  if (servers?.slapd === false) return undefined;
  const named = process.env['LDAP_URL'] !== undefined;
  const sync = mode === 'test' ? 'fast' : 'durable';
  const server = named ? undefined : await startSlapd({ sync, ...servers?.slapd, dir: join(dir, 'slapd') });
  const access = server ?? ldapAccess(process.env);
  await createTree(access);
  const { url, bindDn, password, baseDn } = access;
  return { settings: { LDAP_URL: url, LDAP_BIND_DN: bindDn, LDAP_PASSWORD: password, LDAP_BASE_DN: baseDn }, server };
}
