import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { newCorrelationId } from '@myelin/contracts';
import { briefly, LOGGER, type Logger } from '@myelin/platform';
import { DataSource, type QueryRunner } from 'typeorm';
import { canonicalJson, digest } from '../ingest/canonical.js';
import { Ingestion } from '../ingest/ingestion.js';
import { markForNewRules, takeDue, takeReminded } from './calendar.sql.js';

/** Records looked at together. */
const BATCH = 250;
const EVERY_MS = 30_000;

/**
 * Looks again at records on the day on which something of them begins or ends, or after a decision; what has become different is
 * published as every change. Days that were missed are caught up; several instances share the work.
 */
@Injectable()
export class CalendarService implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Ingestion) private readonly ingestion: Ingestion,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.running = this.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Looks at all that is due; answers how many that were. */
  async pass(): Promise<number> {
    const correlationId = newCorrelationId();
    const { day } = this.ingestion.rules();
    const cause = { correlationId, actor: 'calendar', reason: `as of ${day}` };
    const lookAt = async (choose: (runner: QueryRunner) => Promise<readonly string[]>) => {
      let all = 0;
      for (let count = BATCH; count === BATCH && !this.stopping; all += count) {
        count = await this.ingestion.review(choose, cause);
      }
      return all;
    };
    const looked =
      (await lookAt((runner) => takeReminded(runner, BATCH))) + (await lookAt((runner) => takeDue(runner, day, BATCH)));
    if (looked > 0) this.logger.info({ records: looked, day, correlationId }, 'looked at records that were due');
    return looked;
  }

  /** Records that stand by other rules than those of now are due. */
  private async start(): Promise<void> {
    const { survivorship, day } = this.ingestion.rules();
    await this.safely(async () => {
      const records = await markForNewRules(this.dataSource, digest(canonicalJson(survivorship.file)), day);
      if (records > 0) this.logger.info({ records }, 'survivorship rules changed: records are due');
    });
    await this.tick();
  }

  private async tick(): Promise<void> {
    await this.safely(() => this.pass());
    if (this.stopping) return;
    this.timer = setTimeout(() => {
      this.running = this.tick();
    }, EVERY_MS);
    this.timer.unref();
  }

  private async safely(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.stopping)
        this.logger.warn({ err: briefly(error) }, 'records that are due were not looked at: again soon');
    }
  }
}
