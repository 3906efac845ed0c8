import type { Claim } from './claim.sql.js';
import type { Mapping } from './mapper.js';
import type { Result, Use } from './record.sql.js';

/** What became of a claim, with everything forgotten that `changes` does not say. */
export function resultOf(one: Claim, projection: string, changes: Pick<Result, 'status'> & Partial<Result>): Result {
  return {
    entity: one.entity,
    id: one.id,
    mark: one.mark,
    epoch: one.epoch,
    revision: one.revision,
    projection,
    targetId: null,
    row: null,
    rowHash: null,
    etag: null,
    suspendedOn: null,
    unrepresentable: null,
    waitsFor: null,
    error: null,
    fingerprint: null,
    ticket: null,
    held: null,
    heldChanges: null,
    attempts: 0,
    verify: false,
    retryInMs: null,
    quarantineMs: null,
    dueDay: null,
    job: one.job,
    permit: null,
    outcome: null,
    moved: false,
    ...changes,
  };
}

/** What the target has of a claim, as far as the ledger knows. */
export const acknowledgedBy = ({ targetId, row, rowHash, etag, suspendedOn }: Claim) => ({
  targetId,
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
