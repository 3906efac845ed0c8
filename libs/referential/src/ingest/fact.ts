import type { FieldFault } from '@myelin/contracts';
import { canonicalJson, digest } from './canonical.js';
import { claimsOf, keyOf, type IdentifierKey } from '../golden/identifiers.js';
import type { Attributes } from '../tables.js';

/** One thing that a source asserts: a whole pivot document under the source's own key. */
export interface SourceFact {
  readonly sourceId: string;
  /** The source's own version; a lower one than the last received is refused. */
  readonly version: number | null;
  /** Since when it is so, as far as the source tells: a day or an RFC 3339 time. */
  readonly businessDate: string | null;
  /** Canonical JSON of the document. */
  readonly json: string;
  /** Digest of `json`, in hexadecimal. */
  readonly hash: string;
  /** What the document claims to be called. */
  readonly claims: readonly IdentifierKey[];
  /** The document, read anew from `json` at each access: most facts are written without another look at it. */
  readonly payload: Attributes;
}

/** Makes a fact of a validated pivot document. */
export function fact(
  sourceId: string,
  version: number | null,
  payload: Attributes,
  businessDate: string | null = null,
): SourceFact {
  const json = canonicalJson(payload);
  return {
    ...{ sourceId, version, businessDate, json, hash: digest(json), claims: claimsOf(payload) },
    get payload() {
      return JSON.parse(json) as Attributes;
    },
  };
}

/** What became of a fact. */
export type Ingested =
  | {
      readonly outcome: 'created' | 'updated' | 'unchanged' | 'stale';
      readonly recordId: string;
      readonly revision: number;
    }
  /** It is kept, and waits for a steward: what it is called speaks for several records. */
  | { readonly outcome: 'suspected' }
  | { readonly outcome: 'rejected'; readonly faults: FieldFault[] };

/**
 * The facts that can be decided at once: one that shares its key, an identifier or a record with an earlier one must see
 * what became of that one first. `records` gives the ids of the records that a fact may touch.
 */
export function independent<F extends SourceFact>(facts: readonly F[], records: (fact: F) => readonly string[]): F[] {
  const taken = new Set<string>();
  return facts.filter((one) => {
    const marks = [`\0${one.sourceId}`, ...one.claims.map(keyOf), ...records(one)];
    const free = !marks.some((mark) => taken.has(mark));
    for (const mark of marks) taken.add(mark);
    return free;
  });
}
