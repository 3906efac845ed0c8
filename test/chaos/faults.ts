import { Random } from '../../deploy/demo/population/random.js';

/** What may go wrong on the way to the target and back. */
export const FAULTS = [
  /** The request is executed at once, its answer comes late or after the caller has given up. */
  'delayedAnswer',
  /** The request is executed late, also when the caller has given up meanwhile. */
  'delayedExecution',
  /** The connection is cut before the request is executed. */
  'cutBefore',
  /** The connection is cut after the request was executed. */
  'cutAfter',
  /** The request is executed twice, a while apart, and answered then. */
  'repeated',
  /** The request is executed and answered, and executed once more later. No rule of a caller helps against it but a condition. */
  'repeatedAfterAnswer',
  /** 429 with `Retry-After`. */
  'throttled',
  /** 503 with `Retry-After`. */
  'unavailable',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Share of the requests that each fault meets, from 0 to 1. */
export type FaultRates = Readonly<Partial<Record<Fault, number>>>;

const CHANGES = ['PATCH', 'DELETE'];
const WRITES = ['PUT', ...CHANGES];
/** Faults that not every request can meet. No condition would hold back a repeated creation once its row is gone again. */
const CONCERNS: Readonly<Partial<Record<Fault, readonly string[]>>> = {
  delayedExecution: WRITES,
  repeated: WRITES,
  repeatedAfterAnswer: CHANGES,
};

/** Draws faults, always the same for the same seed and the same sequence of requests, and counts those that happened. */
export class Faults {
  rates: FaultRates = {};
  readonly counts = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed, 1);
  }

  /** The fault that meets the next request, if any. */
  draw(method: string): Fault | undefined {
    let place = this.random.next();
    const drawn = FAULTS.find((fault) => (place -= this.rates[fault] ?? 0) < 0);
    if (drawn === undefined || CONCERNS[drawn]?.includes(method) === false) return undefined;
    this.counts[drawn]++;
    return drawn;
  }

  /** Milliseconds from 0 to `most`. */
  delay(most: number): number {
    return this.random.integer(0, most);
  }
}
