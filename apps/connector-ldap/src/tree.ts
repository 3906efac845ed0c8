import { Fatal } from '@myelin/connector';
import { onDirectory } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { normaliseDn, parentDn, parseDn } from './ldap/dn.js';
import { isAlreadyExists } from './ldap/ldap.error.js';
import type { LdapOperations } from './ldap/ldap.port.js';

/** Makes sure that the base and the branches are there; creates missing branches below the base when that is allowed. */
export function ensureTree(ldap: LdapOperations, settings: DirectorySettings): Promise<void> {
  return onDirectory(async () => {
    if (!(await ldap.read(settings.baseDn, []))) throw new Fatal('the base of the directory does not exist');
    for (const branch of branchesOf(settings)) {
      if (await ldap.read(branch, [])) continue;
      if (!settings.createBranches) throw new Fatal(`the branch ${nameOf(branch)} does not exist`);
      await createBranch(ldap, branch, settings.baseDn);
    }
  });
}

function branchesOf({ peopleBranch, structuresBranch, groupsBranch, createBranches }: DirectorySettings): string[] {
  // Nothing is written to the groups yet: they are created with the others, but not required.
  return createBranches ? [peopleBranch, structuresBranch, groupsBranch] : [peopleBranch, structuresBranch];
}

async function createBranch(ldap: LdapOperations, branch: string, baseDn: string): Promise<void> {
  const name = parseDn(branch)[0]?.[0];
  if (name?.type.toLowerCase() !== 'ou' || normaliseDn(parentDn(branch)) !== normaliseDn(baseDn)) {
    throw new Fatal(`the branch ${nameOf(branch)} does not exist and is no ou right below the base`);
  }
  try {
    await ldap.add(branch, { objectClass: 'organizationalUnit', ou: name.value });
  } catch (error) {
    // Another instance starts at the same time.
    if (!isAlreadyExists(error)) throw error;
  }
}

function nameOf(branch: string): string {
  return branch.split(',')[0]!;
}
