import { tidyDn } from './dn';
import { attributeName } from './filter';
import type { LdapAttributes, LdapEntry, LdapValues, Modification } from './ldap.port';
import type { WireAttribute, WireChange, WireEntry } from './ldap.wire';

/** The attributes of an add as sent: empty values dropped, then attributes without values. */
export function toWireAttributes(attributes: LdapAttributes): WireAttribute[] {
  return Object.entries(attributes)
    .map(([type, values]) => ({ type: attributeName(type), values: bytes(values) }))
    .filter(({ values }) => values.length > 0);
}

/** The changes of a modify as sent, in order, without the steps that dropping empty values left with nothing to do. */
export function toChanges(modifications: readonly Modification[]): WireChange[] {
  return modifications
    .map(({ op, attribute, values }) => ({
      op,
      attribute: { type: attributeName(attribute), values: bytes(values) },
      values,
    }))
    .filter((change) => change.attribute.values.length > 0 || meansAll(change.op, change.values))
    .map(({ op, attribute }) => ({ op, attribute }));
}

/** The attribute list of a search; none asked for is `1.1`, since an empty list would mean all of them (RFC 4511 §4.5.1.8). */
export function wanted(attributes: readonly string[], binary: readonly string[] = []): string[] {
  const all = [...new Set([...attributes, ...binary])];
  for (const name of all) if (!/^[*+]$|^@/.test(name)) attributeName(name);
  return all.length === 0 ? ['1.1'] : all;
}

/** Reads entries as callers see them, attributes under the names they were asked by. */
export function entryReader(asked: readonly string[]): (entry: WireEntry) => LdapEntry {
  const names = new Map([
    ...asked.map((name) => [name.toLowerCase(), name] as const),
    ...asked.map((name) => [name, name] as const),
  ]);
  return ({ dn, attributes }) => {
    const texts: Record<string, string[]> = {};
    const binary: Record<string, Buffer[]> = {};
    for (const { type, values } of attributes) {
      if (values.length === 0) continue;
      const name = names.get(type) ?? names.get(type.toLowerCase()) ?? type;
      if (typeof values[0] === 'string') texts[name] = values as string[];
      else binary[name] = values as Buffer[];
    }
    return { dn: readable(dn), attributes: texts, binary };
  };
}

/** Tells which attributes are wanted as bytes. */
export function binaryAmong(binary: readonly string[] = []): (type: string) => boolean {
  const names = new Set(binary.map((name) => name.toLowerCase()));
  return names.size === 0 ? () => false : (type) => names.has(type.toLowerCase());
}

function bytes(values: LdapValues): Buffer[] {
  const list = Array.isArray(values) ? (values as readonly (string | Buffer | null | undefined)[]) : [values as string];
  return list
    .filter((value) => value !== null && value !== undefined)
    .map((value) => (typeof value === 'string' ? Buffer.from(value, 'utf8') : value))
    .filter((value) => value.length > 0);
}

function meansAll(op: Modification['op'], values: LdapValues): boolean {
  if (op === 'replace') return true;
  return op === 'delete' && (values === undefined || (Array.isArray(values) && values.length === 0));
}

// A name that cannot be parsed is still shown: one odd entry must not hide the others of a listing.
function readable(dn: string): string {
  try {
    return tidyDn(dn);
  } catch {
    return dn;
  }
}
