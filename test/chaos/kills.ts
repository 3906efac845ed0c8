import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../deploy/demo/population/random.js';

/** A process that may be killed with -9 and started again. */
export interface Victim {
  readonly name: string;
  kill(): Promise<unknown>;
  start(): Promise<void>;
}

/** How often a victim dies and how long it stays dead, as the least and the most milliseconds. */
export interface Pace {
  readonly upMs: readonly [number, number];
  readonly downMs: readonly [number, number];
}

/** Kills a process and starts it again at random moments until `end`; it runs when this is over. Answers how often. */
export async function killNowAndThen(victim: Victim, pace: Pace, random: Random, end: AbortSignal): Promise<number> {
  for (let kills = 0; ; kills++) {
    if (!(await paused(random.integer(...pace.upMs), end))) return kills;
    await victim.kill();
    await paused(random.integer(...pace.downMs), end);
    await victim.start();
  }
}

/** Waits; false when `end` came first. */
const paused = (ms: number, end: AbortSignal): Promise<boolean> =>
  sleep(ms, true, { signal: end }).catch((error: Error) => {
    if (end.aborted) return false;
    throw error;
  });
