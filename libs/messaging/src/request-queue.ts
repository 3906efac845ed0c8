import { createRequire } from 'node:module';

/** The parts of kafkajs's internal `RequestQueue` that the correction touches. */
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

const KNOWN_VERSION = '2.2.4';
const RECHECK_MS = 10;
const corrected = Symbol('corrected');

/**
 * Corrects the poll timer of kafkajs 2.2.4: with nothing to send it re-arms itself with a negative delay, which Node
 * turns into a loop of 1 ms per connection and, from version 24, a `TimeoutNegativeWarning` (kafkajs issue 1751, unmerged
 * corrections 1755 and 1768). With this a timer exists only while a request waits. False, with the library
 * left as it is, when the installed kafkajs is not the one this was written for.
 */
export function correctRequestQueue(): boolean {
  const load = createRequire(__filename);
  const { version } = load('kafkajs/package.json') as { version: string };
  const { prototype } = load('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueue & { [corrected]?: true };
  };
  if (prototype[corrected]) return true;
  const source = String(prototype.scheduleCheckPendingRequests);
  if (version !== KNOWN_VERSION || !source.includes('this.throttledUntil - Date.now()')) return false;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length === 0 || this.throttleCheckTimeoutId) return;
    const delay = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      delay > 0 ? delay : RECHECK_MS,
    );
  };
  prototype[corrected] = true;
  return true;
}
