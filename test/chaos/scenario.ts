import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { referentialTopic, type Master } from '@myelin/contracts';
import { createKafka, type KafkaClient } from '@myelin/messaging';
import { createLogger } from '@myelin/platform';
import { freePorts, Service, suiteName, until, type Kafka, type StackSettings } from '@myelin/testing';
import { call } from '../../deploy/demo/hub.js';
import { Random } from '../../deploy/demo/population/random.js';
import { readTopic, type OnTopic } from '../../libs/messaging/test/bed.js';
import { metric, status } from '../installation.js';
import { Changes, recordsOf, type Sent } from './changes.js';
import { check, type Published, type Shown, type Verdict } from './checker.js';
import { rowOf } from './connector.js';
import type { Fault, FaultRates } from './faults.js';
import { killNowAndThen, type Victim } from './kills.js';
import { readLog, rowHash } from './log.js';
import { EXECUTES_WITHIN_MS } from './target.js';

/** What is asked of a run. */
export interface Plan {
  readonly seed: number;
  readonly seconds: number;
  /** Changes a second. */
  readonly rate: number;
  readonly entities: number;
  /** The target refuses changes that do not name the version that they replace. */
  readonly ifMatch: boolean;
  /** The network repeats requests that were answered, too: without `ifMatch` nobody can keep order then. */
  readonly lateRepeats: boolean;
}

/** Servers of the run; Kafka is killed. */
export interface Servers {
  readonly settings: StackSettings;
  readonly kafka: Kafka;
}

export interface Outcome {
  readonly sent: Sent;
  /** How often each process was killed and started again. */
  readonly kills: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<Fault, number>>;
  /** How the resynchronisation ended. */
  readonly resync: string;
  /** Seconds from the last change until nothing was left to do; undefined when that was not seen. */
  readonly convergedAfter: number | undefined;
  readonly verdict: Verdict;
  /** File of the target's log. */
  readonly log: string;
}

const FAULT_RATES: FaultRates = {
  delayedAnswer: 0.02,
  delayedExecution: 0.03,
  cutBefore: 0.015,
  cutAfter: 0.015,
  repeated: 0.02,
  throttled: 0.01,
  unavailable: 0.002,
};
const LATE_REPEATS = 0.02;
const CONVERGED_MS = 180_000;
const TOPIC = referentialTopic('structure').name;
/** Where the connector keeps what it has nothing left to do for. */
const SETTLED = ['applied', 'absent', 'skipped', 'parked'] as const;

/** Two instances of one connector, a target with faults, live changes and kills, and in the end the verdict. */
export async function runScenario(
  plan: Plan,
  servers: Servers,
  folder: string,
  say: (line: string) => void,
): Promise<Outcome> {
  const run = await Run.create(plan, servers, folder);
  try {
    return await run.play(say);
  } finally {
    await run.stop();
  }
}

class Run {
  private constructor(
    private readonly plan: Plan,
    private readonly broker: Kafka,
    private readonly client: KafkaClient,
    private readonly log: string,
    private readonly target: Service,
    private readonly structure: Service,
    private readonly connectors: readonly Service[],
  ) {}

  static async create(plan: Plan, { settings, kafka }: Servers, folder: string): Promise<Run> {
    const name = suiteName('chaos');
    const logs = join(folder, name);
    mkdirSync(logs, { recursive: true });
    const installation = {
      servers: settings,
      databasePrefix: `${name.replaceAll('-', '_')}_`,
      topicPrefix: `${name}.`,
      logs,
    };
    const ports = await freePorts(4);
    const service = (name: string, own: Record<string, string>, instance?: string, program?: string) =>
      new Service(name, ports.pop() as number, installation, { LOG_LEVEL: 'warn', ...own }, instance, program);
    const log = join(logs, 'target.ndjson');
    const IF_MATCH = plan.ifMatch ? 'yes' : 'no';
    const targetSettings = { TARGET_LOG: log, SEED: String(plan.seed), IF_MATCH };
    const target = service('target', targetSettings, '', 'test/chaos/target.main.js');
    const connectors = ['-a', '-b'].map((instance) =>
      service('connector-chaos', { TARGET_URL: target.url, IF_MATCH }, instance, 'test/chaos/connector.main.js'),
    );
    const client = createKafka({
      brokers: [kafka.brokers],
      clientId: 'chaos',
      topicPrefix: installation.topicPrefix,
      logger: createLogger('chaos', 'fatal'),
    });
    return new Run(plan, kafka, client, log, target, service('structure', {}), connectors);
  }

  async play(say: (line: string) => void): Promise<Outcome> {
    const { seed, seconds, rate, entities, lateRepeats } = this.plan;
    await Promise.all([this.target.start(), this.structure.start()]);
    const changes = await Changes.load(this.structure.url, entities);
    say(
      `${entities} structures are in the referential; faults, kills and ${rate} changes a second for ${seconds} s begin`,
    );
    await this.switchFaults({ ...FAULT_RATES, ...(lateRepeats && { repeatedAfterAnswer: LATE_REPEATS }) });
    await Promise.all(this.connectors.map((connector) => connector.start()));
    await this.liftBudget();

    const end = new AbortController();
    const background = Promise.all([
      Promise.all(this.victims().map((victim, index) => this.kill(victim, index, end.signal))),
      this.askForResync(end.signal),
    ]);
    const failed = background.then(() => new Promise<never>(() => undefined));
    const sending = changes.send(new Random(seed, 2), rate, seconds, end.signal);
    const sent = await Promise.race([sending, failed]).finally(() => end.abort());
    const [kills, job] = await background;
    const faults = await this.switchFaults({});
    say('the last change was sent; all is healed');

    const began = performance.now();
    const converged = await this.converged(job).then(
      () => true,
      (error: Error) => (say(error.message), false),
    );
    const convergedAfter = converged ? (performance.now() - began) / 1000 : undefined;
    const verdict = await check(readLog(this.log), published(await this.topic()), shown(this.structure.url));
    return {
      sent,
      kills: Object.fromEntries(kills),
      faults,
      resync: await this.resyncStatus(job),
      convergedAfter,
      verdict,
      log: this.log,
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.connectors, this.structure].map((service) => service.stop()));
    await this.target.stop();
  }

  private victims(): Victim[] {
    const kafka = { name: 'Kafka', kill: () => this.broker.kill(), start: () => this.broker.restart() };
    const instances = this.connectors.map((connector, index) => ({
      name: `connector ${'ab'[index]}`,
      kill: () => connector.kill(),
      start: () => connector.start(),
    }));
    return [...instances, kafka];
  }

  private async kill(victim: Victim, index: number, end: AbortSignal): Promise<[string, number]> {
    // The group needs half a minute to read again after its broker came back: a pace without rest would prove little.
    const quarter = Math.min(this.plan.seconds * 250, 30_000);
    const upMs = victim.name === 'Kafka' ? ([quarter, 2 * quarter] as const) : ([8_000, 40_000] as const);
    const pace = { upMs, downMs: [200, 6_000] as const };
    return [victim.name, await killNowAndThen(victim, pace, new Random(this.plan.seed, 3 + index), end)];
  }

  private switchFaults(rates: FaultRates): Promise<Record<Fault, number>> {
    return call('PUT', `${this.target.url}/faults`, rates);
  }

  /** More records end here than the guards would let pass. */
  private async liftBudget(): Promise<void> {
    const budget = { author: 'chaos', entity: 'structure', action: 'delete', cause: '*' };
    await call('PUT', `${this.connectors[0]?.url}/guards/budgets`, budget);
  }

  /** Once all entities are known, asks any instance that lives for a full resynchronisation, until one has taken it. */
  private async askForResync(end: AbortSignal): Promise<string> {
    const { entities } = this.plan;
    const known = async () => {
      const totals = this.connectors.map(async (one) => (await status(one)).entities.structure?.total ?? 0);
      const most = Math.max(...(await Promise.all(totals.map((one) => one.catch(() => 0)))));
      return most >= entities || end.aborted;
    };
    await until('all entities should be known to the connector', known, { deadlineMs: 600_000, everyMs: 500 });
    const body = { mode: 'verify', author: 'chaos', reason: 'chaos' };
    const key = { 'idempotency-key': randomUUID() };
    let id: string | undefined;
    const ask = async () => {
      for (const { url } of this.connectors)
        id ??= await call<{ id: string }>('POST', `${url}/resyncs`, body, key).then(
          (job) => job.id,
          () => undefined,
        );
      return id !== undefined || end.aborted;
    };
    await until('a resynchronisation should be taken', ask, { deadlineMs: 600_000, everyMs: 500 });
    if (id === undefined) throw new Error('no instance took the resynchronisation');
    return id;
  }

  private async resyncStatus(job: string): Promise<string> {
    return (await call<{ status: string }>('GET', `${this.connectors[0]?.url}/resyncs/${job}`)).status;
  }

  /** Waits until everything is published, taken, and worked on. */
  private async converged(job: string): Promise<void> {
    const [connector] = this.connectors as [Service];
    const patience = { deadlineMs: CONVERGED_MS, everyMs: 250 };
    const drained = async () => (await metric(this.structure, 'myelin_outbox_rows')) === 0;
    await until('everything should be published', drained, patience);
    const last = lastOffsets(await this.topic());
    const isRead = async () => {
      const committed = await this.committed();
      return [...last].every(([partition, offset]) => (committed.get(partition) ?? -1n) > offset);
    };
    await until('the connector should have read the topic to its end', isRead, patience);
    const isSettled = async () => {
      const { structure } = (await status(connector)).entities;
      const counts: Partial<Record<string, number>> = { ...structure };
      const settled = SETTLED.reduce((sum, one) => sum + (counts[one] ?? 0), 0);
      const isOver = (await this.resyncStatus(job)) === 'done';
      return counts.due === 0 && settled === counts.total && isOver;
    };
    await until('the connector should have nothing left to do', isSettled, patience);
    // A request that nobody waits for any more may still be executed.
    await sleep(EXECUTES_WITHIN_MS);
  }

  private topic(): Promise<OnTopic[]> {
    return readTopic(this.client, TOPIC);
  }

  /** The next offset that the connectors' group will read, by partition. */
  private async committed(): Promise<Map<number, bigint>> {
    const { kafka, topicPrefix } = this.client;
    const admin = kafka.admin();
    await admin.connect();
    try {
      const groupId = `${topicPrefix}connector-chaos.${TOPIC}`;
      const [topic] = await admin.fetchOffsets({ groupId, topics: [topicPrefix + TOPIC] });
      return new Map(topic?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    } finally {
      await admin.disconnect();
    }
  }
}

function lastOffsets(messages: readonly OnTopic[]): Map<number, bigint> {
  const last = new Map<number, bigint>();
  for (const { partition, offset } of messages) last.set(partition, offset);
  return last;
}

const hashOf = (master: Master<'structure'>) => {
  const row = rowOf(master);
  return row && rowHash(row);
};

function* published(messages: readonly OnTopic[]): Generator<Published> {
  for (const { key, value, headers } of messages) {
    const hash = value === null ? null : hashOf(JSON.parse(value) as Master<'structure'>);
    const { ce_epoch: epoch, ce_revision: revision, ce_correlationid: correlationId } = headers;
    yield { id: key, epoch: Number(epoch), revision: Number(revision), hash, correlationId };
  }
}

async function* shown(referential: string): AsyncGenerator<Shown> {
  for await (const record of recordsOf(referential)) {
    const { id, revision } = record;
    yield { id, revision, hash: hashOf(record as unknown as Master<'structure'>) };
  }
}
