import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { Mapper } from '../work/mapper.js';
import { Adoption } from './adoption.js';
import { isWhole, type Job } from './job.js';
import { canList } from './listing.js';
import { Scan, type Step } from './scan.js';
import { threadCount, ThreadedScan, type ThreadStart } from './scan.threads.js';
import { Sweep } from './sweep.js';
import { UndoScan } from './undo.js';

/** To start threads takes as long as to map a few thousand entities. */
const MANY = 3000;

interface Open {
  readonly entity: Entity;
  readonly scan: { step(after: string | null): Promise<Step> };
  close(): void;
}

/** The scans under way, by job: each goes on where its last step ended. */
export class Scans {
  private readonly open = new Map<string, Open>();

  /** Without `threads` all is mapped in the thread that asks. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly mapper: Mapper,
    private readonly threads?: ThreadStart,
  ) {}

  /** Looks at the next entities of a job after `after`. */
  step(job: Job, entity: Entity, after: string | null): Promise<Step> {
    let known = this.open.get(job.id);
    if (known?.entity !== entity) {
      known?.close();
      known = this.begin(job, entity);
      this.open.set(job.id, known);
    }
    return known.scan.step(after);
  }

  forget(job: string): void {
    this.open.get(job)?.close();
    this.open.delete(job);
  }

  /** Ends the scans of all jobs but these. */
  keepOnly(jobs: readonly string[]): void {
    for (const job of this.open.keys()) if (!jobs.includes(job)) this.forget(job);
  }

  private begin(job: Job, entity: Entity): Open {
    const { id, mode, scope, total, undoes } = job;
    if (undoes !== null) {
      return { entity, scan: new UndoScan(this.dataSource, this.mapper, entity, undoes), close: () => undefined };
    }
    const scan = new Scan(this.dataSource, this.mapper, entity, mode, scope);
    const sync = this.mapper.syncs.get(entity);
    if ((mode === 'reconcile' || mode === 'adopt') && canList(sync)) {
      const { dataSource, mapper } = this;
      const sweep =
        mode === 'adopt' ? new Adoption(dataSource, mapper, sync, job) : new Sweep(dataSource, scan, sync, id);
      return { entity, scan: sweep, close: () => sweep.close() };
    }
    const [{ dataSource, threads: start }, threads] = [this, threadCount()];
    if (start === undefined || threads < 1 || mode !== 'trust' || !isWhole(scope) || (total ?? 0) < MANY) {
      return { entity, scan, close: () => undefined };
    }
    let threaded: ThreadedScan | undefined;
    const step = async (after: string | null) => {
      if (threaded) return threaded.step(after);
      const found = await scan.step(after);
      // As much to map as one step looks at: there will be more. To find that nothing has changed takes no threads.
      if (found.last !== null) threaded = new ThreadedScan(dataSource, scan, entity, start, threads);
      return found;
    };
    return { entity, scan: { step }, close: () => threaded?.close() };
  }
}
