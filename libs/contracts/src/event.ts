import { randomBytes } from 'node:crypto';
import type { Entity } from './master.js';

export const EVENT_KINDS = [
  'created',
  'updated',
  'deactivated',
  'reactivated',
  'merged',
  'split',
  'deleted',
  'erased',
] as const;
/** What happened last to the record: a hint that compaction may lose, never to be relied on. */
export type EventKind = (typeof EVENT_KINDS)[number];

/** CloudEvents 1.0 attributes and extensions of every message (binary mode: one Kafka header each, prefixed `ce_`). */
export interface MessageAttributes {
  /** The same message sent again has the same id. */
  id: string;
  source: string;
  type: string;
  /** Key of the message. */
  subject: string;
  /** RFC 3339. */
  time: string;
  dataschema: string;
  correlationid?: string;
  causationid?: string;
  /** Source system that caused the change. */
  origin?: string;
  traceparent?: string;
}

/**
 * What a message on a referential topic says beside: `(epoch, revision)` orders the states of one subject, a lower pair is
 * refused, an equal one changes nothing. `id` is `<epoch>-<master id>-<revision>`, `source` `/referentials/<entity>`, `type`
 * `fr.myelin.<entity>.<kind>.v1`, `subject` the master id, `time` the transaction time.
 */
export interface EventAttributes extends MessageAttributes {
  epoch: number;
  revision: number;
  /** Of the topic: a topic that was lost and began anew carries a newer one (UUIDv7, compared as text). */
  incarnation?: string;
}

/** Where a change came from; carried from the request to every target. */
export interface Cause {
  correlationId: string;
  causationId?: string;
  /** Source system that caused the change. */
  origin?: string;
  /** Who asked for it: an account or a process. */
  actor?: string;
  reason?: string;
  /** W3C trace context. */
  traceparent?: string;
}

/** The order of states, compared as the consumer rule says: negative when `a` is older than `b`. */
export function compareVersions(
  a: { epoch: number; revision: number },
  b: { epoch: number; revision: number },
): number {
  return a.epoch - b.epoch || a.revision - b.revision;
}

export const eventSource = (entity: Entity) => `/referentials/${entity}`;
export const eventType = (entity: Entity, kind: EventKind) => `fr.myelin.${entity}.${kind}.v1`;
export const eventId = (subject: string, epoch: number, revision: number) => `${epoch}-${subject}-${revision}`;

/** A fresh correlation id: 32 hexadecimal digits, usable as a W3C trace id. */
export const newCorrelationId = () => randomBytes(16).toString('hex');
