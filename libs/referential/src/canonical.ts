import { hash } from 'node:crypto';

/** JSON with the keys of every object in order: two documents that say the same give the same text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(ordered(value));
}

function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  const source = value as Record<string, unknown>;
  const target: Record<string, unknown> = {};
  for (const key of Object.keys(source).sort()) target[key] = ordered(source[key]);
  return target;
}

/** Deepest nesting that is taken: this process and PostgreSQL both read documents by recursion. */
const DEEPEST = 100;

/** True when a document goes deeper than can be stored. */
export function tooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === DEEPEST || Object.values(value).some((child) => tooDeep(child, depth + 1));
}

/** First 16 bytes of the SHA-256 of a text: enough to tell a change, small enough to keep beside every record. */
export function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer').subarray(0, 16);
}
