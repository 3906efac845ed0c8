import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { Scan, Step } from './scan.js';
import { endOfRange } from './scan.sql.js';

/** Entities looked at in one step. */
const RANGE = 1000;
/** While one range is mapped, the next one is read. */
const AT_ONCE = 2;
/** Ranges given out before they are asked for: enough to go on with while a thread starts. */
const AHEAD = 16;
const MOST_THREADS = 3;

/** Entities of one kind whose ids come after `after`, up to and with `until`; null: from the first, to the last. */
export interface Range {
  readonly entity: Entity;
  readonly after: string | null;
  readonly until: string | null;
}

/** What a thread answers, in the order in which it was asked by number. */
export type Answer = { readonly ask: number } & ({ readonly step: Step } | { readonly error: string });

/** How many threads can work beside the one that serves live changes. */
export const threadCount = () => Math.min(availableParallelism() - 1, MOST_THREADS);

/** How threads are started. */
export interface ThreadStart {
  /** The module with which the process was started. */
  readonly main: string;
  /** The settings of the process; the files that held some of them may say something else by now. */
  readonly env: NodeJS.ProcessEnv;
}

/** Who looks at ranges. */
interface Looker {
  look(range: Range): Promise<Step>;
}

/**
 * A scan of the whole of one kind of entity that trusts the ledger, in several threads, this one among them: mapping takes most of
 * its time. Ranges are given out ahead, to whoever is free, and come back in the order of ids.
 */
export class ThreadedScan {
  private readonly threads: ScanThread[];
  private readonly free: Looker[];
  private readonly wanting: ((looker: Looker) => void)[] = [];
  private ahead: { readonly after: string | null; readonly step: Promise<Step> }[] = [];
  /** Where the next range begins; undefined behind the last one. */
  private next: string | null | undefined = null;

  constructor(
    private readonly dataSource: DataSource,
    here: Scan,
    private readonly entity: Entity,
    start: ThreadStart,
    threads: number,
  ) {
    this.threads = Array.from({ length: threads }, () => new ScanThread(start));
    const lookers = [{ look: ({ after, until }: Range) => here.range(after, until) }, ...this.threads];
    this.free = Array.from({ length: AT_ONCE }, () => lookers).flat();
  }

  async step(after: string | null): Promise<Step> {
    if (this.ahead[0]?.after !== after) {
      this.ahead = [];
      this.next = after;
    }
    while (this.next !== undefined && this.ahead.length < AHEAD) {
      const range = { entity: this.entity, after: this.next };
      const until = await endOfRange(this.dataSource, { ...range, count: RANGE });
      const step = this.look({ ...range, until });
      // Its failure is met when it is asked for.
      step.catch(() => undefined);
      this.ahead.push({ after: this.next, step });
      this.next = until ?? undefined;
    }
    return this.ahead.shift()!.step;
  }

  close(): void {
    for (const thread of this.threads) thread.end();
  }

  /** Has whoever is free first look at a range. */
  private async look(range: Range): Promise<Step> {
    const looker = this.free.shift() ?? (await new Promise<Looker>((resolve) => this.wanting.push(resolve)));
    try {
      return await looker.look(range);
    } finally {
      const next = this.wanting.shift();
      if (next) next(looker);
      else this.free.push(looker);
    }
  }
}

/** A thread of this process that was started with the same module, and knows by that what it is there for. */
class ScanThread implements Looker {
  private readonly worker: Worker;
  private readonly asked = new Map<number, PromiseWithResolvers<Step>>();
  private count = 0;
  private failure: Error | undefined;

  constructor({ main, env }: ThreadStart) {
    this.worker = new Worker(main, { name: 'scan', env });
    // Whoever must not wait for it can leave.
    this.worker.unref();
    this.worker.on('message', (answer: Answer) => {
      const asked = this.asked.get(answer.ask);
      this.asked.delete(answer.ask);
      if ('step' in answer) asked?.resolve(answer.step);
      else asked?.reject(new Error(answer.error));
    });
    this.worker.on('error', (error) => this.fail(error as Error));
    this.worker.on('exit', () => this.fail(new Error('a thread that scans has ended')));
  }

  look(range: Range): Promise<Step> {
    const asked = Promise.withResolvers<Step>();
    if (this.failure) asked.reject(this.failure);
    else {
      this.asked.set(++this.count, asked);
      this.worker.postMessage({ ...range, ask: this.count });
    }
    return asked.promise;
  }

  end(): void {
    void this.worker.terminate();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const asked of this.asked.values()) asked.reject(this.failure);
    this.asked.clear();
  }
}
