import { hostname } from 'node:os';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Session } from '@myelin/connector';
import {
  CONNECTOR_PULSED,
  referentialTopic,
  type ConnectorPulse,
  type Entity,
  type EntityPulse,
} from '@myelin/contracts';
import { BatchConsumer, Publisher } from '@myelin/messaging';
import { briefly, Gauge, LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Control } from '../operators/control.js';
import { standings, type Standing } from './pulse.sql.js';
import { ConnectorRunner, SESSION } from '../work/runner.js';

const EVERY_MS = 10_000;

/** When the oldest unseen change of each kind of entity was made, read or not, as of the last pulse. */
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
    @Inject(BatchConsumer) private readonly consumer: BatchConsumer,
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
    const known = await standings(
      this.dataSource,
      this.session.syncs.map(({ entity }) => entity),
    );
    const entities = known.map((standing) => this.withReading(standing));
    for (const { entity, oldestPendingAt, unreadSince } of entities)
      oldestPending.set(entity, earlier(oldestPendingAt, unreadSince));
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
      entities,
      at: new Date().toISOString(),
    };
  }

  /** The ledger knows only what was read: what may be unread is the consumer's to tell. */
  private withReading({ oldestPendingAt, ...counts }: Standing): EntityPulse {
    const { name } = referentialTopic(counts.entity);
    const { unreadSince, detail } = this.consumer.reading().find(({ topic }) => topic === name) ?? {};
    return {
      ...counts,
      oldestPendingAt: oldestPendingAt?.toISOString() ?? null,
      ...(unreadSince && { unreadSince: unreadSince.toISOString() }),
      ...(detail !== undefined && { unreadDetail: detail.slice(0, 500) }),
    };
  }
}

function earlier(...times: (string | null | undefined)[]): Date | null {
  const [first] = times.flatMap((time) => time ?? []).sort();
  return first === undefined ? null : new Date(first);
}

const pulseDetail = (detail: string) => (detail === '' ? {} : { detail: detail.slice(0, 500) });
