import type { Entity, FieldFault, Master } from '@myelin/contracts';
import type { Rejected } from './errors.js';
import type { Row, RowValue } from './row.js';

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
  /**
   * Milliseconds after which a call that was begun and not answered can no longer take effect in the target. Nobody writes
   * an entity whose last call has no known outcome before then; the connector gives every call up by itself until then. A call
   * that was answered has taken effect or never will.
   */
  readonly callDeadlineMs: number;
  /**
   * Resolves when the target answers and is as the connector needs it; throws one of the four errors otherwise. Asked before any
   * work, and by connectors that only observe or are disabled: it writes nothing.
   */
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
  /** The referenced record of that key; undefined when it is unknown, gone or not in the target yet. */
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

/** Where an attribute of a row comes from, for people who ask why the target has a value. */
export interface Rule {
  /** Paths in the master record that decide the value: `usageName`, `roles.resource[].affectations`. */
  readonly from: readonly string[];
  /** The rule in one sentence. */
  readonly rule: string;
}

/** An entity to look for in the target. */
export interface Ref {
  /** Master id. */
  readonly id: string;
  /** Id in the target, where it is known. */
  readonly targetId: string | null;
  /** True: it was adopted and not written yet, so what stands under its id in the target need not carry the master id. */
  readonly adopted?: boolean;
}

/** An entity as it stands in the target. */
export interface Found {
  readonly targetId: string;
  readonly row: Row;
  /** Version of the entity in the target, where the protocol has one (ETag, entryCSN): a write may be made conditional on it. */
  readonly etag?: string;
}

/** An entity as a listing of the target shows it. */
export interface Listed extends Found {
  /** The master id that it carries; null when it carries none. */
  readonly id: string | null;
  /**
   * The strong identifiers that it carries (`scheme:value`, as the hub spells them), by which it may be adopted. Never what two may
   * share or take over from another: names, mails, logins.
   */
  readonly keys?: readonly string[];
  /** The name that stands in the place of the one that would be allocated. */
  readonly name?: string;
}

/** What the target answered to a write. */
export interface Written {
  readonly targetId: string;
  /** Version that the write made, where the target says it. */
  readonly etag?: string;
}

/** One entity to bring from `before` to `after`. */
export interface Change {
  /** Master id. */
  readonly id: string;
  /** Version of the master record that is carried out, for targets that keep it. */
  readonly epoch: number;
  readonly revision: number;
  /** Id in the target; null when it has none yet. */
  readonly targetId: string | null;
  /** True: it was adopted and this is its first write, which leaves the master id with it where the target keeps that. */
  readonly adopted?: boolean;
  /** The row last seen in the target; null when it is not there. */
  readonly before: Row | null;
  /** Version of `before` in the target, where it is known. */
  readonly etag: string | undefined;
  /** The row it must have; null when it must not exist there. */
  readonly after: Row | null;
  /** Attributes in which the two differ. */
  readonly changed: readonly string[];
  /** The name that was allocated to the record, where the sync asked for one. */
  readonly name: string | undefined;
  /** Of the request that caused the change: goes into the request to the target where the protocol has a place for it. */
  readonly correlationId: string | undefined;
}

/** Suspended first, removed when the grace is over: an error upstream can be taken back meanwhile. */
export interface Removal {
  /** The row of an entity that is closed but not removed. Pure; suspending a suspended row changes nothing. */
  suspend(row: Row): Row;
  /** Days between suspension and removal. */
  readonly graceDays: number;
}

/** What a mapping overlay of an establishment names of one kind of entity. */
export interface Overlaid {
  /** Attributes that it sets or drops. */
  readonly attributes: readonly string[];
  /** Classes that it gives to the entities, where a target has such. */
  readonly classes: readonly string[];
}

/** A value of an overlay as rows hold it, without what the target cannot hold. */
export interface Shaped {
  /** Undefined when nothing is left. */
  readonly value?: RowValue;
  /** Why parts of it were left out, without their values. */
  readonly unrepresentable?: readonly string[];
}

/** How an establishment changes the rows of a sync by configuration. */
export interface Overlayable {
  /** Why an overlay may not set or drop that attribute, or give that class; undefined when it may. Pure. */
  refuse(name: string, as: 'set' | 'drop' | 'class'): string | undefined;
  /** Called once, before anything else is asked: from then on these are read, compared and written as the sync's own. */
  own(overlaid: Overlaid): void;
  /** What an expression has given for that attribute, as a row holds it. Pure. */
  shape(attribute: string, value: RowValue): Shaped;
}

/** How changes are told in the language of the target, for people who want to see them or carry them out by hand. */
export interface Script {
  /** Media type of the file, and how its name ends: `text/x-ldif`, `ldif`. */
  readonly contentType: string;
  readonly extension: string;
  /** What stands before the first change. */
  readonly head: string;
  /** One change as the target's own tools understand it. Pure; the same change is the same text. */
  of(change: Change): string;
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
  /**
   * What should stand in the target: a row, null (must not exist there) or `SKIP`. Pure. While something required is not in the
   * target, it is asked for `validUntil` only.
   */
  map(master: Master<E>, context: MapContext): Mapped | null | typeof SKIP;
  /** Where each attribute of the rows comes from, by attribute name. */
  readonly rules?: Readonly<Record<string, Rule>>;
  /** Where an establishment may change the rows by configuration. */
  readonly overlay?: Overlayable;
  /**
   * How an entity leaves the target when `map` says null or the record is gone. Without it, and whenever the status of the record
   * is `erased`, it is removed at once.
   */
  readonly removal?: Removal;
  /**
   * Whether a change ends the use of the entity in the target, as suspension does: an account that was open and is open no more.
   * Pure. Guards count such a change as a suspension; without it, changes from row to row are all alike to them.
   */
  closes?(before: Row, after: Row): boolean;
  /**
   * True: an entity is read in the target each time before it is written, and compared with what stands there. For targets without
   * versions in which people edit by hand; others are read only when what stands there is not certain.
   */
  readonly readBeforeWrite?: boolean;
  /** The entity as the target has it, by its id there, else by master id; null when it is not there. */
  read(ref: Ref): Promise<Found | null>;
  /**
   * As `read`, for up to 500 entities in as few calls as the target allows, in the order of `refs`. Complete, or it fails as a
   * whole; only an entity that `read` would refuse by itself is answered with that refusal.
   */
  readMany?(refs: readonly Ref[]): Promise<readonly (Found | null | Rejected)[]>;
  /**
   * The versions of up to 500 entities as `Found.etag` tells them, in the order of `refs`, null for what is not there; fails as a
   * whole. For targets that change the version with every write of an entity, whoever wrote: what has the version that the last
   * write left is as that write left it, and need not be read.
   */
  readVersions?(refs: readonly Ref[]): Promise<readonly (string | null)[]>;
  /**
   * All entities of this kind that the target holds, ours and those of others, in pages of at most 500; it ends when the target has
   * said that there are no more, and throws otherwise. What comes or goes meanwhile may be left out or come twice. Without it a
   * target can be verified, but nobody can tell what it has beyond what it must have.
   */
  list?(): AsyncIterable<readonly Listed[]>;
  /** Changes as a file that the target's own tools understand; the same form for all syncs of a connector that have one. */
  readonly script?: Script;
  /**
   * Carries out one change and returns the id in the target. Safe to repeat: a second call with the same change leaves the
   * same state and creates nothing twice.
   */
  write(change: Change): Promise<Written>;
}
