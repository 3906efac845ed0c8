import type { EventKind } from '@myelin/contracts';

/** The exclusive right to relay one referential, held by a database session of its own. */
export interface Leadership {
  /** Resolves when the session, and the right with it, is lost. */
  readonly lost: Promise<void>;
  /** Asks the database whether the right is still held. */
  held(): Promise<boolean>;
  /** Gives the right back and closes the session. */
  release(): Promise<void>;
}

/** A dirty entity with its newest committed state. */
export interface OutboxRow {
  /** Master id: key and subject of the message. */
  id: string;
  revision: number;
  epoch: number;
  kind: EventKind;
  /** JSON text of the whole state, passed through untouched; null is a tombstone. */
  value: string | null;
  /** Transaction time, RFC 3339. */
  time: string;
  correlationId?: string | null;
  causationId?: string | null;
  /** Source system that caused the change. */
  origin?: string | null;
  /** W3C trace context. */
  traceparent?: string | null;
}

/** The set of dirty entities of one referential, as the relay needs it. */
export interface Outbox {
  /** Takes the exclusive right to relay; null when another holds it. */
  lead(): Promise<Leadership | null>;
  /** Dirty entities with an id greater than `after` (null: from the start), in id order, at most `limit`; always the newest committed state. */
  read(after: string | null, limit: number): Promise<OutboxRow[]>;
  /** Deletes the rows whose revision has not moved. */
  done(rows: readonly { id: string; revision: number }[]): Promise<void>;
  /** Size and age of what waits, for metrics; approximate. */
  depth(): Promise<{ rows: number; oldestSeconds: number }>;
}
