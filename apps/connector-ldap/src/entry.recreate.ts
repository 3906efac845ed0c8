import { Rejected, type Row } from '@myelin/connector';
import { attributesToAdd } from './entry.changes.js';
import type { EntryKind, Standing } from './entry.js';
import type { DirectorySettings } from './ldap.settings.js';
import { childDn, parentDn } from './ldap/dn.js';
import { present } from './ldap/filter.js';
import type { LdapOperations, LdapValues } from './ldap/ldap.port.js';
import { ownsRefId } from './ref-ids.js';

/**
 * Puts an entry of another structural class in the place of one, since a class cannot change in place (RFC 4512 §2.4.2). What
 * belongs to others goes along, bytes untouched; when the new entry is refused the old one is put back.
 */
export async function recreate(
  ldap: LdapOperations,
  kind: EntryKind,
  settings: DirectorySettings,
  { dn }: Standing,
  after: Row,
): Promise<string> {
  const below = await ldap.search(dn, present('objectClass'), { scope: 'one', attributes: [] });
  if (below.length > 0) throw new Rejected('the kind of the entry cannot change while it has entries below it');
  const old = await readWhole(ldap, dn);
  const newDn = childDn(after.rdn as string, parentDn(dn));
  await ldap.remove(dn);
  try {
    await ldap.add(newDn, { ...foreign(old, kind), ...merged(old, kind, settings, after) });
  } catch (error) {
    await ldap.add(dn, old);
    throw error;
  }
  return newDn;
}

type Whole = Readonly<Record<string, readonly Buffer[]>>;

// Text would spoil photographs and certificates: the names first, then every value as bytes.
async function readWhole(ldap: LdapOperations, dn: string): Promise<Whole> {
  const names = Object.keys((await ldap.read(dn, ['*']))?.attributes ?? {});
  return (await ldap.read(dn, [], { binary: names }))?.binary ?? {};
}

function foreign(old: Whole, { attributes }: EntryKind): Record<string, LdapValues> {
  const owned = new Set(attributes.map((name) => name.toLowerCase()));
  return Object.fromEntries(Object.entries(old).filter(([name]) => !owned.has(name.toLowerCase())));
}

function merged(
  old: Whole,
  { classes }: EntryKind,
  settings: DirectorySettings,
  after: Row,
): Record<string, LdapValues> {
  const row = attributesToAdd(after);
  const texts = (name: string) => (old[name] ?? []).map((value) => value.toString());
  const owned = new Set(classes.map((name) => name.toLowerCase()));
  const otherClasses = texts('objectClass').filter((name) => !owned.has(name.toLowerCase()));
  const otherIds = texts('supannRefId').filter((value) => !ownsRefId(value, settings));
  return {
    ...row,
    objectClass: [...otherClasses, ...(row.objectClass ?? [])],
    supannRefId: [...otherIds, ...(row.supannRefId ?? [])],
  };
}
