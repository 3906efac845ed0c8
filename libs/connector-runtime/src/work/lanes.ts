import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '@myelin/connector';
import { BULK } from './claim.sql.js';

/** Where live changes came, more come: bulk work keeps aside for so long after the last batch, times the batches shortly before it. */
const LIVE_FOR_MS = 200;
const SHORTLY_MS = 2000;
const MOST_BATCHES = 10;

/** While live changes pass, whoever works beside them does nothing for so long, as a multiple of what a piece of work took. */
export const REST_BESIDE = 2;
const LONGEST_REST_MS = 1000;

/** Of live changes, of bulk work, and of bulk work while live changes pass: one of an entity in hand waits for its batch. */
const LIVE: Width = { batch: 200, parallel: 32, rest: 0 };
const BULK_ALONE: Width = { batch: 64, parallel: 8, rest: 0 };
const BULK_BESIDE: Width = { batch: 16, parallel: 2, rest: REST_BESIDE };

/** How much is done at once. */
export interface Width {
  /** Entities taken at once. */
  readonly batch: number;
  /** Deliveries under way at once; the connector's own pool may hold them back further. */
  readonly parallel: number;
  /** How long nothing is done after a batch, as a multiple of what the batch took: the busier all is, the longer. */
  readonly rest: number;
}

/** A kind of work. */
export interface Lane {
  /** The first ones first. */
  readonly priorities: readonly number[];
  /** It may wait while live changes pass. */
  readonly isBulk: boolean;
  readonly alone: Width;
  /** The width while live changes pass. */
  readonly beside: Width;
}

/** Whether live changes pass: known to all workers of a process. */
export class Traffic {
  /** When the last batches of live changes were taken: the newest, and those shortly before it. */
  private taken: number[] = [];

  constructor(private readonly now: () => number = () => performance.now()) {}

  get isLive(): boolean {
    const last = this.taken.at(-1);
    return last !== undefined && this.now() - last < LIVE_FOR_MS * this.taken.length;
  }

  passes(): void {
    const now = this.now();
    this.taken = [...this.taken, now].filter((at) => now - at < SHORTLY_MS).slice(-MOST_BATCHES);
  }
}

/** Does nothing for a multiple of the time that has gone by since `began`, in milliseconds of `performance.now()`. */
export async function rest(began: number, times: number): Promise<void> {
  if (times > 0) await sleep(Math.min((performance.now() - began) * times, LONGEST_REST_MS));
}

/** Live changes, and what may wait while those pass: little of that then stands in front of them, here and in the target. */
export function lanesOf({ syncs }: Session): { live: Lane; bulk: Lane } {
  const live = syncs.map((_, index) => index);
  const bulk = live.map((priority) => priority + BULK);
  return {
    live: { priorities: live, isBulk: false, alone: LIVE, beside: LIVE },
    bulk: { priorities: bulk, isBulk: true, alone: BULK_ALONE, beside: BULK_BESIDE },
  };
}

/** Runs `work` over the items, at most `limit` at once. */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
}
