/** For so long a job may do again at once what it could not do meanwhile. */
const SAVED_MS = 1000;
/** What a job has due is done in so long at its rate: what stops it finds no more than that. */
const WINDOW_MS = 3000;

/** What the rates of jobs allow. Pure: whoever asks says what time it is, in milliseconds. */
export class Rates {
  /** The instant up to which each job has used what its rate allows. */
  private readonly usedUntil = new Map<string, number>();

  /** How many entities a job may be given at `now`; one at its beginning, at most those of a second after a pause. */
  allowance(job: string, rate: number, now: number): number {
    return Math.floor(((now - this.since(job, rate, now)) * rate) / 1000);
  }

  /** Notes that it was given so many. */
  use(job: string, rate: number, now: number, given: number): void {
    this.usedUntil.set(job, this.since(job, rate, now) + (given * 1000) / rate);
  }

  /** Forgets a job that is over. */
  forget(job: string): void {
    this.usedUntil.delete(job);
  }

  private since(job: string, rate: number, now: number): number {
    return Math.max(now - SAVED_MS, this.usedUntil.get(job) ?? now - 1000 / rate);
  }
}

/** How many entities a job with this rate has due at most. */
export const windowOf = (rate: number, most: number): number => Math.min(most, Math.ceil((rate * WINDOW_MS) / 1000));
