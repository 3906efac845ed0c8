import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { DELIVERY_REPORTED, type DeliveryReport } from '@myelin/contracts';
import { Publisher, type Publication } from '@myelin/messaging';
import { briefly, Health, LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { deleteReports, takeReports } from './report.sql.js';
import { relaxDurability } from '../work/lock.sql.js';
import { Wakeup } from '../work/wakeup.js';

/** Batches of work whose reports are sent at once. */
const BATCHES = 10;
/** Work wakes the publisher: it looks by itself only for what another process left behind. */
const IDLE_MS = 10_000;
/** Reports of small batches are gathered for so long: each send costs as much as many of them. */
const GATHER_MS = 200;
const RETRY_MS = { first: 250, most: 15_000 };

/**
 * Publishes the delivery reports that work has stored, at least once: they are deleted in the transaction in which they were
 * taken, after Kafka has them. Several instances share them out.
 */
@Injectable()
export class ReportPublisher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Publisher) private readonly publisher: Publisher,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(Health) private readonly health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.health.register('reports', () => this.publisher.health());
    this.running = this.loop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    this.wakeup.reports.wake();
    await this.publisher.close();
    await this.running;
  }

  private async loop(): Promise<void> {
    for (let retry = RETRY_MS.first; !this.stopping;) {
      const seen = this.wakeup.reports.seen;
      try {
        // Before the transaction: it must not stay open while Kafka is waited for.
        await this.publisher.ready();
        const sent = await this.publish();
        retry = RETRY_MS.first;
        if (sent === 0) await this.wakeup.reports.wait(IDLE_MS, seen);
        else if (sent < BATCHES) await this.pause(GATHER_MS);
      } catch (error) {
        this.logger.debug({ err: briefly(error) }, 'delivery reports are kept for later');
        await this.pause(retry);
        retry = Math.min(retry * 2, RETRY_MS.most);
      }
    }
  }

  private publish(): Promise<number> {
    return this.dataSource.transaction(async (manager) => {
      const { rows, reports } = await takeReports(manager, BATCHES);
      if (rows.length === 0) return 0;
      await relaxDurability(manager);
      await this.publisher.send(reports.map(publication));
      await deleteReports(manager, rows);
      return rows.length;
    });
  }

  /** New work does not end the pause: only the end of the process does. */
  private async pause(ms: number): Promise<void> {
    for (const end = Date.now() + ms; !this.stopping && Date.now() < end;) {
      await this.wakeup.reports.wait(end - Date.now(), this.wakeup.reports.seen);
    }
  }
}

/** The same report has the same id each time it is sent. */
function publication(report: DeliveryReport): Publication {
  const { connector, entity, id, epoch, revision, correlationId, at } = report;
  return {
    attributes: {
      id: `${connector}-${id}-${epoch}-${revision}-${Date.parse(at)}`,
      source: `/connectors/${connector}/${entity}`,
      type: DELIVERY_REPORTED.type,
      subject: id,
      time: at,
      dataschema: DELIVERY_REPORTED.dataschema,
      ...(correlationId ? { correlationid: correlationId } : {}),
    },
    data: report,
  };
}
