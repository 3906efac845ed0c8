import { hash } from 'node:crypto';
import type { FieldFault } from '@myelin/contracts';

/** JSON with the keys of every object in order: two documents that say the same give the same text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(ordered(value));
}

function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  const source = value as Record<string, unknown>;
  // Without a prototype, `__proto__` is a key like another.
  const target = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(source).sort()) target[key] = ordered(source[key]);
  return target;
}

/** Deepest nesting that is taken: this process and PostgreSQL both read documents by recursion. */
const DEEPEST = 100;

/** Names that every JavaScript object has: fields of these names escape checks, or are lost on the way. */
const RESERVED = new Set(['__proto__', 'constructor']);

/** Why a document cannot be kept whatever its contract says, with the attribute at fault; undefined when it can. */
export function unfit(document: unknown): FieldFault | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  for (const [field, value] of Object.entries(document)) {
    const message = RESERVED.has(field) ? 'is not a field of this contract' : flaw(value, 1);
    if (message !== undefined) return { field, message };
  }
  return undefined;
}

function flaw(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === DEEPEST) return 'is nested too deeply';
  for (const [key, child] of Object.entries(value)) {
    const found = RESERVED.has(key) ? `holds a field that cannot be kept, "${key}"` : flaw(child, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** First 16 bytes of the SHA-256 of a text, in hexadecimal: enough to tell a change, small enough to keep beside every record. */
export function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
}
