import { canonicalJson } from '../ingest/canonical.js';
import type { Attributes } from '../tables.js';

/** Attributes that are objects of things that stand apart. */
const BY_KEY: ReadonlySet<string> = new Set(['roles', 'extensions']);

interface Entry {
  readonly kind: string;
}

/** True for a list whose entries say of what kind they are: each kind stands apart. */
const isByKind = (value: unknown): value is Entry[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((one) => typeof (one as Partial<Entry> | null)?.kind === 'string');

/** True when a value says that there is nothing. */
export const isEmpty = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0);

/** True when a value gives nothing: it says so, or it is not there. */
const isNothing = (value: unknown): boolean => value === undefined || isEmpty(value);

/** The names of the parts of an attribute (`contacts.workMail`, `roles.learner`), or the attribute itself when it is taken as a whole. */
export function partsOf(attribute: string, value: unknown): string[] {
  if (BY_KEY.has(attribute) && isObject(value)) return Object.keys(value).map((key) => `${attribute}.${key}`);
  if (isByKind(value)) return [...new Set(value.map(({ kind }) => `${attribute}.${kind}`))];
  return isNothing(value) ? [] : [attribute];
}

/** What stands under a part; undefined when nothing does. */
export function partIn(attribute: string, part: string, value: unknown): unknown {
  if (part === attribute) return value;
  const name = part.slice(attribute.length + 1);
  if (isObject(value)) return value[name];
  if (!isByKind(value)) return undefined;
  const entries = value.filter(({ kind }) => kind === name);
  return entries.length > 0 ? entries : undefined;
}

/** One value of an attribute made of the parts that each giver gives, in the order of the givers; undefined when nobody gives any. */
export function assemble(
  attribute: string,
  givers: readonly { readonly value: unknown; readonly gives: (part: string) => boolean }[],
): unknown {
  let made: unknown[] | Attributes | undefined;
  for (const { value, gives } of givers) {
    if (isByKind(value)) {
      const entries = value.filter(({ kind }) => gives(`${attribute}.${kind}`));
      if (entries.length > 0) made = [...((made as unknown[] | undefined) ?? []), ...entries];
    } else if (BY_KEY.has(attribute) && isObject(value)) {
      const entries = Object.entries(value).filter(([key]) => gives(`${attribute}.${key}`));
      if (entries.length > 0) made = { ...(made as Attributes | undefined), ...Object.fromEntries(entries) };
    } else if (!isNothing(value) && gives(attribute)) return value;
  }
  return made;
}

/** An attribute with another value in one part: the entries of one kind, or what stands under one key. */
export function withPart(before: unknown, name: string, value: unknown): unknown {
  if (!isByKind(before) && !isByKind(value)) return { ...(isObject(before) ? before : {}), [name]: value };
  const others = isByKind(before) ? before.filter(({ kind }) => kind !== name) : [];
  return [...others, ...(isByKind(value) ? value : [])];
}

export const sameValue = (one: unknown, other: unknown): boolean =>
  one === other || (isNothing(one) && isNothing(other)) || canonicalJson(one ?? null) === canonicalJson(other ?? null);

const isObject = (value: unknown): value is Attributes =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
