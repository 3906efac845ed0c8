import type { Entity, FieldFault, Master } from '@myelin/contracts';
import type { Row } from './row.js';

/**
 * A connector: what one target needs to be brought to the state of the referentials. Plain TypeScript, no framework:
 * order, retries, waiting, parking, comparison and storage belong to the runtime.
 */
export interface Connector {
  /** Name in ledgers, logs and metrics (`ldap`). */
  readonly name: string;
  /** Prepares to work on the target without asking anything of it: whether it answers is for `check` to say. */
  open(): Promise<Session>;
}

/** An open target. */
export interface Session {
  /** One sync per entity the connector writes, in the order in which entities should arrive (referenced ones first). */
  readonly syncs: readonly Sync[];
  /** Resolves when the target answers and is as the connector needs it; throws one of the four errors otherwise. Asked before any work. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Another master record that a record names. */
export interface Reference {
  readonly entity: Entity;
  /** `scheme:value`, with `hub:<id>` for a master id. */
  readonly key: string;
  /** True: the target must have it before this entity is written. False: left out until it arrives. */
  readonly required: boolean;
}

/** What the runtime knows of a referenced record that the target already has. */
export interface Referenced {
  readonly master: Master;
  /** Its id in the target. */
  readonly targetId: string;
}

/** A name that the target needs and the hub does not hold, such as a login: allocated once, never given to another. */
export interface NameRequest {
  /** First candidate; homonyms get the smallest free number from 2 appended. */
  readonly base: string;
  /** Longest name allowed, number included. */
  readonly maxLength: number;
}

/** What a mapping may know beside the record; a mapping is pure. */
export interface MapContext {
  /** Today in Europe/Paris, `YYYY-MM-DD`. */
  readonly today: string;
  /** The name allocated to this record, where the sync asked for one. */
  readonly name: string | undefined;
  /** The referenced record of that key; undefined when it is unknown or not in the target yet. */
  reference(key: string): Referenced | undefined;
}

/** What should stand in the target. */
export interface Mapped {
  readonly row: Row;
  /** Day (`YYYY-MM-DD`) on which the record must be mapped again although nothing arrived. */
  readonly validUntil?: string;
  /** Values that the target cannot hold: left out, and reported by field. */
  readonly unrepresentable?: readonly FieldFault[];
}

/** The record is none of this connector's business. */
export const SKIP = 'skip';

/** An entity as it stands in the target. */
export interface Found {
  readonly targetId: string;
  readonly row: Row;
}

/** One entity to bring from `before` to `after`. */
export interface Change {
  /** Master id. */
  readonly id: string;
  /** Id in the target; null when it has none yet. */
  readonly targetId: string | null;
  /** The row last seen in the target; null when it is not there. */
  readonly before: Row | null;
  /** The row it must have; null when it must not exist there. */
  readonly after: Row | null;
  /** Attributes in which the two differ. */
  readonly changed: readonly string[];
  /** The name that was allocated to the record, where the sync asked for one. */
  readonly name: string | undefined;
  readonly correlationId: string | undefined;
}

/** One entity kind of one target. */
export interface Sync<E extends Entity = Entity> {
  readonly entity: E;
  /** Version of the mapping and its code tables: entities mapped under another version are mapped again. */
  readonly version: string;
  /** The records that this one names, as of `today` (`YYYY-MM-DD`). */
  references?(master: Master<E>, today: string): readonly Reference[];
  /** The name to allocate for this record, if it needs one. */
  nameRequest?(master: Master<E>, today: string): NameRequest | undefined;
  /** What should stand in the target: a row, null (must not exist there) or `SKIP`. Pure. */
  map(master: Master<E>, context: MapContext): Mapped | null | typeof SKIP;
  /** The entity as the target has it, by its id there, else by master id; null when it is not there. */
  read(ref: { readonly id: string; readonly targetId: string | null }): Promise<Found | null>;
  /**
   * Carries out one change and returns the id in the target. Safe to repeat: a second call with the same change leaves the
   * same state and creates nothing twice.
   */
  write(change: Change): Promise<{ readonly targetId: string }>;
}
