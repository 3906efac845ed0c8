import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Connector, Session } from '@myelin/connector';
import { Health, LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Control } from '../operators/control.js';
import { Gate, type GateState } from './gate.js';
import { Guards } from '../guards/guards.js';
import { lanesOf, Traffic } from './lanes.js';
import { Mapper } from './mapper.js';
import { Wakeup } from './wakeup.js';
import { Worker } from './worker.js';

/** Injection token of the session with the target. */
export const SESSION = Symbol('session');
/** Injection token of the connector. */
export const CONNECTOR = Symbol('connector');

const PARIS_DAY = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' });

/** Runs the workers of a connector for as long as the process lives. */
@Injectable()
export class ConnectorRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly workers: Worker[];

  constructor(
    @Inject(CONNECTOR) private readonly connector: Connector,
    @Inject(SESSION) private readonly session: Session,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Gate) private readonly gate: Gate,
    @Inject(Mapper) mapper: Mapper,
    @Inject(Control) control: Control,
    @Inject(Guards) guards: Guards,
    @Inject(Traffic) traffic: Traffic,
    @Inject(Wakeup) wakeup: Wakeup,
    @Inject(Health) private readonly health: Health,
    @Inject(LOGGER) logger: Logger,
  ) {
    const instance = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
    const { live, bulk } = lanesOf(session);
    // While one batch is recorded, another keeps the target busy; one worker is always there for live changes.
    this.workers = [[live], [live, bulk], [bulk]].map(
      (lanes, index) =>
        new Worker({
          name: `${instance}-${index}`,
          connector: connector.name,
          ...{ lanes, traffic, session, dataSource, mapper, gate, control, guards, wakeup, logger },
        }),
    );
  }

  get name(): string {
    return this.connector.name;
  }

  status(): { state: GateState; detail: string } {
    return this.gate.status();
  }

  onApplicationBootstrap(): void {
    this.health.register('database', async () => {
      await this.dataSource.query('select 1');
      return { status: 'ok' };
    });
    this.health.register('target', () => {
      const { state, detail } = this.gate.status();
      return { status: state === 'open' ? 'ok' : 'degraded', detail: state === 'open' ? state : `${state}: ${detail}` };
    });
    this.gate.start();
    for (const worker of this.workers) worker.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.gate.end();
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await this.session.close();
    await this.dataSource.destroy();
  }
}

/** Today in Europe/Paris, `YYYY-MM-DD`. */
export const parisToday = () => PARIS_DAY.format(new Date());
