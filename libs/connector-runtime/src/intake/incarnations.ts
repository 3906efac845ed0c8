import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { newestIncarnation, OtherIncarnation, type Received } from '@myelin/messaging';
import { Health, LOGGER, ProblemError, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';

/** A topic that this connector reads. */
export interface KnownTopic {
  readonly topic: string;
  /** The incarnation whose messages are taken. */
  readonly stored: string;
  /** Another one that was found, and waits to be accepted. */
  readonly found: string | null;
  readonly state: 'read' | 'stopped';
}

const whatToDo = (topic: string) =>
  'Publish everything again in its referential (POST /republish), ' +
  `then accept it here (POST /topics/${topic}/accept with author and reason): docs/runbook.md, "Kafka lost"`;

/**
 * Knows which incarnation of each topic was read so far, and stops reading at another one: Kafka has lost what was there, and
 * a person must see to it that it is published again.
 */
@Injectable()
export class Incarnations implements OnApplicationBootstrap {
  /** What the database held when it was last asked. */
  private readonly stored = new Map<string, string>();
  private readonly told = new Set<string>();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Health) private readonly health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.health.register('topics', async () => {
      const stopped = (await this.list()).filter(({ state }) => state === 'stopped');
      if (stopped.length === 0) return { status: 'ok' };
      const details = stopped.map(
        ({ topic, found }) => new OtherIncarnation(topic, found ?? '', whatToDo(topic)).message,
      );
      return { status: 'degraded', detail: details.join(' | ') };
    });
  }

  /**
   * To be called before messages of a topic are taken. The first incarnation seen is stored; an older one is a rest of the past.
   * @throws OtherIncarnation for a newer one that nobody has accepted.
   */
  async check(topic: string, events: readonly Received[]): Promise<void> {
    const seen = newestIncarnation(events);
    if (seen === undefined || seen <= (this.stored.get(topic) ?? '')) return;
    const before = this.stored.get(topic);
    const stored = await this.sight(topic, seen);
    if (stored >= seen) {
      this.stored.set(topic, stored);
      // Accepted through another instance: what this one has read so far was the old topic.
      if (before !== undefined)
        throw new OtherIncarnation(topic, seen, 'It was accepted; it is read from its beginning.');
      return;
    }
    const other = new OtherIncarnation(topic, seen, whatToDo(topic));
    if (!this.told.has(seen)) this.logger.error({ topic, stored, found: seen }, other.message);
    this.told.add(seen);
    throw other;
  }

  async list(): Promise<KnownTopic[]> {
    return (await this.dataSource.query(
      `select topic, incarnation as stored, found, case when found is null then 'read' else 'stopped' end as state
         from topic_incarnation order by topic`,
    )) as KnownTopic[];
  }

  /** Lets a stopped topic go on with the incarnation that was found. */
  async accept(topic: string, author: string, reason: string): Promise<KnownTopic> {
    const accepted = await this.dataSource.transaction(async (manager) => {
      const [before] = (await manager.query(
        'select incarnation, found from topic_incarnation where topic = $1 for update',
        [topic],
      )) as { incarnation: string; found: string | null }[];
      if (!before) throw new ProblemError('not-found', `this connector has not read a topic ${topic}: see GET /topics`);
      if (before.found === null) {
        throw new ProblemError('conflict', `topic ${topic} is not stopped: there is nothing to accept`);
      }
      await manager.query('update topic_incarnation set incarnation = found, found = null where topic = $1', [topic]);
      await manager.query(
        `insert into operation (author, action, reason, detail) values ($1, 'accept topic', $2, $3::jsonb)`,
        [author, reason, JSON.stringify({ topic, from: before.incarnation, to: before.found })],
      );
      return before.found;
    });
    this.logger.info({ topic, incarnation: accepted }, 'topic accepted: it is read from its beginning');
    return { topic, stored: accepted, found: null, state: 'read' };
  }

  private async sight(topic: string, seen: string): Promise<string> {
    const [row] = (await this.dataSource.query(
      `insert into topic_incarnation (topic, incarnation) values ($1, $2)
       on conflict (topic) do update
         set found = case when excluded.incarnation > topic_incarnation.incarnation
                          then greatest(topic_incarnation.found, excluded.incarnation) else topic_incarnation.found end
       returning incarnation`,
      [topic, seen],
    )) as { incarnation: string }[];
    return row?.incarnation ?? seen;
  }
}
