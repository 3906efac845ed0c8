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

/** What the database remembers of its publications. */
export interface Publication {
  epoch: number;
  /** Carried by every message; null before the first topic. */
  incarnation: string | null;
  /** The end of each partition after the last transaction that was recorded; empty when none was under this incarnation. */
  ends: readonly bigint[];
}

/** A state on the topic. */
export interface PublishedState {
  id: string;
  epoch: number;
  revision: number;
  /** Transaction time, RFC 3339. */
  time: string;
}

/** A dirty entity with its newest committed state. */
export interface OutboxRow {
  /** Master id: key and subject of the message. */
  id: string;
  revision: number;
  epoch: number;
  incarnation?: string | null;
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
  /**
   * Deletes the rows whose revision has not moved on and records how far the topic reaches: nothing of both when epoch or
   * incarnation have changed meanwhile, since the rows are then to be published under the new one.
   */
  done(rows: readonly { id: string; revision: number }[], sent: Publication): Promise<void>;
  publication(): Promise<Publication>;
  /** Replaces the incarnation `previous`, if it still is the present one, and forgets the recorded ends. */
  renew(previous: string | null, next: string): Promise<void>;
  /** One of the states, all of the present epoch, that the history does not hold; null when it holds them all. */
  findUnknown(states: readonly PublishedState[]): Promise<PublishedState | null>;
  /** Size and age of what waits, for metrics; approximate. */
  depth(): Promise<{ rows: number; oldestSeconds: number }>;
}
