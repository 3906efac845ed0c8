import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { newCorrelationId, type Entity } from '@myelin/contracts';
import { BatchConsumer, connectBatchConsumer, type Batch, type Received } from '@myelin/messaging';
import { createApp, createLogger, type Logger } from '@myelin/platform';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { DataSource } from 'typeorm';
import { ConnectorRuntimeModule } from './connector-runtime.module.js';
import type { ConnectorSettings } from './connector-runtime.settings.js';
import { TestDatabase } from './database.testing.js';
import { Intake } from './intake/intake.js';
import { WRITTEN_AS } from './operators/populations.js';
import { FREE } from './work/claim.sql.js';
import { TableTarget } from './table-target.testing.js';
import { Verifier } from './verification/verifier.js';

const logger = createLogger('test', 'fatal');

/** An answer of the connector's API. */
export interface Answer {
  readonly status: number;
  // The shape is what the test is about.
  readonly body: any;
}

/** A Kafka with topics of the bed's own. */
export interface BedKafka {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
}

/** What is otherwise than in an ordinary bed. */
export interface BedChanges {
  readonly settings?: Partial<ConnectorSettings>;
  readonly logger?: Logger;
}

/**
 * The runtime around a table of PostgreSQL as its target, with its HTTP API. States are handed to its intake as Kafka would,
 * or come from a Kafka.
 */
export class Bed {
  private constructor(
    /** The connector's database, in which the target's tables stand too. */
    private readonly database: TestDatabase,
    readonly target: TableTarget,
    private app: NestExpressApplication,
    private readonly changes: BedChanges,
  ) {}

  static async start(kafka?: BedKafka, changes: BedChanges = {}): Promise<Bed> {
    const database = await TestDatabase.create([]);
    const target = await new TableTarget(database.dataSource).create();
    return new Bed(database, target, await open(database.url, target, changes, kafka), changes);
  }

  get dataSource(): DataSource {
    return this.database.dataSource;
  }

  /** Ends the process's part and starts it anew, as after a crash with a new version, or with other settings. */
  async restart(changes: BedChanges = this.changes): Promise<void> {
    await this.app.close();
    this.app = await open(this.database.url, this.target, changes);
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.database.drop();
  }

  take(entity: Entity, ...states: [state: Record<string, unknown>, revision: number][]): Promise<void> {
    return this.takeBatch(entity, batchOf(entity, states));
  }

  takeBatch(entity: Entity, batch: Batch): Promise<void> {
    return this.app.get(Intake).take(entity, entity === 'structure' ? 0 : 1, batch);
  }

  /** So many structures, which the target has. */
  async given(count: number): Promise<ReturnType<typeof structure>[]> {
    const all = Array.from({ length: count }, (_, i) => structure(`S${i}`));
    await this.take('structure', ...all.map((one): [typeof one, number] => [one, 1]));
    await this.settled();
    return all;
  }

  /** Takes rows out of the target by hand. */
  async empty(ids: readonly string[]): Promise<void> {
    await this.dataSource.query('delete from target where id = any($1::uuid[])', [ids]);
  }

  async call(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
    const { port } = this.app.getHttpServer().address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  /** What is answered as a file. */
  async text(path: string): Promise<string> {
    const { port } = this.app.getHttpServer().address() as AddressInfo;
    return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  }

  get = (path: string) => this.call('GET', path);
  post = (path: string, body: object = {}, headers?: Record<string, string>) =>
    this.call('POST', path, { author: 'olga', ...body }, headers);

  /** Lets so many minutes pass for verification, and its turn come. */
  async verify(minutes = 1): Promise<void> {
    await this.dataSource.query(`update verification set taken_at = now() - make_interval(mins => $1)`, [minutes]);
    await this.turn();
  }

  /** One turn of verification, as an instance takes it. */
  turn(): Promise<void> {
    return this.app.get(Verifier).turn();
  }

  /** Waits until nothing is due now and nobody works. */
  settled(): Promise<void> {
    return until(async () => {
      const [row] = (await this.dataSource.query(
        `select exists (select from ledger l where l.due_at <= now() or not ${FREE}) or exists (select from ripple)
                  or exists (select from ledger, control c where status = 'observed'
                             and (not c.observe or c.populations <> '[]' and observed_as && ${WRITTEN_AS})) as busy`,
      )) as { busy: boolean }[];
      return row?.busy === false;
    }, 'the ledger did not settle');
  }

  /** Waits until a job has that status, and answers it. */
  async job(id: string, status: string): Promise<any> {
    let body: any;
    await until(
      async () => {
        body = (await this.get(`/resyncs/${id}`)).body;
        return body.status === status;
      },
      `the job did not become ${status}`,
      () => JSON.stringify(body),
    );
    return body;
  }

  async ledger(id: string): Promise<Record<string, unknown> | undefined> {
    const [row] = (await this.dataSource.query('select * from ledger where id = $1', [id])) as Record<
      string,
      unknown
    >[];
    return row;
  }

  /** Lets the clock of the database, as far as the ledger is concerned, move on by some days. */
  async sleep(days: number): Promise<void> {
    await this.dataSource.query(
      `update ledger set due_at = due_at - make_interval(days => $1), due_day = due_day - $1::integer, suspended_on = suspended_on - $1::integer`,
      [days],
    );
  }
}

async function open(
  url: string,
  target: TableTarget,
  changes: BedChanges,
  kafka?: BedKafka,
): Promise<NestExpressApplication> {
  const settings = {
    DATABASE_URL: url,
    KAFKA_BROKERS: [...(kafka?.brokers ?? [])],
    TOPIC_PREFIX: kafka?.topicPrefix ?? '',
    CONNECTOR_NAME: '',
    EXPLAIN_VALUES: 'yes',
    UNDO_DAYS: 14,
    OVERLAY: undefined,
    HOOK: [],
    HOOK_SECRET: undefined,
    VERIFY_PER_HOUR: 0,
    START_AS: 'write',
    ...changes.settings,
  } as const;
  const connector = { name: 'table', open: () => Promise.resolve(target) };
  const module = ConnectorRuntimeModule.of({ connector, entities: ['structure', 'person'] }, settings);
  const app = await createApp('Table', module, changes.logger ?? logger);
  if (kafka) {
    connectBatchConsumer(app, app.get(BatchConsumer));
    await app.startAllMicroservices();
  }
  await app.listen(0, '127.0.0.1');
  return app;
}

/** Polls until something holds. */
export async function until(
  holds: () => Promise<boolean>,
  otherwise: string,
  detail: () => string = () => '',
): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${otherwise} ${detail()}`);
}

export function structure(code: string, fields: Record<string, unknown> = {}) {
  return {
    ...{ id: randomUUID(), status: 'active', code, shortLabel: code, longLabel: `Structure ${code}`, type: 'S203' },
    ...fields,
  };
}

export function person(birthName: string, ...structures: string[]) {
  const external = structures.map((key) => ({ population: 'PXSS', structure: key }));
  return { id: randomUUID(), status: 'active', birthName, givenNames: ['Camille'], roles: { external } };
}

let offset = 0;

/** What Kafka would hand over for these states. */
export function batchOf(entity: Entity, states: readonly [Record<string, unknown>, number][]): Batch {
  const topic = `referential.${entity}.v1`;
  const events = states.map(([state, revision]): Received => {
    const subject = String(state.id);
    const gone = state.status === undefined;
    return {
      topic,
      partition: 0,
      offset: String(offset++),
      state: gone ? null : state,
      json: gone ? null : JSON.stringify(state),
      attributes: {
        id: `1-${subject}-${revision}`,
        source: `/referentials/${entity}`,
        type: `fr.myelin.${entity}.updated.v1`,
        subject,
        time: new Date().toISOString(),
        dataschema: `urn:myelin:master:${entity}:1`,
        epoch: 1,
        revision,
        correlationid: newCorrelationId(),
      },
    };
  });
  return { topic, partition: 0, events, unreadable: [] };
}
