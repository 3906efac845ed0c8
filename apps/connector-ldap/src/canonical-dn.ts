import { formatDn, isTidyDn, parseDn } from './ldap/dn.js';

// Servers and administrators spell types as they like; two rows must not differ for that.
const SPELLING: Readonly<Record<string, string>> = { supanncodeentite: 'supannCodeEntite' };
const CANONICAL_TYPES = /^(?:(?:[a-z][a-z0-9-]*|supannCodeEntite)=[^,]*(?:,|$))*$/;

/** The DN with one spelling of types, separators and escapes (RFC 4514), so that equal names are equal texts in rows. */
export function canonicalDn(dn: string): string {
  if (isTidyDn(dn) && CANONICAL_TYPES.test(dn)) return dn;
  const names = parseDn(dn).map((parts) =>
    parts.map(({ type, value }) => ({ type: SPELLING[type.toLowerCase()] ?? type.toLowerCase(), value })),
  );
  return formatDn(names);
}
