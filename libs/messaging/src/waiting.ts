/** Resolves after `ms`, or at once when `signal` is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** Waits for `work` at most `ms`; true when it ended, well or badly, in that time. */
export async function bounded(work: Promise<unknown>, ms: number): Promise<boolean> {
  const done = new AbortController();
  let ended = false;
  const end = () => {
    ended = true;
    done.abort();
  };
  work.then(end, end);
  await pause(ms, done.signal);
  return ended;
}

/** Waiting times that double from `first` to `most` milliseconds. */
export class Backoff {
  private next: number;

  constructor(
    private readonly first: number,
    private readonly most: number,
  ) {
    this.next = first;
  }

  reset(): void {
    this.next = this.first;
  }

  take(): number {
    const ms = this.next;
    this.next = Math.min(this.next * 2, this.most);
    return ms;
  }
}
