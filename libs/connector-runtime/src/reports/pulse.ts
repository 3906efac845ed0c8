import { hostname } from 'node:os';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Session } from '@myelin/connector';
import { CONNECTOR_PULSED, type ConnectorPulse, type Entity } from '@myelin/contracts';
import { Publisher } from '@myelin/messaging';
import { briefly, Gauge, LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Control } from '../operators/control.js';
import { standings } from './pulse.sql.js';
import { ConnectorRunner, SESSION } from '../work/runner.js';

const EVERY_MS = 10_000;

/** When the oldest unseen change of each kind of entity was made, as of the last pulse. */
const oldestPending = new Map<Entity, Date | null>();

new Gauge({
  name: 'myelin_oldest_unapplied_seconds',
  help: 'Age of the oldest change that the target has not seen; 0 when it has them all',
  labelNames: ['entity'],
  collect() {
    for (const [entity, since] of oldestPending)
      this.set({ entity }, since ? (Date.now() - since.getTime()) / 1000 : 0);
  },
});

/** Says every 10 s where the connector stands: on the deliveries topic and in its metrics. */
@Injectable()
export class Pulse implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly instance = `${hostname()}-${process.pid}`.slice(-128);
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Publisher) private readonly publisher: Publisher,
    @Inject(ConnectorRunner) private readonly runner: ConnectorRunner,
    @Inject(Control) private readonly control: Control,
    @Inject(SESSION) private readonly session: Session,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const beat = () => {
      this.beating = this.beat().finally(() => (this.timer = setTimeout(beat, EVERY_MS)));
    };
    beat();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.beating;
    clearTimeout(this.timer);
  }

  private async beat(): Promise<void> {
    try {
      const pulse = await this.take();
      const { connector, at } = pulse;
      const attributes = {
        id: `${connector}-${this.instance}-${Date.parse(at)}`,
        source: `/connectors/${connector}`,
        type: CONNECTOR_PULSED.type,
        subject: connector,
        time: at,
        dataschema: CONNECTOR_PULSED.dataschema,
      };
      await this.publisher.send([{ attributes, data: pulse }]);
    } catch (error) {
      this.logger.debug({ err: briefly(error) }, 'no pulse');
    }
  }

  private async take(): Promise<ConnectorPulse> {
    const entities = await standings(
      this.dataSource,
      this.session.syncs.map(({ entity }) => entity),
    );
    for (const { entity, oldestPendingAt } of entities) oldestPending.set(entity, oldestPendingAt);
    const control = await this.control.state();
    const { observe } = control;
    const blocked = this.control.blocked(control);
    const { state, detail } = this.runner.status();
    return {
      connector: this.runner.name,
      instance: this.instance,
      work: blocked === 'disabled' ? blocked : blocked ? 'paused' : state,
      ...pulseDetail(blocked ?? detail),
      observe,
      entities: entities.map((one) => ({ ...one, oldestPendingAt: one.oldestPendingAt?.toISOString() ?? null })),
      at: new Date().toISOString(),
    };
  }
}

const pulseDetail = (detail: string) => (detail === '' ? {} : { detail: detail.slice(0, 500) });
