import type { FieldFault } from '@myelin/contracts';
import { canonicalJson, digest } from './canonical.js';
import { claimsOf } from './golden.js';
import type { Attributes } from './tables.js';

/** One thing that a source asserts: a whole pivot document under the source's own key. */
export interface SourceFact {
  readonly sourceId: string;
  /** The source's own version; a lower one than the last received is refused. */
  readonly version: number | null;
  readonly payload: Attributes;
  /** Canonical JSON of the payload. */
  readonly json: string;
  readonly hash: Buffer;
}

/** Makes a fact of a validated pivot document. */
export function fact(sourceId: string, version: number | null, payload: Attributes): SourceFact {
  const json = canonicalJson(payload);
  return { sourceId, version, payload, json, hash: digest(json) };
}

/** What became of a fact. */
export type Ingested =
  | {
      readonly outcome: 'created' | 'updated' | 'unchanged' | 'stale';
      readonly recordId: string;
      readonly revision: number;
    }
  | { readonly outcome: 'rejected'; readonly faults: FieldFault[] };

/**
 * Splits facts into rounds that can each be written at once: a fact that shares its key or an identifier with an earlier
 * one must see what became of that one first.
 */
export function rounds<F extends SourceFact>(facts: readonly F[]): F[][] {
  const result: F[][] = [];
  const roundOf = new Map<string, number>();
  for (const one of facts) {
    const keys = [`\0${one.sourceId}`, ...claimsOf(one.payload).map(({ scheme, value }) => `${scheme}:${value}`)];
    const round = Math.max(-1, ...keys.map((key) => roundOf.get(key) ?? -1)) + 1;
    for (const key of keys) roundOf.set(key, round);
    (result[round] ??= []).push(one);
  }
  return result;
}
