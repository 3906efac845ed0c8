import type { Row } from '@myelin/connector';
import type { DeliveryReport, Entity, FieldFault } from '@myelin/contracts';
import type { Claim } from './claim.sql.js';
import type { Action } from './decision.js';
import type { Mapping } from './mapper.js';

/** What the ledger says of an entity in the target. */
export const LEDGER_STATUSES = [
  /** Work is to be done, or under way. */
  'due',
  /** The target has the row. */
  'applied',
  /** The target has it in suspended form, until its grace is over. */
  'suspended',
  /** The target does not have it, as it should be. */
  'absent',
  /** None of this connector's business. */
  'skipped',
  /** Something that it requires is not in the target yet. */
  'waiting',
  /** The target refused it; it stays aside until it changes or somebody retries it. */
  'parked',
  /** Parked, and somebody has decided that it may stay so. */
  'dismissed',
  /** A guard holds the change back until somebody releases it. */
  'held',
  /** The connector only observes: the difference is noted, not written. */
  'observed',
] as const;
export type LedgerStatus = (typeof LEDGER_STATUSES)[number];

/** Why an entity is parked or comes back later: no value of the record in it. */
export interface LedgerError {
  readonly name: string;
  readonly message: string;
  readonly attributes?: readonly string[];
}

/** What became of a claim. */
export interface Result {
  readonly entity: Entity;
  readonly id: string;
  readonly mark: number;
  readonly status: LedgerStatus;
  readonly epoch: number;
  readonly revision: number;
  readonly projection: string;
  readonly targetId: string | null;
  /** It is still as it was adopted. */
  readonly adopted: boolean;
  readonly row: Row | null;
  readonly rowHash: string | null;
  /** The ledger already has this row. */
  readonly isRowKept: boolean;
  readonly etag: string | null;
  readonly suspendedOn: string | null;
  readonly unrepresentable: readonly FieldFault[] | null;
  /** Keys (`entity|scheme:value`) whose arrival in the target makes the entity due. */
  readonly waitsFor: readonly string[] | null;
  readonly error: LedgerError | null;
  readonly fingerprint: string | null;
  readonly ticket: string | null;
  /** What a guard holds back, or what would have been done by a connector that only observes. */
  readonly held: Action | null;
  readonly heldChanges: readonly string[] | null;
  /** Where a difference is only noted: as what the entity is switched on. */
  readonly observedAs: readonly string[] | null;
  readonly attempts: number;
  readonly verify: boolean;
  /** Milliseconds until the entity is due again; null when nothing but news makes it due. */
  readonly retryInMs: number | null;
  /** Milliseconds for which nobody may touch the entity: a call without an answer may still take effect. */
  readonly quarantineMs: number | null;
  /** Day in Europe/Paris at whose start the entity is due again. */
  readonly dueDay: string | null;
  readonly job: string | null;
  readonly permit: Action | null;
  /** What is told to the job; null while the entity is not done. */
  readonly outcome: string | null;
  /** What stood in the target before it was written for a job; null where it was not. */
  readonly overwritten: { readonly before: Row | null } | null;
  /** It was written, and is to be looked at in the target before long. */
  readonly isUnverified: boolean;
  /** The target has it otherwise than before: those who used it are mapped again. */
  readonly moved: boolean;
}

/** What an entity used in its mapping, where that differs from before. */
export interface Use {
  readonly entity: Entity;
  readonly id: string;
  readonly usedEntity: Entity;
  readonly usedId: string;
  /** `epoch.revision` that the target had of the used one, and its id there, when it was used. */
  readonly acknowledged: string | null;
  readonly targetId: string | null;
}

/** Everything that a batch of work leaves behind. */
export interface Outcome {
  readonly results: readonly Result[];
  /** Claims given back untouched. */
  readonly returned: readonly { readonly entity: Entity; readonly id: string }[];
  /** What each entity of the batch used. */
  readonly uses: readonly Use[];
  /** Entities whose uses differ from those recorded before. */
  readonly usesChanged: readonly { readonly entity: Entity; readonly id: string }[];
  readonly reports: readonly DeliveryReport[];
}

/** What became of a claim, with everything forgotten that `changes` does not say. */
export function resultOf(
  one: Claim,
  projection: string,
  changes: Pick<Result, 'status'> & Partial<Omit<Result, 'isRowKept'>>,
): Result {
  return {
    entity: one.entity,
    id: one.id,
    mark: one.mark,
    epoch: one.epoch,
    revision: one.revision,
    projection,
    targetId: null,
    adopted: false,
    row: null,
    rowHash: null,
    isRowKept: (changes.rowHash ?? null) === one.rowHash,
    etag: null,
    suspendedOn: null,
    unrepresentable: null,
    waitsFor: null,
    error: null,
    fingerprint: null,
    ticket: null,
    held: null,
    heldChanges: null,
    observedAs: null,
    attempts: 0,
    verify: false,
    retryInMs: null,
    quarantineMs: null,
    dueDay: null,
    job: one.job,
    permit: null,
    outcome: null,
    overwritten: null,
    isUnverified: false,
    moved: false,
    ...changes,
  };
}

/** What the target has of a claim, as far as the ledger knows. */
export const acknowledgedBy = ({ targetId, adopted, row, rowHash, etag, suspendedOn }: Claim) => ({
  targetId,
  adopted,
  row,
  rowHash,
  etag,
  suspendedOn,
});

/** What each entity used, and which of them used others before. */
export function usesOf(claims: readonly Claim[], mappings: readonly Mapping[]) {
  const uses: Use[] = [];
  const usesChanged: { entity: Claim['entity']; id: string }[] = [];
  for (const [index, { entity, id, uses: before }] of claims.entries()) {
    const mapping = mappings[index]!;
    if (mapping.is === 'failed' || mapping.is === 'skipped') continue;
    const names = new Set<string>();
    for (const { entity: usedEntity, id: usedId, acknowledged, targetId } of mapping.uses) {
      const name = `${usedEntity}|${usedId}`;
      if (names.has(name)) continue;
      names.add(name);
      uses.push({ entity, id, usedEntity, usedId, acknowledged, targetId });
    }
    const same = names.size === (before ?? []).length && (before ?? []).every((name) => names.has(name));
    if (!same) usesChanged.push({ entity, id });
  }
  return { uses, usesChanged };
}
