import { existsSync, readFileSync } from 'node:fs';
import type { Services } from './hub.js';

/** What a bench found: both sides measured in one run, so that their ratio says something on any machine. */
export interface Result {
  readonly name: string;
  readonly n: number;
  readonly ours: number;
  readonly reference: number;
  readonly unit: string;
  /** Above 1 we are better than the reference, whether `unit` is a speed or a time; `memory` and `idle` say what theirs means. */
  readonly ratio: number;
  /** Most memory that our process under test ever had resident, in MB. */
  readonly peakRssMb: number;
}

/** Where a bench runs, how large it is, and whom it tells what it does. */
export interface Context {
  readonly n: number;
  readonly services: Services;
  log(text: string): void;
}

/** One bench of the list. */
export interface Bench {
  readonly name: string;
  /** Size unless told. */
  readonly n: number;
  run(context: Context): Promise<Omit<Result, 'name' | 'n'>>;
}

/** One repetition of one side: a figure, and counts read back afterwards to prove that the work was done. */
export interface Repetition {
  readonly value: number;
  readonly counts: Readonly<Record<string, number>>;
}

const TIMES = 3;

/**
 * Runs ours and the reference by turns, three times each unless told, and answers the median of each side.
 * @throws when the counts of the two sides differ: then they have not done the same work
 */
export async function alternate(
  { log }: Context,
  unit: string,
  ours: (round: number) => Promise<Repetition>,
  reference: (round: number) => Promise<Repetition>,
  times = TIMES,
): Promise<{ ours: number; reference: number }> {
  const values: { ours: number[]; reference: number[] } = { ours: [], reference: [] };
  for (let round = 1; round <= times; round++) {
    const [mine, other] = [await ours(round), await reference(round)];
    const counts = [mine, other].map((side) => JSON.stringify(Object.entries(side.counts).sort()));
    if (counts[0] !== counts[1]) throw new Error(`the two sides differ: ours ${counts[0]}, reference ${counts[1]}`);
    values.ours.push(mine.value);
    values.reference.push(other.value);
    log(`  ${round}/${times}: ours ${shown(mine.value)}, reference ${shown(other.value)} ${unit}`);
  }
  return { ours: median(values.ours), reference: median(values.reference) };
}

/** The result of a comparison of speeds: ours over the reference. */
export function speeds(sides: { ours: number; reference: number }, unit: string, peaks: readonly number[]) {
  return { ...sides, unit, ratio: sides.ours / sides.reference, peakRssMb: Math.max(...peaks) };
}

/** Seconds that some work took. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The value that a share `q` of the values does not exceed (nearest rank). */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new Error('there is no quantile of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number;
}

/** Most memory that a process ever had resident (VmHWM), in MB of 1,048,576 bytes. */
export function peakRssMb(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

/** Processor time that a process and its children, those that have ended too, have used so far, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command stands in brackets and may hold anything; the times, user and system, own and of ended children, are the 12th to 15th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.reduce(
    (sum, child) => sum + (existsSync(`/proc/${child}/stat`) ? cpuSeconds(Number(child)) : 0),
    ticks / TICKS_PER_SECOND,
  );
}

/** USER_HZ: 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** A figure with three digits that count. */
export function shown(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}
