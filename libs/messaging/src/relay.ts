import { referentialTopic, type Entity } from '@myelin/contracts';
import { briefly, type HealthReport, type Logger } from '@myelin/platform';
import { beginIncarnation, DatabaseBehind, endsBefore, establish, TopicReplaced } from './continuity.js';
import { isFenced } from './errors.js';
import type { KafkaClient } from './kafka.js';
import { outboxes, published, sendSeconds, transactions } from './metrics.js';
import { Outage } from './outage.js';
import type { Leadership, Outbox, OutboxRow, Publication } from './outbox.js';
import { eventMessage, pack, PACK_LIMITS } from './pack.js';
import { openProducer, type FencedProducer } from './producer.js';
import { topicEnds } from './topic-reader.js';
import { provisionTopics, TopicMismatch } from './topics.js';
import { Backoff, bounded, pause } from './waiting.js';

export interface RelayOptions {
  client: KafkaClient;
  entity: Entity;
  outbox: Outbox;
  logger: Logger;
  /** Told once per revision of an entity that is too large to be published; the entity stays in the outbox. */
  onOversize?: (row: { id: string; revision: number; bytes: number }) => void;
  /** Of the topic, when it must be created; default 3, or the number of brokers when there are fewer. */
  replicationFactor?: number;
  /** How often a relay that has nothing to send looks whether its topic is still there; default 15 s. */
  lookMs?: number;
}

export type RelayState =
  'stopped' | 'standby' | 'waiting for Kafka' | 'waiting for the database' | 'waiting for a person' | 'leading';

const STANDBY_MS = 3_000;
const STOP_MS = 5_000;
const IDLE_MS = { first: 5, most: 500 };
const RETRY_MS = { first: 250, most: 5_000 };
const LOOK_MS = 15_000;
/** How often a relay that refuses to publish asks whether a person has settled it. */
const SETTLED_MS = 1_000;
/** Fewest rows asked for at once, when states are large. */
const FEWEST_ROWS = 50;

/** The outbox could not be read or written: told apart from Kafka for the health page only. */
class OutboxFailure extends Error {}

/**
 * Publishes the dirty entities of one referential to its topic: at least once, and by offset the published revisions of
 * an entity never decrease.
 *
 * Why they cannot decrease. All relays of a topic use one transactional id, so Kafka orders them by their initialisation:
 * when a producer has been initialised, everything an older one committed stands at lower offsets, and nothing of it can be
 * appended or committed later. A relay sends only what it read *after* its producer was initialised, and throws away
 * what it had read before. So if A's message of an entity stands before B's, then either one producer sent both, in the
 * order in which it read them, or A's was read and appended before B's producer was initialised, and B read afterwards.
 * A read gives the newest committed state and revisions only grow, hence B's revision is not lower. Nothing of this
 * needs A to know that it lost the lead, nor B to be the rightful leader: the database lock saves work, the fence keeps order.
 *
 * Nothing is lost: a row leaves the outbox only after its transaction was committed and only if its revision has
 * not moved since. After any failure the outcome of the last transaction may be unknown; its rows are then sent again.
 *
 * Topic and database belong together (docs/adr/0008): with each batch the database records how far the topic reaches. A topic that
 * reaches less far was lost: it gets a new incarnation before anything is sent. A topic that holds states which the
 * database does not know has seen its future: the relay refuses to publish until a person has said that it was restored.
 */
export class Relay {
  private readonly topic: string;
  private readonly contract;
  private readonly outbox: Outbox;
  private readonly logger: Logger;
  private readonly outage: Outage;
  private readonly stopping = new AbortController();
  private readonly reported = new Map<string, number>();
  private running: Promise<void> | undefined;
  private state: RelayState = 'stopped';
  private woken = false;
  private alarm = new AbortController();
  private limit = PACK_LIMITS.rows;
  private sent: Publication = { epoch: 0, incarnation: null, ends: [] };
  private looked = 0;

  constructor(private readonly options: RelayOptions) {
    this.contract = referentialTopic(options.entity);
    this.topic = options.client.topicPrefix + this.contract.name;
    this.outbox = telling(options.outbox);
    this.logger = options.logger.child({ relay: this.topic });
    this.outage = new Outage(this.logger, {});
  }

  /** Starts relaying in the background; waits for the database, the broker and the topic as long as it takes. */
  start(): void {
    if (this.running) return;
    outboxes.set(this.topic, this.options.outbox);
    this.state = 'standby';
    this.running = this.run();
  }

  /** Says that something was just committed to the outbox, so that it is published at once. */
  wake(): void {
    this.woken = true;
    this.alarm.abort();
  }

  /** What the relay does now, and why when that is not its work. */
  status(): { state: RelayState; detail?: string } {
    const detail = this.outage.detail;
    return { state: this.state, ...(detail === undefined ? {} : { detail }) };
  }

  /** The health of the relay; one that waits for a server is degraded, never down: a restart would not help. */
  health(): HealthReport {
    const waits = this.state.startsWith('waiting') || this.outage.detail !== undefined;
    return { status: waits ? 'degraded' : 'ok', detail: this.outage.detail ?? this.state };
  }

  /** Ends the running transaction, or abandons it after 5 s, and gives the lead back. */
  async stop(): Promise<void> {
    this.stopping.abort();
    outboxes.delete(this.topic);
    if (this.running && !(await bounded(this.running, STOP_MS))) {
      this.logger.warn('the relay did not end in time: its last transaction is abandoned and will be sent again');
    }
    this.state = 'stopped';
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const leadership = await this.tryToLead();
      if (leadership) {
        await this.reign(leadership);
        await leadership.release().catch(() => undefined);
        if (!this.stopping.signal.aborted) this.state = 'standby';
      }
      await pause(STANDBY_MS * (0.75 + Math.random() / 2), this.stopping.signal);
    }
  }

  private async tryToLead(): Promise<Leadership | null> {
    try {
      const leadership = await this.outbox.lead();
      if (this.state === 'waiting for the database') this.outage.over('the database answers again');
      this.state = 'standby';
      return leadership;
    } catch (error) {
      this.state = 'waiting for the database';
      this.outage.report('the database does not answer: nobody can be made the leader', error);
      return null;
    }
  }

  /** Leads until it is stopped, fenced, or the leadership is lost. */
  private async reign(leadership: Leadership): Promise<void> {
    const lost = new AbortController();
    void leadership.lost.then(() => lost.abort());
    const end = AbortSignal.any([lost.signal, this.stopping.signal]);
    end.addEventListener('abort', () => this.alarm.abort(), { once: true });
    const backoff = new Backoff(RETRY_MS.first, RETRY_MS.most);
    while (!end.aborted) {
      let producer: FencedProducer | undefined;
      try {
        await provisionTopics(this.options.client, [this.contract], this.options.replicationFactor);
        producer = await openProducer(this.options.client, this.contract.name);
        if (!(await leadership.held().catch(() => false))) break;
        await this.establish();
        this.leads();
        await this.publish(producer, end, () => backoff.reset());
      } catch (error) {
        if (end.aborted) break;
        if (isFenced(error)) {
          this.logger.warn(
            { err: briefly(error) },
            'relay fenced: another relay took over this topic, or a transaction outlasted its limit; leaving the lead',
          );
          break;
        }
        if (error instanceof DatabaseBehind) {
          await this.refuse(error, end);
          continue;
        }
        this.trouble(error);
        if (error instanceof TopicReplaced) {
          await beginIncarnation(this.outbox, this.sent.incarnation).catch(() => undefined);
        }
        await pause(backoff.take(), end);
      } finally {
        await producer?.close();
      }
    }
    if (!this.stopping.signal.aborted) this.logger.info('the relay no longer leads');
  }

  private async establish(): Promise<void> {
    const before = this.sent.incarnation ?? (await this.outbox.publication()).incarnation;
    const { publication, ends } = await establish(this.options.client, this.contract.name, this.outbox);
    this.sent = { ...publication, ends };
    this.looked = Date.now();
    if (before !== null && before !== publication.incarnation) {
      this.logger.error(
        { incarnation: publication.incarnation },
        'the topic was lost and begins anew: republish it (POST /republish), then accept it in its readers',
      );
    }
  }

  /** Publishes nothing until the epoch was raised: that is what a person does who knows that the database was restored. */
  private async refuse(error: DatabaseBehind, end: AbortSignal): Promise<void> {
    this.state = 'waiting for a person';
    this.outage.report(error.message, error, 'error');
    while (!end.aborted) {
      const known = await this.outbox.publication().catch(() => undefined);
      if (known && known.epoch !== error.epoch) return;
      await pause(SETTLED_MS, end);
    }
  }

  private leads(): void {
    if (this.state === 'standby') this.logger.info('the relay leads');
    this.state = 'leading';
  }

  private trouble(error: unknown): void {
    if (error instanceof OutboxFailure) {
      this.state = 'waiting for the database';
      this.outage.report('the outbox cannot be read or written', error.cause);
    } else {
      this.state = 'waiting for Kafka';
      this.outage.report(error instanceof TopicMismatch ? error.message : 'Kafka does not take messages', error);
    }
  }

  private async publish(producer: FencedProducer, end: AbortSignal, onProgress: () => void): Promise<void> {
    const idle = new Backoff(IDLE_MS.first, IDLE_MS.most);
    while (!end.aborted) {
      this.woken = false;
      const sent = await this.walk(producer, end, onProgress);
      this.outage.over('the relay publishes again');
      if (sent) {
        idle.reset();
        continue;
      }
      this.alarm = new AbortController();
      if (!this.woken && !end.aborted) await pause(idle.take(), this.alarm.signal);
      if (this.woken) idle.reset();
      await this.look();
    }
  }

  /** Throws when the topic is gone or seems shorter than it was: what then is true is found out anew. Asked now and then while there is nothing to send. */
  private async look(): Promise<void> {
    if (Date.now() - this.looked < (this.options.lookMs ?? LOOK_MS)) return;
    const ends = await topicEnds(this.options.client, this.contract.name);
    if (endsBefore(ends, this.sent.ends)) throw new Error(`topic ${this.topic} is shorter than it was`);
    this.looked = Date.now();
  }

  /**
   * Goes once through the dirty entities in id order, reading the next page while one is sent; true when something was published.
   * No row of a page is sent before all rows read earlier are sent, and the walk ends with no deletion in flight.
   */
  private async walk(producer: FencedProducer, end: AbortSignal, onProgress: () => void): Promise<boolean> {
    let deleting: Promise<void> = Promise.resolve();
    let sent = false;
    try {
      for (let reading: Promise<Page> | undefined = this.read(null); reading && !end.aborted;) {
        const page: Page = await reading;
        const last = page.rows.at(-1);
        reading = last && page.full ? this.read(last.id) : undefined;
        // Awaited in the next round, if there is one.
        reading?.catch(() => undefined);
        for (const { rows, messages } of this.packed(page.rows)) {
          if (end.aborted) break;
          const timer = sendSeconds.startTimer({ topic: this.topic });
          const ends = await producer.send(messages, this.sent.ends);
          this.sent = { ...this.sent, ends };
          // What was just sent to is there; its ends are told a little later.
          this.looked = Date.now();
          timer();
          transactions.inc({ topic: this.topic });
          published.inc({ topic: this.topic }, rows.length);
          sent = true;
          onProgress();
          await deleting;
          deleting = this.done(rows, ends);
          deleting.catch(() => undefined);
        }
      }
    } catch (error) {
      await deleting.catch(() => undefined);
      throw error;
    }
    await deleting;
    return sent;
  }

  private packed(rows: OutboxRow[]) {
    const { packages, oversize, bytes } = pack(rows, (row) =>
      eventMessage(this.options.entity, row, this.contract.partitions),
    );
    for (const { row, bytes } of oversize) this.reportOversize(row, bytes);
    if (rows.length > 0) {
      // Pages of large states are shorter, so that memory stays flat.
      const fitting = Math.floor((PACK_LIMITS.bytes * rows.length) / bytes);
      this.limit = Math.max(FEWEST_ROWS, Math.min(PACK_LIMITS.rows, fitting));
    }
    return packages;
  }

  private reportOversize({ id, revision }: OutboxRow, bytes: number): void {
    if (this.reported.get(id) === revision) return;
    this.reported.set(id, revision);
    this.logger.error({ id, revision, bytes }, 'a state is too large to be published; it stays in the outbox');
    this.options.onOversize?.({ id, revision, bytes });
  }

  private async read(after: string | null): Promise<Page> {
    const { limit } = this;
    const rows = await this.outbox.read(after, limit);
    return { rows, full: rows.length >= limit };
  }

  private done(rows: OutboxRow[], ends: readonly bigint[]): Promise<void> {
    // Under what they were read: it may have changed since.
    const { epoch, incarnation = null } = rows[0]!;
    const sent = rows.map(({ id, revision }) => ({ id, revision }));
    return this.outbox.done(sent, { epoch, incarnation, ends });
  }
}

interface Page {
  rows: OutboxRow[];
  /** More may follow. */
  full: boolean;
}

/** The outbox, with its failures told apart. */
const telling = (outbox: Outbox): Outbox => ({
  lead: () => outbox.lead(),
  read: (after, limit) => outbox.read(after, limit).catch(outboxFailure),
  done: (rows, sent) => outbox.done(rows, sent).catch(outboxFailure),
  publication: () => outbox.publication().catch(outboxFailure),
  renew: (previous, next) => outbox.renew(previous, next).catch(outboxFailure),
  findUnknown: (states) => outbox.findUnknown(states).catch(outboxFailure),
  depth: () => outbox.depth(),
});

const outboxFailure = (cause: unknown): never => {
  throw new OutboxFailure('the outbox failed', { cause });
};
