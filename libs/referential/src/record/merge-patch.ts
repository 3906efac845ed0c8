import type { Attributes } from '../tables.js';

/**
 * RFC 7386 merge patch, with one difference at the top: an attribute set to null stays, as null ("known to be empty"),
 * since an absent attribute would let another source speak again.
 */
export function mergePatch(target: Attributes, patch: Attributes): Attributes {
  const result: Attributes = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    result[key] = value === null ? null : merge(result[key], value);
  }
  return result;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Attributes = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

const isObject = (value: unknown): value is Attributes =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
