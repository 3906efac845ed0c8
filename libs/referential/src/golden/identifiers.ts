import type { Attributes } from '../tables.js';

/** An identifier as far as linking needs it. */
export interface IdentifierKey {
  readonly scheme: string;
  readonly value: string;
}

export const keyOf = ({ scheme, value }: IdentifierKey): string => `${scheme}:${value}`;

/** The identifiers that a document holds. */
export const identifiersIn = (document: Attributes): IdentifierKey[] =>
  (document['identifiers'] ?? []) as IdentifierKey[];

/** What a document claims to be called: its identifiers, and the code of a structure, which others refer to it by. */
export function claimsOf(document: Attributes): IdentifierKey[] {
  const identifiers = identifiersIn(document);
  return typeof document['code'] === 'string'
    ? [...identifiers, { scheme: 'code', value: document['code'] }]
    : identifiers;
}

/** The entries of several lists, each `(scheme, value)` once, in order of first appearance. */
export function union(lists: readonly (readonly IdentifierKey[])[]): IdentifierKey[] {
  const found = new Map<string, IdentifierKey>();
  for (const list of lists) {
    for (const identifier of list) {
      const key = keyOf(identifier);
      if (!found.has(key)) found.set(key, identifier);
    }
  }
  return [...found.values()];
}
