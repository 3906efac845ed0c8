import { Rejected, type Change, type Found, type Listed, type Ref, type Written } from '@myelin/connector';
import { EntryReader, toFound } from './entry.reader.js';
import { owning, type EntryKind } from './entry.js';
import { EntryWrite, type OnTaken } from './entry.write.js';
import { onDirectory, targetError } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { ASSERTION } from './ldap/ldap.controls.js';
import type { LdapPool } from './ldap/ldap.pool.js';
import type { Tree } from './tree.js';

/** Reads and writes the entries of one kind by the hub's id, whatever their name (SupAnn, supannRefId). */
export class EntryStore {
  private reader: EntryReader;

  constructor(
    private readonly ldap: LdapPool,
    private readonly settings: DirectorySettings,
    private readonly tree: Tree,
    private kind: EntryKind,
    private readonly onTaken: OnTaken,
  ) {
    this.reader = this.readerOf(kind);
  }

  /** From here on these belong to the connector too. */
  own(more: Pick<EntryKind, 'attributes' | 'classes'>): void {
    this.kind = owning(this.kind, more);
    this.reader = this.readerOf(this.kind);
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
      const { ldap, settings, onTaken } = this;
      const { kind, reader } = this.withLost(change);
      return new EntryWrite({ ldap, settings, kind, reader, onTaken, asserts, until }, change).carryOut();
    });
  }

  /** What an overlay gave that is no more in force is ours until it is gone. */
  private withLost({ before, after }: Change): { readonly kind: EntryKind; readonly reader: EntryReader } {
    const { kind, reader } = this;
    const attributes = [before, after]
      .flatMap((row) => Object.keys(row ?? {}))
      .filter((name) => name !== 'rdn' && name !== 'objectClass' && !kind.attributes.includes(name));
    const classes = ((before?.objectClass ?? []) as readonly string[]).filter((name) => !kind.classes.includes(name));
    if (attributes.length === 0 && classes.length === 0) return { kind, reader };
    const whole = owning(kind, { attributes, classes });
    return { kind: whole, reader: this.readerOf(whole) };
  }

  private readerOf(kind: EntryKind): EntryReader {
    return new EntryReader(this.ldap, this.settings, this.tree, kind);
  }
}
