import { Fatal, Rejected, type Change, type Found, type Row } from '@myelin/connector';
import { canonicalDn } from './canonical-dn.js';
import { attributesToAdd, changesStructure, modifications, provesItself } from './entry.changes.js';
import { recreate } from './entry.recreate.js';
import { standing, type EntryKind, type Standing } from './entry.js';
import { onDirectory } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { childDn, parentDn, sameDn } from './ldap/dn.js';
import { equal } from './ldap/filter.js';
import {
  isAlreadyExists,
  isConstraint,
  isNoSuchAttribute,
  isNoSuchObject,
  isSchemaViolation,
  isValueExists,
  type LdapError,
} from './ldap/ldap.error.js';
import type { LdapEntry, LdapOperations } from './ldap/ldap.port.js';
import { hubRefId } from './ref-ids.js';

/** What to throw when the name or another unique value of the row is somebody else's. */
export type OnTaken = (wanted: Wanted, refusal: LdapError) => Promise<unknown>;

/** A change after which the entry exists. */
export type Wanted = Change & { readonly after: Row };

/** An entry, and whether it was read for this change or is what the ledger remembers. */
interface Known extends Standing {
  readonly fresh: boolean;
}

/** Reads and writes the entries of one kind by the hub's id, whatever their name (SupAnn, supannRefId). */
export class EntryStore {
  private readonly attributes: readonly string[];

  constructor(
    private readonly ldap: LdapOperations,
    private readonly settings: DirectorySettings,
    private readonly kind: EntryKind,
    private readonly onTaken: OnTaken,
  ) {
    this.attributes = [...new Set(['objectClass', 'supannRefId', ...kind.attributes])];
  }

  /** The entry of that master record, by its DN if it still is that record's, else by the hub's id. */
  read(ref: { readonly id: string; readonly targetId: string | null }): Promise<Found | null> {
    return onDirectory(async () => {
      const found = await this.find(ref.id, ref.targetId);
      return found && { targetId: canonicalDn(found.dn), row: found.row };
    });
  }

  /** Carries out one change; safe to repeat. */
  write(change: Change): Promise<{ readonly targetId: string }> {
    return onDirectory(async () => {
      const { id, targetId, before, after } = change;
      if (after === null) return this.remove(id, targetId);
      const wanted = { ...change, after };
      const known: Known | null =
        before !== null && targetId !== null
          ? { dn: targetId, row: before, suspended: new Set(), fresh: false }
          : await this.find(id, targetId);
      const dn = known ? await this.update(known, wanted) : await this.create(wanted);
      return { targetId: canonicalDn(dn) };
    });
  }

  private async find(id: string, targetId: string | null): Promise<Known | null> {
    const refId = hubRefId(id, this.settings);
    const ours = ({ attributes }: LdapEntry) => attributes.supannRefId?.includes(refId) ?? false;
    const named = targetId === null ? null : await this.ldap.read(targetId, this.attributes);
    if (named && ours(named)) return this.known(named);
    const { branch } = this.kind;
    const [found, another] = await this.ldap
      .search(branch, equal('supannRefId', refId), { attributes: this.attributes })
      .catch(missingBranch);
    if (another) throw new Rejected('several entries carry the id of this record', { attributes: ['supannRefId'] });
    return found ? this.known(found) : null;
  }

  private known(entry: LdapEntry): Known {
    return { ...standing(entry, this.kind, this.settings), fresh: true };
  }

  private async create(wanted: Wanted): Promise<string> {
    const { id, after } = wanted;
    const dn = childDn(after.rdn as string, this.kind.branch);
    try {
      await this.ldap.add(dn, attributesToAdd(after));
      return dn;
    } catch (error) {
      if (isNoSuchObject(error)) missingBranch(error);
      if (!isAlreadyExists(error) && !isConstraint(error)) throw error;
      // Another delivery of the same record may have been first.
      const found = await this.find(id, dn);
      if (found) return this.update(found, wanted);
      throw await this.onTaken(wanted, error);
    }
  }

  /** Brings the entry to the row; when the directory differs from what was remembered, it is read and all is done once more. */
  private async update(known: Known, wanted: Wanted): Promise<string> {
    try {
      if (known.fresh || this.mayTrust(known, wanted.after)) return await this.apply(known, wanted);
    } catch (error) {
      if (known.fresh || !isDifference(error)) throw error;
    }
    const found = await this.find(wanted.id, known.dn);
    return found ? this.apply(found, wanted) : this.create(wanted);
  }

  // Without reading first, only what the server refuses when it has been done already.
  private mayTrust(known: Known, after: Row): boolean {
    if (changesStructure(known.row, after, this.kind)) return false;
    const isRenamed = !sameDn(known.row.rdn as string, after.rdn as string);
    return isRenamed || provesItself(known, after, modifications(known, after, this.kind));
  }

  private async apply(known: Known, wanted: Wanted): Promise<string> {
    const { after } = wanted;
    try {
      if (changesStructure(known.row, after, this.kind)) {
        return await recreate(this.ldap, this.kind, this.settings, known, after);
      }
      const dn = await this.rename(known, after);
      const steps = modifications(known, after, this.kind);
      if (steps.length > 0) await this.ldap.modify(dn, steps);
      return dn;
    } catch (error) {
      const isTaken = known.fresh && (isAlreadyExists(error) || isConstraint(error));
      throw isTaken ? await this.onTaken(wanted, error as LdapError) : error;
    }
  }

  private async rename({ dn, row }: Known, after: Row): Promise<string> {
    if (row.rdn === after.rdn) return dn;
    await this.ldap.rename(dn, after.rdn as string);
    return childDn(after.rdn as string, parentDn(dn));
  }

  private async remove(id: string, targetId: string | null): Promise<{ readonly targetId: string }> {
    const found = await this.find(id, targetId);
    if (found) await this.ldap.remove(found.dn).catch(ignoreAbsent);
    return { targetId: targetId ?? found?.dn ?? '' };
  }
}

/** The entry is not as it was remembered: gone, renamed, or with other values. */
function isDifference(error: unknown): boolean {
  const codes = [isNoSuchAttribute, isValueExists, isNoSuchObject, isAlreadyExists, isConstraint, isSchemaViolation];
  return codes.some((matches) => matches(error));
}

function missingBranch(error: unknown): never {
  throw isNoSuchObject(error) ? new Fatal('the branch of the entry does not exist', { cause: error }) : error;
}

function ignoreAbsent(error: unknown): void {
  if (!isNoSuchObject(error)) throw error;
}
