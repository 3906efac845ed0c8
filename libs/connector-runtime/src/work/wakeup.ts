import { Injectable } from '@nestjs/common';

/** Lets one part of the process tell another that there is something to do, so that nobody polls fast for nothing. */
class Bell {
  private readonly waiting = new Set<() => void>();
  private calls = 0;

  /** Number of calls so far: taken before looking for work, given to `wait`, so that no call between the two is missed. */
  get seen(): number {
    return this.calls;
  }

  wake(): void {
    this.calls++;
    for (const resume of [...this.waiting]) resume();
  }

  /** Resolves when `wake` was called after `seen` was taken, or after `ms`. */
  wait(ms: number, seen: number): Promise<void> {
    if (seen !== this.calls) return Promise.resolve();
    return new Promise((resolve) => {
      const resume = () => {
        clearTimeout(timer);
        this.waiting.delete(resume);
        resolve();
      };
      const timer = setTimeout(resume, ms);
      this.waiting.add(resume);
    });
  }
}

/** Who is woken: workers when entities have become due, the publisher when reports are stored. */
@Injectable()
export class Wakeup {
  /** For workers that take live changes. */
  readonly live = new Bell();
  /** For workers that take only what may wait. */
  readonly bulk = new Bell();
  readonly reports = new Bell();
  /** For who works on jobs and on what is made due in small steps. */
  readonly jobs = new Bell();

  /** Wakes all workers. */
  workers(): void {
    this.live.wake();
    this.bulk.wake();
  }
}
