import { Rejected, type Row } from '@myelin/connector';
import { attributesToAdd } from './entry.changes.js';
import type { EntryKind, Standing } from './entry.js';
import type { DirectorySettings } from './ldap.settings.js';
import { childDn, parentDn } from './ldap/dn.js';
import { present } from './ldap/filter.js';
import type { LdapOperations, LdapValues, WriteOptions } from './ldap/ldap.port.js';
import { labelOf, refIdLabels } from './ref-ids.js';

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
  version: WriteOptions,
): Promise<{ readonly dn: string; readonly etag: string | undefined }> {
  const { until, returning } = version;
  const below = await ldap.search(dn, present('objectClass'), { scope: 'one', attributes: [], until });
  if (below.length > 0) throw new Rejected('the kind of the entry cannot change while it has entries below it');
  const old = await readWhole(ldap, dn, until);
  const newDn = childDn(after.rdn as string, parentDn(dn));
  await ldap.remove(dn, version);
  try {
    const whole = { ...foreign(old, kind), ...merged(old, kind, settings, after) };
    const { entryCSN } = await ldap.add(newDn, whole, { until, returning });
    return { dn: newDn, etag: entryCSN?.[0] };
  } catch (error) {
    await ldap.add(dn, old, { until });
    throw error;
  }
}

type Whole = Readonly<Record<string, readonly Buffer[]>>;

// Text would spoil photographs and certificates: the names first, then every value as bytes.
async function readWhole(ldap: LdapOperations, dn: string, until: number | undefined): Promise<Whole> {
  const names = Object.keys((await ldap.read(dn, ['*'], { until }))?.attributes ?? {});
  return (await ldap.read(dn, [], { binary: names, until }))?.binary ?? {};
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
  const labels = refIdLabels(settings);
  const otherIds = texts('supannRefId').filter((value) => !labels.has(labelOf(value)));
  return {
    ...row,
    objectClass: [...otherClasses, ...(row.objectClass ?? [])],
    supannRefId: [...otherIds, ...(row.supannRefId ?? [])],
  };
}
