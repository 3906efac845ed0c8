import type { Found, Sync } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import { inParallel } from './lanes.js';

/** Entities asked for in one call. */
const MOST = 500;
/** Reads under way at once, of those that are asked for one by one. */
const AT_ONCE = 32;

interface Wanted {
  readonly entity: Entity;
  readonly id: string;
  readonly targetId: string | null;
  readonly adopted?: boolean;
}

/**
 * Reads entities in the target: each as it stands there, null when it is not there, or the error that reading it ended with.
 * Where a connector reads many at once and that fails, the whole group has failed: nothing is concluded from a part.
 */
export async function readMany<T extends Wanted>(
  syncs: ReadonlyMap<Entity, Sync>,
  wanted: readonly T[],
): Promise<Map<T, Found | null | Error>> {
  const found = new Map<T, Found | null | Error>();
  for (const [entity, group] of Map.groupBy(wanted, (one) => one.entity)) {
    const sync = syncs.get(entity);
    if (!sync) continue;
    if (!sync.readMany) {
      await inParallel(group, AT_ONCE, async (one) => void found.set(one, await sync.read(one).catch(asError)));
      continue;
    }
    for (let start = 0; start < group.length; start += MOST) {
      const part = group.slice(start, start + MOST);
      const rows = await sync.readMany(part).catch(asError);
      for (const [index, one] of part.entries()) found.set(one, rows instanceof Error ? rows : (rows[index] ?? null));
    }
  }
  return found;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error('reading failed'));
