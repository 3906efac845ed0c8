import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { makeFolder } from './folder';
import { spawnTied } from './process';
import { LocalServer, onFreePorts } from './server';

/** How Kafka is started. */
export interface KafkaOptions {
  /** Folder of its data, settings and log. */
  dir: string;
  /** Port of the broker. */
  port?: number;
  /** Memory of the JVM, as `-Xmx` takes it. */
  heap?: string;
  /** Settings of server.properties that replace ours. */
  settings?: Record<string, string | number | boolean>;
  /** Folder of Kafka's jars; the launcher names it in `MYELIN_KAFKA_LIBS`. */
  libs?: string;
  /** The java program; the launcher names it in `MYELIN_JAVA`. */
  java?: string;
}

/** A running Kafka broker. */
export type Kafka = LocalServer & { readonly brokers: string; readonly port: number };

const SETTINGS = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'auto.create.topics.enable': false,
  'default.replication.factor': 1,
  'min.insync.replicas': 1,
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 1,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'group.min.session.timeout.ms': 1000,
  'num.network.threads': 2,
  'num.io.threads': 2,
  'background.threads': 2,
  'num.recovery.threads.per.data.dir': 1,
  'log.cleaner.backoff.ms': 500,
  'log.initial.task.delay.ms': 500,
  'log.cleaner.dedupe.buffer.size': 8_388_608,
  // A broker that was killed may come back only once its old registration has run out.
  'broker.session.timeout.ms': 3000,
  'broker.heartbeat.interval.ms': 500,
};

// One small JVM beside many other processes: the C1 compiler alone starts faster, and C2 would take their processor.
const JVM = [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

/** Starts one Kafka node, broker and controller in one (KRaft), on the data of a folder, made the first time. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const { dir, heap = '512m' } = options;
  const libs = options.libs ?? process.env['MYELIN_KAFKA_LIBS'];
  if (!libs)
    throw new Error('where are the jars of Kafka? MYELIN_KAFKA_LIBS names their folder; `npm run stack` fetches them');
  const java = options.java ?? process.env['MYELIN_JAVA'] ?? 'java';
  const properties = join(dir, 'server.properties');
  formatStorage(makeFolder(join(dir, 'data')));

  const start = async (port: number, controllerPort: number): Promise<Kafka> => {
    const settings = {
      ...SETTINGS,
      'log.dirs': join(dir, 'data'),
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      // A static voter, so that the ports may change from one start to the next.
      'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
      ...options.settings,
    };
    writeFileSync(
      properties,
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const server = await LocalServer.start({
      what: 'Kafka',
      pidFile: join(dir, 'kafka.pid'),
      mark: properties,
      stopSignal: 'SIGTERM',
      launch: () =>
        spawnTied(java, [`-Xms${heap}`, `-Xmx${heap}`, ...JVM, '-cp', join(libs, '*'), 'kafka.Kafka', properties], {
          what: 'Kafka',
          log: join(dir, 'kafka.log'),
          deathSignal: 'SIGTERM',
        }),
      ready: () => hasBroker(port),
    });
    return Object.assign(server, { port, brokers: `127.0.0.1:${port}` });
  };
  if (options.port === undefined) return onFreePorts(2, start);
  const { port } = options;
  return onFreePorts(1, (controllerPort) => start(port, controllerPort));
}

/** What `kafka-storage format` writes, without the seconds of a JVM. */
function formatStorage(data: string): void {
  const file = join(data, 'meta.properties');
  if (existsSync(file)) return;
  writeFileSync(file, `version=1\ncluster.id=${newUuid()}\nnode.id=1\ndirectory.id=${newUuid()}\n`);
}

/** A UUID as Kafka writes it: base64url, never beginning with a dash. */
function newUuid(): string {
  const uuid = randomBytes(16).toString('base64url');
  return uuid.startsWith('-') ? newUuid() : uuid;
}

// Metadata request, version 1, of no topic: only a broker that serves counts itself in the answer.
const METADATA_REQUEST = Buffer.from([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);
const BROKER_COUNT_OFFSET = 8;

function hasBroker(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(METADATA_REQUEST));
    let answer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < BROKER_COUNT_OFFSET + 4) return;
      resolve(answer.readInt32BE(BROKER_COUNT_OFFSET) > 0);
      socket.destroy();
    });
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('error', () => socket.destroy()).on('close', () => resolve(false));
  });
}
