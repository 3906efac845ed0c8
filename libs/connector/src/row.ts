import { hash } from 'node:crypto';

/** A value of a row: what JSON can say. Lists whose order means nothing must be sorted by the connector. */
export type RowValue = string | number | boolean | null | readonly RowValue[] | { readonly [key: string]: RowValue };

/** What a target should hold, or holds, of one entity: owned attributes only, absent ones left out. */
export type Row = Readonly<Record<string, RowValue>>;

/** Names of the attributes that differ between two rows, sorted; all of them when one row is absent. */
export function changedAttributes(before: Row | null, after: Row | null): string[] {
  const [left, right] = [before ?? {}, after ?? {}];
  const changed: string[] = [];
  // Rows of hundreds of thousands of entities are compared to find that they are the same: nothing is made for those.
  for (const name in left) if (!sameValue(left[name], right[name])) changed.push(name);
  for (const name in right) if (left[name] === undefined && right[name] !== undefined) changed.push(name);
  return changed.length > 1 ? changed.sort() : changed;
}

/** Rows with the same hash are the same; the same rows may have two, since the order of their keys counts. 43 characters. */
export const rowHash = (row: Row): string => hash('sha256', JSON.stringify(row), 'base64url');

/** Deep equality of two row values; the order of keys means nothing, that of lists does. */
export function sameValue(a: RowValue | undefined, b: RowValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    const [left, right] = [a as readonly RowValue[], b as readonly RowValue[]];
    if (!Array.isArray(a) || !Array.isArray(b) || left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (!sameValue(left[i], right[i])) return false;
    return true;
  }
  const [left, right] = [a as Row, b as Row];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => sameValue(left[key], right[key]));
}
