import type { Entity } from '@myelin/contracts';
import type { Order } from '../operators/control.js';
import type { Population } from '../operators/populations.js';

/** Which entities a job is about; every restriction narrows, none means all. */
export interface Scope {
  readonly entities?: readonly Entity[];
  /** Master ids. */
  readonly ids?: readonly string[];
  /** Persons that have a role in it. */
  readonly population?: Population;
  /** A structure (`scheme:value`) with all below it, and the persons that name one of them. */
  readonly structure?: string;
  /** Changed in the referential at or after that instant, RFC 3339. */
  readonly changedSince?: string;
  /** Those that are parked. */
  readonly failedOnly?: boolean;
}

export const MODES = ['trust', 'verify', 'reconcile', 'adopt'] as const;
/**
 * `trust`: what the ledger says of the target is believed. `verify`: every entity is read there. `reconcile`: all that the target
 * holds is read, and what it has beyond what it must have is found too. `adopt`: all that the target holds is read, and what was
 * there before the hub goes into the ledger.
 */
export type Mode = (typeof MODES)[number];

export const KINDS = ['resync', 'remap', 'undo'] as const;

export const JOB_STATUSES = [
  /** Finding out what there is to do; nothing is written. */
  'planning',
  /** The plan is there and waits for somebody to execute it. */
  'planned',
  /** A guard does not allow the plan. */
  'refused',
  'running',
  'paused',
  'done',
  'cancelled',
  /** It could not be planned, or the plan had drifted too far. */
  'failed',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** A resynchronisation that somebody asked for, a mapping of everything under a new version, or what puts back what a job has overwritten. */
export interface Job {
  readonly id: string;
  readonly kind: (typeof KINDS)[number];
  readonly mode: Mode;
  readonly scope: Scope;
  readonly status: JobStatus;
  readonly automatic: boolean;
  readonly plan: string | null;
  /** The job whose writes it puts back. */
  readonly undoes: string | null;
  readonly author: string;
  readonly reason: string | null;
  /** Entities per second at most; after an interruption those of a few seconds may come at once. */
  readonly rate: number | null;
  /** Hours of the day in Europe/Paris in which it may write: what has begun at their end is finished, the rest waits for the next ones. */
  readonly hours: { readonly from: string; readonly to: string } | null;
  readonly driftPercent: number;
  readonly override: Order | null;
  readonly cursorEntity: Entity | null;
  readonly cursorId: string | null;
  readonly scanned: number;
  readonly total: number | null;
  readonly planHash: string | null;
  /** What the plan leaves alone; null until it is ready. */
  readonly apart: Apart | null;
  /** Some entities for each action of the plan; null until it is ready. */
  readonly samples: readonly Item[] | null;
  /** How the target differs; null until the plan is ready. */
  readonly findings: readonly FindingCount[] | null;
  readonly pausedFrom: 'planning' | 'running' | null;
  readonly failure: string | null;
  readonly requestedAt: Date;
  readonly plannedAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

/** Entities of a scope with which nothing can or shall be done now. */
export interface Apart {
  /** For another entity that the target does not have. */
  readonly waiting: number;
  /** None of this connector's business. */
  readonly skipped: number;
  /** Parked, and put away by somebody. */
  readonly dismissed: number;
}

/** What somebody asks for. */
export interface JobRequest extends Order {
  readonly kind: Job['kind'];
  readonly mode: Mode;
  readonly scope: Scope;
  readonly automatic: boolean;
  readonly plan?: string;
  readonly undoes?: string;
  readonly rate?: number;
  readonly hours?: { readonly from: string; readonly to: string };
  readonly driftPercent?: number;
  readonly override?: Order;
  readonly idempotencyKey?: string;
}

export const FINDINGS = [
  /** The target does not have what it must have. */
  'missing',
  /** It is as the last write left it, and the record has changed since. */
  'stale',
  /** Somebody else has changed it there. */
  'edited',
  /** It carries a master id and must not be there. */
  'orphan',
  /** It carries the master id of another that is there too. */
  'duplicate',
  /** It carries none. */
  'foreign',
  /** It carries a master id, and the ledger did not know that it is there. */
  'matched',
  /** It carries no master id, and the identifiers of one record. */
  'adoptable',
  /** It carries identifiers of several records, or of one that another entry claims too. */
  'conflict',
  /** Something newer than what is to be undone. */
  'changed',
] as const;
/** How a target differs from what it must be. */
export type Finding = (typeof FINDINGS)[number];

export interface FindingCount {
  readonly entity: Entity;
  readonly finding: string;
  readonly count: number;
}

/** An entity for which a job has something to do. */
export interface Item {
  readonly entity: Entity;
  readonly id: string;
  readonly action: string;
  readonly changed: readonly string[];
  /** Where the target was looked at. */
  readonly finding?: Finding | null;
  /** What is adopted: its id in the target. */
  readonly targetId?: string | null;
}

/** What the target has and nobody here answers for: no job touches it. */
export interface Stranger {
  readonly entity: Entity;
  readonly targetId: string;
  /** The master id that it carries. */
  readonly id: string | null;
  readonly finding: Finding;
  /** Of a conflict: the records that it may be. */
  readonly candidates?: readonly string[] | null;
}

/** Whether two scopes may touch the same entity for the same purpose: then only one of their jobs may run. */
export function overlap(a: Scope, b: Scope, all: readonly Entity[]): boolean {
  const [left, right] = [a.entities ?? all, b.entities ?? all];
  if (!left.some((entity) => right.includes(entity))) return false;
  return isWhole(a) || isWhole(b) || canonical(a) === canonical(b);
}

/** Whether a scope leaves nothing out of its entities. */
export const isWhole = ({ ids, population, structure, changedSince, failedOnly }: Scope) =>
  ids == null && population == null && structure == null && changedSince == null && failedOnly !== true;

/** The same text for the same scope, whatever the order of its parts. */
export function canonical(scope: Scope): string {
  const sorted = { ...scope, ...(scope.ids && { ids: [...scope.ids].sort() }) };
  return JSON.stringify(
    Object.entries(sorted)
      .filter(([, value]) => value != null)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
