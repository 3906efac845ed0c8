import { randomUUID } from 'node:crypto';
import type { Session } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import { createLogger } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import { batchOf, until } from '../bed.testing.js';
import { TestDatabase } from '../database.testing.js';
import { Guards } from '../guards/guards.js';
import { Intake } from '../intake/intake.js';
import { Control } from '../operators/control.js';
import { TableTarget } from '../table-target.testing.js';
import { Gate } from './gate.js';
import { lanesOf, Traffic } from './lanes.js';
import { Mapper } from './mapper.js';
import { Wakeup } from './wakeup.js';
import { Worker } from './worker.js';

const logger = createLogger('test', 'fatal');

/** Workers around a table of PostgreSQL as their target, on a day that a test may choose; without jobs, reports and an API. */
export class WorkerBed {
  readonly gate: Gate;
  readonly intake: Intake;
  readonly wakeup = new Wakeup();
  control: Control;
  /** Today at the workers, `YYYY-MM-DD`. */
  today = '2026-11-24';
  private readonly guards: Guards;
  private readonly workers: Worker[] = [];

  private constructor(
    private readonly database: TestDatabase,
    readonly target: TableTarget,
  ) {
    const { dataSource } = database;
    this.gate = new Gate(target, logger);
    this.control = new Control(dataSource, this.wakeup, logger);
    this.guards = new Guards(dataSource);
    this.intake = new Intake(dataSource, this.wakeup, logger);
    this.gate.start();
    this.work(2);
  }

  static async start(): Promise<WorkerBed> {
    const database = await TestDatabase.create();
    return new WorkerBed(database, await new TableTarget(database.dataSource).create());
  }

  get dataSource(): DataSource {
    return this.database.dataSource;
  }

  /** Starts so many workers beside those that work already. */
  work(count: number, session: Session = this.target): void {
    const { dataSource, gate, control, guards, wakeup } = this;
    for (let i = 0; i < count; i++) {
      const { live, bulk } = lanesOf(session);
      const worker = new Worker({
        name: randomUUID(),
        connector: 'table',
        lanes: i === 0 ? [live, bulk] : [live],
        traffic: new Traffic(),
        mapper: new Mapper(session, dataSource, () => this.today),
        ...{ session, dataSource, gate, control, guards, wakeup, logger },
      });
      worker.start();
      this.workers.push(worker);
    }
  }

  /** Ends all workers. */
  async rest(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.stop()));
  }

  async stop(): Promise<void> {
    this.gate.end();
    await this.rest();
    await this.database.drop();
  }

  /** As at a start: what was switched is read anew. */
  forgetSwitches(): void {
    this.control = new Control(this.dataSource, this.wakeup, logger);
  }

  take(entity: Entity, ...states: [Record<string, unknown>, number][]): Promise<void> {
    return this.intake.take(entity, entity === 'structure' ? 0 : 1, batchOf(entity, states));
  }

  /** Waits until nothing is due, now or later. */
  settled(): Promise<void> {
    return this.until('due_at is not null or claimed_by is not null', 'the ledger did not settle');
  }

  /** Waits until nothing is due at this moment. */
  idle(): Promise<void> {
    return this.until('due_at <= now() or claimed_by is not null', 'the ledger did not come to rest');
  }

  async status(id: string) {
    const [row] = (await this.dataSource.query('select status, error, waits_for from ledger where id = $1', [id])) as {
      status: string;
      error: { message: string } | null;
      waits_for: string[] | null;
    }[];
    return row;
  }

  private until(busy: string, otherwise: string): Promise<void> {
    return until(async () => {
      const [row] = (await this.dataSource.query(`select exists (select from ledger where ${busy}) as busy`)) as {
        busy: boolean;
      }[];
      return row?.busy === false;
    }, otherwise);
  }
}
