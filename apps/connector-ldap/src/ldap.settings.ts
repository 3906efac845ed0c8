import type { LdapDriverName } from './ldap/ldap.drivers.js';
import type { LdapTls } from './ldap/ldap.port.js';

/** Days of grace after the last valid day, by kind of role. */
export interface Grace {
  readonly staff: number;
  readonly learner: number;
  readonly external: number;
}

/** Everything the connector is told: the directory, the establishment and its choices where SupAnn leaves one. */
export interface DirectorySettings {
  /** `ldap://host:port` or `ldaps://host:port`. */
  readonly url: string;
  readonly bindDn: string;
  readonly password: string;
  readonly tls?: LdapTls;
  readonly driver: LdapDriverName;
  /** Connections at most. */
  readonly connections: number;
  /** Milliseconds for each operation, and for a change as a whole. */
  readonly deadlineMs: number;
  readonly baseDn: string;
  readonly peopleBranch: string;
  readonly structuresBranch: string;
  readonly groupsBranch: string;
  /** True: branches that are missing below the base are created. */
  readonly createBranches: boolean;
  /** UAI of the establishment. */
  readonly homeEstablishment: string;
  /** What stands after `@` in eduPersonPrincipalName. */
  readonly eppnScope: string;
  /** Label of master ids in supannRefId, without braces. */
  readonly hubLabel: string;
  /** Resources whose state the connector keeps (supannRessourceEtat). */
  readonly resources: readonly string[];
  readonly grace: Grace;
  /** Days between the suspension of a person who must leave the directory and the removal of the entry. */
  readonly removalGraceDays: number;
  /** Identifier schemes of the establishment (`x-…`) that go to supannRefId under `{UAI:…:NAME}`. */
  readonly localSchemes: readonly string[];
  /** True: birth names, dates, genders and towns are written too. */
  readonly birthData: boolean;
}

type Required = 'url' | 'bindDn' | 'password' | 'baseDn' | 'homeEstablishment' | 'eppnScope';

/** The settings with what can be derived from the required ones filled in. */
export function directorySettings(
  given: Pick<DirectorySettings, Required> & Partial<DirectorySettings>,
): DirectorySettings {
  return {
    driver: 'ldapts',
    connections: 4,
    deadlineMs: 10_000,
    peopleBranch: `ou=people,${given.baseDn}`,
    structuresBranch: `ou=structures,${given.baseDn}`,
    groupsBranch: `ou=groups,${given.baseDn}`,
    createBranches: false,
    hubLabel: `UAI:${given.homeEstablishment}:HUB`,
    resources: ['COMPTE'],
    grace: { staff: 90, learner: 180, external: 0 },
    removalGraceDays: 30,
    localSchemes: [],
    birthData: false,
    ...given,
  };
}
