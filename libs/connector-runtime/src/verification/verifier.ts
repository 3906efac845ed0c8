import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Entity } from '@myelin/contracts';
import { briefly, Counter, LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Scan } from '../jobs/scan.js';
import type { Item } from '../jobs/job.js';
import { Control } from '../operators/control.js';
import { Gate } from '../work/gate.js';
import { Mapper } from '../work/mapper.js';
import { consequenceOf } from '../work/outcome.js';
import { Wakeup } from '../work/wakeup.js';
import { saveVerified, takeSample, type Sampled } from './verification.sql.js';

/** Entities that are looked at in the target in an hour; 0: none. */
export const VERIFY_PER_HOUR = Symbol('verified per hour');

const EVERY_MS = 60_000;

const drift = new Counter({
  name: 'myelin_drift_total',
  help: 'Entities that stood in the target otherwise than they were left',
  labelNames: ['entity'],
});

/**
 * Looks all the time, a few entities a minute, whether the target still has what the ledger says. What differs is made due and
 * written, held or noted as any change is.
 */
@Injectable()
export class Verifier implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> = Promise.resolve();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Mapper) private readonly mapper: Mapper,
    @Inject(Gate) private readonly gate: Gate,
    @Inject(Control) private readonly control: Control,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(VERIFY_PER_HOUR) readonly perHour: number,
  ) {}

  onApplicationBootstrap(): void {
    if (this.perHour === 0) return;
    const later = () => {
      this.timer = setTimeout(() => {
        this.working = this.turn().finally(later);
      }, EVERY_MS);
    };
    later();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.working;
    clearTimeout(this.timer);
  }

  /** Looks at what the time since the last turn allows, unless nothing would be written now. */
  async turn(): Promise<void> {
    try {
      if (!this.gate.isOpen) return;
      if (this.control.blocked(await this.control.state()) !== undefined) return;
      const { dataSource, perHour } = this;
      const entities = [...this.mapper.syncs.keys()];
      // After an interruption no more than in any minute.
      const sample = await takeSample(dataSource, { perHour, most: Math.ceil(perHour / 60), entities });
      for (const [entity, group] of Map.groupBy(sample, (one) => one.entity)) await this.verify(entity, group);
    } catch (error) {
      const consequence = consequenceOf(error, 0);
      if (consequence.then === 'pause') this.gate.close(error as Error, consequence.fatal, consequence.askedMs);
      else this.logger.warn({ err: briefly(error) }, 'the target cannot be verified');
    }
  }

  private async verify(entity: Entity, sample: readonly Sampled[]): Promise<void> {
    const items = await new Scan(this.dataSource, this.mapper, entity, 'verify', {}).among(sample.map(({ id }) => id));
    const differing = new Set(items.filter(isDrift).map(({ id }) => id));
    const verified = sample.map((one) => ({ ...one, differs: differing.has(one.id) }));
    for (const { differing: count } of await saveVerified(this.dataSource, verified)) {
      drift.inc({ entity }, count);
      this.logger.warn({ entity, count }, 'the target is not as it was left');
      this.wakeup.workers();
    }
  }
}

/** It is gone, changed, or cannot be read: other differences are the record's own and on their way. */
const isDrift = ({ finding, action }: Item) => finding === 'missing' || finding === 'edited' || action === 'retry';
