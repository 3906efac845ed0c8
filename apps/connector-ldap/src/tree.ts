import { Fatal } from '@myelin/connector';
import type { DirectorySettings } from './ldap.settings.js';
import { normaliseDn, parentDn, parseDn } from './ldap/dn.js';
import { isAlreadyExists } from './ldap/ldap.error.js';
import type { CallOptions, LdapOperations, LdapValue } from './ldap/ldap.port.js';

/**
 * The base of a directory and its branches. Branches that are missing are created, where that is allowed, with the first write:
 * a connector that only looks leaves the directory as it is.
 */
export class Tree {
  /** The branches that were missing at the last look; undefined before it. */
  private missing: readonly string[] | undefined;

  constructor(
    private readonly ldap: LdapOperations,
    private readonly settings: DirectorySettings,
  ) {}

  /** Makes sure that the base and the branches are there, or may be created. */
  async check(options: CallOptions = {}): Promise<void> {
    const { baseDn, createBranches } = this.settings;
    if (!(await this.ldap.read(baseDn, [], options))) throw new Fatal('the base of the directory does not exist');
    const missing: string[] = [];
    for (const branch of branchesOf(this.settings)) {
      if (await this.ldap.read(branch, [], options)) continue;
      if (!createBranches) throw new Fatal(`the branch ${nameOf(branch)} does not exist`);
      if (!unitOf(branch, baseDn))
        throw new Fatal(`the branch ${nameOf(branch)} does not exist and is no ou right below the base`);
      missing.push(branch);
    }
    this.missing = missing;
  }

  /** Whether a branch is not there because nothing has been written yet. */
  isToCome(branch: string): boolean {
    return this.missing?.includes(branch) ?? false;
  }

  /** Creates what is missing. */
  async complete(options: CallOptions): Promise<void> {
    if (this.missing === undefined) await this.check(options);
    for (const branch of this.missing ?? []) {
      try {
        await this.ldap.add(
          branch,
          { objectClass: 'organizationalUnit', ou: unitOf(branch, this.settings.baseDn) },
          options,
        );
      } catch (error) {
        // Another write, or another instance, needs it at the same time.
        if (!isAlreadyExists(error)) throw error;
      }
    }
    this.missing = [];
  }
}

function branchesOf({ peopleBranch, structuresBranch, groupsBranch, createBranches }: DirectorySettings): string[] {
  // Nothing is written to the groups yet: they are created with the others, but not required.
  return createBranches ? [peopleBranch, structuresBranch, groupsBranch] : [peopleBranch, structuresBranch];
}

/** The name of a branch that is an `ou` right below the base. */
function unitOf(branch: string, baseDn: string): LdapValue | undefined {
  const name = parseDn(branch)[0]?.[0];
  const isOurs = name?.type.toLowerCase() === 'ou' && normaliseDn(parentDn(branch)) === normaliseDn(baseDn);
  return isOurs ? name.value : undefined;
}

function nameOf(branch: string): string {
  return branch.split(',')[0]!;
}
