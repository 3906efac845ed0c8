import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { briefly, LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { DAYS } from './tokens.js';

const EVERY_MS = 10 * 60 * 1000;
/** Rows of one statement: others wait for none of them. */
const BATCH = 2_000;

/** What is forgotten when it is older than the days that are kept. */
const FORGOTTEN = [
  { table: 'published', time: 'accepted_at', condition: 'true' },
  { table: 'delivery', time: 'at', condition: 'true' },
  // Where a connector stands with a record stays known for as long as the target has it.
  { table: 'standing', time: 'at', condition: `outcome in ('removed', 'skipped')` },
  { table: 'pulse', time: 'at', condition: 'true' },
];

/** Forgets changes and deliveries that are older than the days for which they are kept, in small batches. */
@Injectable()
export class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DAYS) private readonly days: number,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const sweep = () => {
      this.sweeping = this.sweep()
        .catch((error: unknown) => this.logger.warn({ err: briefly(error) }, 'old deliveries could not be forgotten'))
        .finally(() => (this.timer = setTimeout(sweep, EVERY_MS)));
    };
    sweep();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    await this.sweeping;
    clearTimeout(this.timer);
  }

  /** Forgets everything that is too old. */
  async sweep(): Promise<void> {
    // Processes come and go: a pulse of one that was replaced says nothing after a day.
    await this.dataSource.query(
      `delete from pulse p where at < now() - interval '1 day'
          and exists (select from pulse newer where newer.connector = p.connector and newer.at > p.at)`,
    );
    for (const { table, time, condition } of FORGOTTEN) {
      for (let deleted = BATCH; deleted === BATCH && !this.stopping;) {
        [, deleted] = (await this.dataSource.query(
          `delete from ${table} where ctid = any(array(
             select ctid from ${table} where ${time} < now() - make_interval(days => $1) and ${condition}
              order by ${time} limit ${BATCH} for update skip locked))`,
          [this.days],
        )) as [unknown, number];
      }
    }
  }
}
