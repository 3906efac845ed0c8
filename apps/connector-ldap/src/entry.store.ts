import { Rejected, type Change, type Found, type Listed, type Ref, type Written } from '@myelin/connector';
import { EntryReader, toFound } from './entry.reader.js';
import type { EntryKind } from './entry.js';
import { EntryWrite, type OnTaken } from './entry.write.js';
import { onDirectory, targetError } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { ASSERTION } from './ldap/ldap.controls.js';
import type { LdapPool } from './ldap/ldap.pool.js';
import type { Tree } from './tree.js';

/** Reads and writes the entries of one kind by the hub's id, whatever their name (SupAnn, supannRefId). */
export class EntryStore {
  private readonly reader: EntryReader;

  constructor(
    private readonly ldap: LdapPool,
    private readonly settings: DirectorySettings,
    private readonly tree: Tree,
    private readonly kind: EntryKind,
    private readonly onTaken: OnTaken,
  ) {
    this.reader = new EntryReader(ldap, settings, tree, kind);
  }

  /** The entry of that master record, by its DN if it still is that record's, else by the hub's id. */
  read(ref: Ref): Promise<Found | null> {
    return onDirectory(async () => {
      const found = await this.reader.find(ref);
      return found && toFound(found);
    });
  }

  /** The entryCSN of each entry. */
  readVersions(refs: readonly Ref[]): Promise<(string | null)[]> {
    return onDirectory(() => this.reader.versions(refs));
  }

  /** As `read`, for many in few searches; an entity that `read` would refuse is answered with its refusal. */
  readMany(refs: readonly Ref[]): Promise<(Found | null | Rejected)[]> {
    return onDirectory(async () => {
      const found = await this.reader.findMany(refs);
      return found.map((one) => (one === null || one instanceof Rejected ? one : toFound(one)));
    });
  }

  /** All entries of the kind, ours and those of others. */
  async *list(): AsyncGenerator<Listed[], void, void> {
    try {
      yield* this.reader.list();
    } catch (error) {
      throw targetError(error);
    }
  }

  /** Carries out one change; safe to repeat, and given up as a whole after one deadline. */
  write(change: Change): Promise<Written> {
    const until = performance.now() + this.settings.deadlineMs;
    return onDirectory(async () => {
      if (change.after !== null) await this.tree.complete({ until });
      const asserts = await this.ldap.supports(ASSERTION, { until });
      const { ldap, settings, kind, reader, onTaken } = this;
      return new EntryWrite({ ldap, settings, kind, reader, onTaken, asserts, until }, change).carryOut();
    });
  }
}
