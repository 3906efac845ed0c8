/** A search filter as data; made by `equal`, `present`, `and` and `or`, never from a string, so that nothing can be injected. */
export type Filter =
  | { readonly kind: 'equal'; readonly attribute: string; readonly value: string | Buffer }
  | { readonly kind: 'present'; readonly attribute: string }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly Filter[] };

// RFC 4512 §2.5: a name or an object identifier, then options.
const description = /^(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*$/;

/** Returns the attribute description, or throws a TypeError when it is not one (RFC 4512 §2.5). */
export function attributeName(name: string): string {
  if (!description.test(name)) throw new TypeError('not an attribute description');
  return name;
}

/** Matches entries that hold the value, by the equality rule of the attribute; the value needs no escaping. */
export function equal(attribute: string, value: string | Buffer): Filter {
  return { kind: 'equal', attribute: attributeName(attribute), value };
}

/** Matches entries that hold the attribute. */
export function present(attribute: string): Filter {
  return { kind: 'present', attribute: attributeName(attribute) };
}

/** Matches entries that match every filter. */
export function and(...filters: Filter[]): Filter {
  return group('and', filters);
}

/** Matches entries that match at least one filter. */
export function or(...filters: Filter[]): Filter {
  return group('or', filters);
}

// RFC 4526 lets an empty "and" match everything: a caller that lost its conditions must not list the whole directory.
function group(kind: 'and' | 'or', filters: readonly Filter[]): Filter {
  if (filters.length === 0) throw new TypeError(`"${kind}" of no filter`);
  return { kind, filters };
}
