import type { Change, Row, Written } from '@myelin/connector';
import { canonicalDn } from './canonical-dn.js';
import { addsState, attributesToAdd, changesStructure, modifications, provesItself } from './entry.changes.js';
import { missingBranch, type EntryReader } from './entry.reader.js';
import { recreate } from './entry.recreate.js';
import type { EntryKind, Standing } from './entry.js';
import type { DirectorySettings } from './ldap.settings.js';
import { hubRefId } from './ref-ids.js';
import { childDn, parentDn, sameDn } from './ldap/dn.js';
import { equal } from './ldap/filter.js';
import * as failure from './ldap/ldap.error.js';
import type { LdapError } from './ldap/ldap.error.js';
import type { LdapOperations, WriteOptions } from './ldap/ldap.port.js';

/** What to throw when the name or another unique value of the row is somebody else's. */
export type OnTaken = (wanted: Wanted, refusal: LdapError) => Promise<unknown>;

/** A change after which the entry exists. */
export type Wanted = Change & { readonly after: Row };

/** Where and how an entry is written. */
export interface Writing {
  readonly ldap: LdapOperations;
  readonly settings: DirectorySettings;
  readonly kind: EntryKind;
  readonly reader: EntryReader;
  readonly onTaken: OnTaken;
  /** True: the server can be told to write an entry only in the version that is known. */
  readonly asserts: boolean;
  /** Instant (`performance.now()`) from which nothing more is sent or awaited. */
  readonly until: number;
}

/** An entry, and whether it was read for this change or is what the ledger remembers. */
interface Known extends Standing {
  readonly fresh: boolean;
}

/** One change on its way to the directory: each step on the version of the entry that the step before has seen or made. */
export class EntryWrite {
  private etag: string | undefined;
  /** The server cannot carry out this write under an assertion. */
  private unconditional = false;

  constructor(
    private readonly on: Writing,
    private readonly change: Change,
  ) {
    this.etag = change.etag;
  }

  async carryOut(): Promise<Written> {
    const { targetId, before, after, etag } = this.change;
    if (after === null) return this.remove();
    const wanted = { ...this.change, after: this.marked(after) };
    const known =
      before !== null && targetId !== null
        ? { dn: targetId, row: before, suspended: new Set<string>(), etag, fresh: false }
        : await this.find(targetId);
    const dn = known ? await this.update(known, wanted) : await this.create(wanted);
    return { targetId: canonicalDn(dn), ...(this.etag !== undefined && { etag: this.etag }) };
  }

  /** The row with the hub's id, by which the entry is found: one that stays has it, whatever stood there before. */
  private marked(after: Row): Row {
    const refId = hubRefId(this.change.id, this.on.settings);
    const refIds = (after.supannRefId ?? []) as readonly string[];
    return refIds.includes(refId) ? after : { ...after, supannRefId: [...refIds, refId] };
  }

  private async create(wanted: Wanted): Promise<string> {
    const { ldap, kind, onTaken, until } = this.on;
    const dn = childDn(wanted.after.rdn as string, kind.branch);
    try {
      const { entryCSN } = await ldap.add(dn, attributesToAdd(wanted.after), { until, returning: ['entryCSN'] });
      this.etag = entryCSN?.[0];
      return dn;
    } catch (error) {
      if (!failure.isAlreadyExists(error) && !failure.isConstraint(error)) throw missingBranch(error);
      // Another delivery of the same record may have been first.
      const found = await this.find(dn);
      if (found) return this.update(found, wanted);
      throw await onTaken(wanted, error);
    }
  }

  /** Brings the entry to the row; when the directory differs from what was remembered, it is read and all is done once more. */
  private async update(known: Known, wanted: Wanted): Promise<string> {
    try {
      if (known.fresh || this.mayTrust(known, wanted.after)) return await this.apply(known, wanted);
    } catch (error) {
      if (known.fresh || !isDifference(error)) throw error;
    }
    const found = await this.find(known.dn);
    return found ? this.apply(found, wanted) : this.create(wanted);
  }

  // Without reading first, only what the server refuses when the entry is not as remembered.
  private mayTrust(known: Known, after: Row): boolean {
    const { kind } = this.on;
    if (changesStructure(known.row, after, kind) || addsState(known.row, after)) return false;
    if (!sameDn(known.row.rdn as string, after.rdn as string)) return true;
    const steps = modifications(known, after, kind);
    return steps.length > 0 && (this.version.onlyIf !== undefined || provesItself(known, after, steps));
  }

  private async apply(known: Known, wanted: Wanted): Promise<string> {
    const { ldap, kind, settings, onTaken } = this.on;
    const { after } = wanted;
    this.etag = known.etag;
    try {
      if (changesStructure(known.row, after, kind)) {
        const { dn, etag } = await recreate(ldap, kind, settings, known, after, this.version);
        this.etag = etag;
        return dn;
      }
      const signed = await this.sign(known, after);
      const dn = await this.rename(signed, after);
      const steps = modifications(signed, after, kind);
      if (steps.length > 0) this.etag = (await ldap.modify(dn, steps, this.version)).entryCSN?.[0];
      return dn;
    } catch (error) {
      // Overlays that search within the write (unique) hold what they search to the assertion too, and always fail.
      if (known.fresh && failure.isAssertionFailed(error) && !this.unconditional) {
        this.unconditional = true;
        const found = await this.find(known.dn);
        return found ? this.apply(found, wanted) : this.create(wanted);
      }
      const isTaken = known.fresh && (failure.isAlreadyExists(error) || failure.isConstraint(error));
      throw isTaken ? await onTaken(wanted, error as LdapError) : error;
    }
  }

  /** An adopted entry that is to be renamed is known by its DN alone: it gets the hub's id before it loses that. */
  private async sign(known: Known, after: Row): Promise<Known> {
    const { ldap, kind } = this.on;
    if (!this.change.adopted || known.row.rdn === after.rdn) return known;
    const [classes, wanted] = [known.row, after].map(({ objectClass = [] }) => objectClass as readonly string[]);
    const row = {
      ...known.row,
      objectClass: [...new Set([...classes!, ...wanted!])],
      supannRefId: after.supannRefId ?? [],
    };
    const steps = modifications(known, row, kind);
    if (steps.length > 0) this.etag = (await ldap.modify(known.dn, steps, this.version)).entryCSN?.[0];
    return { ...known, row };
  }

  private async rename({ dn, row }: Known, after: Row): Promise<string> {
    if (row.rdn === after.rdn) return dn;
    this.etag = (await this.on.ldap.rename(dn, after.rdn as string, this.version)).entryCSN?.[0];
    return childDn(after.rdn as string, parentDn(dn));
  }

  private async remove(): Promise<Written> {
    const { targetId } = this.change;
    const isGone = targetId !== null && (await this.removeVersion(targetId));
    const found = isGone ? null : await this.find(targetId);
    if (found) {
      this.etag = found.etag;
      await this.on.ldap.remove(found.dn, this.version).catch(ignoreAbsent);
    }
    return { targetId: targetId ?? found?.dn ?? '' };
  }

  /** Removes the entry without looking at it, if it is the version that is remembered; says whether it was. */
  private async removeVersion(dn: string): Promise<boolean> {
    if (this.version.onlyIf === undefined) return false;
    try {
      await this.on.ldap.remove(dn, this.version);
      return true;
    } catch (error) {
      if (isDifference(error)) return false;
      throw error;
    }
  }

  private async find(targetId: string | null): Promise<Known | null> {
    const { id, adopted = false, targetId: known } = this.change;
    const isAdopted = adopted && targetId !== null && known !== null && sameDn(targetId, known);
    const found = await this.on.reader.find({ id, targetId, adopted: isAdopted }, { until: this.on.until });
    return found && { ...found, fresh: true };
  }

  /** The next step is for the version of the entry that is known, where the server can be told, and tells the one it makes. */
  private get version(): WriteOptions {
    const { asserts, until } = this.on;
    const onlyIf =
      asserts && !this.unconditional && this.etag !== undefined ? { onlyIf: equal('entryCSN', this.etag) } : {};
    return { until, returning: ['entryCSN'], ...onlyIf };
  }
}

/** The entry is not as it was remembered: gone, renamed, or with other values. */
function isDifference(error: unknown): boolean {
  return [
    failure.isAssertionFailed,
    failure.isNoSuchAttribute,
    failure.isValueExists,
    failure.isNoSuchObject,
    failure.isAlreadyExists,
    failure.isConstraint,
    failure.isSchemaViolation,
  ].some((matches) => matches(error));
}

function ignoreAbsent(error: unknown): void {
  if (!failure.isNoSuchObject(error)) throw error;
}
