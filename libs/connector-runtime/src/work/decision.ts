import { changedAttributes, type Found, type Row, type Sync } from '@myelin/connector';
import type { Mapping } from './mapper.js';

/**
 * What is done to an entity in the target; `none` when it is as it must be. `suspend` is whatever ends its use there and leaves
 * it: the first step of a removal, and a change of which the connector says that it closes the entity.
 */
export type Action = 'create' | 'change' | 'suspend' | 'delete' | 'none';
export const ACTIONS = ['create', 'change', 'suspend', 'delete'] as const;

/** What the target has of an entity, as far as is known. */
export interface Standing {
  readonly targetId: string | null;
  readonly row: Row | null;
  readonly etag: string | null;
  /** Day (`YYYY-MM-DD`) on which it was suspended there; null when it is not. */
  readonly suspendedOn: string | null;
}

/** What there is to do for an entity, and how the target will stand when it is done. */
export interface Decision {
  readonly action: Action;
  readonly after: Row | null;
  readonly changed: readonly string[];
  readonly suspendedOn: string | null;
  /** Day on which the entity must be looked at again although nothing arrived. */
  readonly dueDay: string | null;
}

/** Compares what the target has with what it must have. Pure. */
export function decide(
  mapping: Extract<Mapping, { is: 'row' | 'absent' }>,
  standing: Standing,
  sync: Pick<Sync, 'removal' | 'closes'>,
  today: string,
): Decision {
  const before = standing.row;
  const { removal } = sync;
  const changeTo = (after: Row, changed: readonly string[]): Action =>
    before === null ? 'create' : changed.length === 0 ? 'none' : sync.closes?.(before, after) ? 'suspend' : 'change';
  if (mapping.is === 'row') {
    const changed = changedAttributes(before, mapping.row);
    const action = changeTo(mapping.row, changed);
    return { action, after: mapping.row, changed, suspendedOn: null, dueDay: mapping.validUntil ?? null };
  }
  const gone: Decision = { action: 'none', after: null, changed: [], suspendedOn: null, dueDay: null };
  if (before === null) return gone;
  const removed: Decision = { ...gone, action: 'delete', changed: changedAttributes(before, null) };
  if (mapping.atOnce || !removal || removal.graceDays <= 0) return removed;
  const suspendedOn = standing.suspendedOn ?? today;
  const dueDay = addDays(suspendedOn, removal.graceDays);
  if (dueDay <= today) return removed;
  const after = removal.suspend(before);
  const changed = changedAttributes(before, after);
  const action = standing.suspendedOn === null ? 'suspend' : changeTo(after, changed);
  return { action, after, changed, suspendedOn, dueDay };
}

/** The day on which an entity must be looked at again when this was not carried out: a grace that has not begun does not end. */
export const dayWhenUndone = ({ action, dueDay }: Decision): string | null => (action === 'suspend' ? null : dueDay);

/** The standing of an entity that was read in the target. */
export const standingOf = (found: Found | null, suspendedOn: string | null): Standing => ({
  targetId: found?.targetId ?? null,
  row: found?.row ?? null,
  etag: found?.etag ?? null,
  suspendedOn: found ? suspendedOn : null,
});

function addDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}
