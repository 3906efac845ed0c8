import type { Attributes } from '../tables.js';

/** What one source says of a record; `HUB` is the source of what people enter in the hub itself. */
export interface SourceView {
  readonly source: string;
  readonly payload: Attributes;
}

/** The source under which the hub keeps what was entered or corrected in it: it outranks all others. */
export const HUB = 'hub';

/**
 * The golden state of a record: a pure function of what its sources say, given in the order in which they were linked.
 * By attribute, what was entered in the hub wins; then the source that was linked first and is not silent. Identifiers add
 * up, save that a scheme of which the hub itself names one is the hub's alone.
 */
export function golden(sources: readonly SourceView[]): Attributes {
  const first = sources[0];
  if (first && sources.length === 1) return first.payload;
  const entered = sources.filter(({ source }) => source === HUB).map(({ payload }) => payload);
  const others = sources.filter(({ source }) => source !== HUB).map(({ payload }) => payload);
  const own = union(entered.map(identifiersIn));
  const schemes = new Set(own.map(({ scheme }) => scheme));
  const added = union(others.map(identifiersIn)).filter(({ scheme }) => !schemes.has(scheme));
  const identifiers = [...own, ...added];
  return Object.assign(
    {},
    ...others.reverse(),
    ...entered,
    identifiers.length > 0 ? { identifiers } : {},
  ) as Attributes;
}

/** An identifier as far as linking needs it. */
export interface IdentifierKey {
  readonly scheme: string;
  readonly value: string;
}

const identifiersIn = (document: Attributes) => (document.identifiers ?? []) as IdentifierKey[];

/** What a document claims to be called: its identifiers, and the code of a structure, which others refer to it by. */
export function claimsOf(document: Attributes): IdentifierKey[] {
  const identifiers = identifiersIn(document);
  return typeof document.code === 'string' ? [...identifiers, { scheme: 'code', value: document.code }] : identifiers;
}

/** The entries of several lists, each `(scheme, value)` once, in order of first appearance. */
export function union(lists: readonly (readonly IdentifierKey[])[]): IdentifierKey[] {
  const found = new Map<string, IdentifierKey>();
  for (const list of lists) {
    for (const identifier of list) {
      const key = `${identifier.scheme}:${identifier.value}`;
      if (!found.has(key)) found.set(key, identifier);
    }
  }
  return [...found.values()];
}
