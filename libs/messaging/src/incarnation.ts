import { v7 as uuidv7 } from 'uuid';
import type { Received } from './message.js';

/** A topic is another one than its reader has known: it was lost and began anew. Reading waits until a person accepted that. */
export class OtherIncarnation extends Error {
  constructor(
    readonly topic: string,
    /** The incarnation that was found. */
    readonly found: string,
    whatToDo: string,
  ) {
    super(`topic ${topic} is another one than was read so far: it was lost and began anew. ${whatToDo}`);
    this.name = 'OtherIncarnation';
  }
}

/** The incarnation that follows `previous`: a UUIDv7, greater than it whatever the clock says. */
export function nextIncarnation(previous: string | null): string {
  const next = uuidv7();
  if (previous === null || next > previous) return next;
  return uuidv7({ msecs: Number.parseInt(previous.replaceAll('-', '').slice(0, 12), 16) + 1 });
}

/**
 * The newest incarnation that these messages carry; undefined when they carry none (sent before 0.2). Older ones beside it
 * are what a topic kept of its past: their states are older or equal, and taken like any other.
 */
export function newestIncarnation(events: readonly Received[]): string | undefined {
  let newest: string | undefined;
  for (const { attributes } of events) {
    const { incarnation } = attributes;
    if (incarnation !== undefined && (newest === undefined || incarnation > newest)) newest = incarnation;
  }
  return newest;
}
