import { partIn, partsOf, sameValue } from '../golden/parts.js';
import type { Attributes } from '../tables.js';

/** A part of a record that is not the same in two states; undefined where it is absent. */
export interface PartChange {
  readonly part: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The parts in which two states differ, by name. */
export function difference(before: Attributes, after: Attributes): PartChange[] {
  const changes: PartChange[] = [];
  for (const attribute of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[attribute], after[attribute]];
    const parts = new Set([...partsOf(attribute, was), ...partsOf(attribute, is)]);
    for (const part of parts.size > 0 ? parts : [attribute]) {
      const [old, now] = [partIn(attribute, part, was), partIn(attribute, part, is)];
      if (!sameValue(old, now)) changes.push({ part, before: old, after: now });
    }
  }
  return changes.sort((one, other) => (one.part < other.part ? -1 : 1));
}
