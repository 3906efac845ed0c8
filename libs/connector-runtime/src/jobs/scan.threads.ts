import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { Step } from './scan.js';
import { endOfRange } from './scan.sql.js';

/** Entities that a thread looks at in one step. */
const RANGE = 1000;
/** While a thread maps one range, it reads the next one. */
const ASKED_AT_ONCE = 2;
const MOST_THREADS = 4;

/** Entities of one kind whose ids come after `after`, up to and with `until`; null: from the first, to the last. */
export interface Range {
  readonly entity: Entity;
  readonly after: string | null;
  readonly until: string | null;
}

/** What a thread answers, in the order in which it was asked by number. */
export type Answer = { readonly ask: number } & ({ readonly step: Step } | { readonly error: string });

/** How many threads can work beside the one that serves live changes. */
export const threadCount = () => Math.min(availableParallelism(), MOST_THREADS);

/**
 * A scan of the whole of one kind of entity that trusts the ledger, in threads: mapping takes most of its time, and none of the
 * time of live changes there. Steps are given out ahead, and come back in the order of ids.
 */
export class ThreadedScan {
  private readonly threads: ScanThread[];
  private ahead: { readonly after: string | null; readonly step: Promise<Step> }[] = [];
  /** Where the next range begins; undefined behind the last one. */
  private next: string | null | undefined = null;
  private turn = 0;

  /** `main` is the module with which the process was started. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly entity: Entity,
    main: string,
    threads: number,
  ) {
    this.threads = Array.from({ length: threads }, () => new ScanThread(main));
  }

  async step(after: string | null): Promise<Step> {
    if (this.ahead[0]?.after !== after) {
      this.ahead = [];
      this.next = after;
    }
    while (this.next !== undefined && this.ahead.length < this.threads.length * ASKED_AT_ONCE) {
      const range = { entity: this.entity, after: this.next };
      const until = await endOfRange(this.dataSource, { ...range, count: RANGE });
      const thread = this.threads[this.turn++ % this.threads.length]!;
      this.ahead.push({ after: this.next, step: thread.look({ ...range, until }) });
      this.next = until ?? undefined;
    }
    return this.ahead.shift()!.step;
  }

  close(): void {
    for (const thread of this.threads) thread.end();
  }
}

/** A thread of this process that was started with the same module, and knows by that what it is there for. */
class ScanThread {
  private readonly worker: Worker;
  private readonly asked = new Map<number, PromiseWithResolvers<Step>>();
  private count = 0;
  private failure: Error | undefined;

  constructor(main: string) {
    this.worker = new Worker(main, { name: 'scan' });
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
    // Its failure is met by the step that awaits it.
    asked.promise.catch(() => undefined);
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
