import { Rejected, type Change, type MapContext, type Ref, type Script, type Sync } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { ldifOf } from './entry.script.js';
import { EntryStore } from './entry.store.js';
import { EntryOverlay } from './entry.overlay.js';
import { MAPPING_VERSION, type EntryKind } from './entry.js';
import type { DirectorySettings } from './ldap.settings.js';
import type { LdapPool } from './ldap/ldap.pool.js';
import { ESTABLISHMENT_CLASSES, mapStructure, structureReferences, UNIT_CLASSES } from './structure.mapping.js';
import { STRUCTURE_RULES } from './structure.rules.js';
import { targetError } from './ldap.errors.js';
import { isAlreadyExists } from './ldap/ldap.error.js';
import type { Tree } from './tree.js';

/** Structures in the directory. */
export class StructureSync implements Sync<'structure'> {
  readonly entity = 'structure';
  readonly version = MAPPING_VERSION;
  readonly rules = STRUCTURE_RULES;
  readonly overlay: EntryOverlay;
  readonly script: Script;
  private readonly entries: EntryStore;

  constructor(
    ldap: LdapPool,
    private readonly settings: DirectorySettings,
    tree: Tree,
  ) {
    const kind: EntryKind = {
      branch: settings.structuresBranch,
      naming: 'supannCodeEntite',
      classes: [...new Set([...UNIT_CLASSES, ...ESTABLISHMENT_CLASSES])],
      structural: [UNIT_CLASSES[0], ESTABLISHMENT_CLASSES[0]],
      attributes: [
        'description',
        'eduOrgHomePageURI',
        'eduOrgLegalName',
        'facsimileTelephoneNumber',
        'labeledURI',
        'o',
        'ou',
        'postalAddress',
        'supannCodeEntite',
        'supannCodeEntiteParent',
        'supannEtablissement',
        'supannRefId',
        'supannTypeEntite',
        'telephoneNumber',
      ],
      // By its code the establishment itself tells a structure from another.
      identifying: { supannCodeEntite: (code) => [`code:${code}`] },
    };
    this.script = ldifOf(kind);
    this.entries = new EntryStore(ldap, settings, tree, kind, (_row, cause) =>
      Promise.resolve(
        isAlreadyExists(cause)
          ? new Rejected('another entry has this code', { cause, attributes: ['supannCodeEntite'] })
          : targetError(cause),
      ),
    );
    this.overlay = new EntryOverlay(kind, this.entries, ['o', 'ou']);
  }

  references(master: Master<'structure'>) {
    return structureReferences(master);
  }

  map(master: Master<'structure'>, context: MapContext) {
    return this.overlay.classed(mapStructure(master, context, this.settings));
  }

  read(ref: Ref) {
    return this.entries.read(ref);
  }

  readMany(refs: readonly Ref[]) {
    return this.entries.readMany(refs);
  }

  readVersions(refs: readonly Ref[]) {
    return this.entries.readVersions(refs);
  }

  list() {
    return this.entries.list();
  }

  write(change: Change) {
    return this.entries.write(change);
  }
}
