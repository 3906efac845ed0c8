import type { Change, Row, Script } from '@myelin/connector';
import { attributesToAdd, changesStructure, modifications } from './entry.changes.js';
import type { EntryKind } from './entry.js';
import { childDn, parentDn } from './ldap/dn.js';
import { addRecord, comment, deleteRecord, LDIF_HEAD, modifyRecord, renameRecord } from './ldap/ldif.js';

/** Changes of entries as LDIF (RFC 2849), made of the same steps as the writes of the connector. */
export const ldifOf = (kind: EntryKind): Script => ({
  contentType: 'text/x-ldif',
  extension: 'ldif',
  head: LDIF_HEAD,
  of: (change) => recordsOf(change, kind),
});

function recordsOf({ id, targetId, before, after }: Change, kind: EntryKind): string {
  if (before === null)
    return after === null ? '' : addRecord(childDn(after.rdn as string, kind.branch), attributesToAdd(after));
  const dn = targetId ?? childDn(before.rdn as string, kind.branch);
  if (after === null) return deleteRecord(dn);
  // It would have to be made anew, and what belongs to others in it is not known here.
  if (changesStructure(before, after, kind))
    return comment(`${id}: becomes an entry of another structural class, which no modify can do (RFC 4512)`);
  return changed(dn, before, after, kind);
}

function changed(dn: string, before: Row, after: Row, kind: EntryKind): string {
  const isRenamed = before.rdn !== after.rdn;
  const steps = modifications({ dn, row: before, suspended: new Set(), etag: undefined }, after, kind);
  const named = isRenamed ? childDn(after.rdn as string, parentDn(dn)) : dn;
  return (
    (isRenamed ? renameRecord(dn, after.rdn as string) : '') + (steps.length > 0 ? modifyRecord(named, steps) : '')
  );
}
