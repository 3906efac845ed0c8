import type { LdapDriver } from './ldap.port';
import { ldapjsDriver } from './ldapjs.driver';
import { ldaptsDriver } from './ldapts.driver';

/** The libraries that can stand behind the port. */
export type LdapDriverName = 'ldapts' | 'ldapjs';

/** Every driver by its name in the settings; the conformance suite runs over all of them. */
export const ldapDrivers: Readonly<Record<LdapDriverName, LdapDriver>> = { ldapts: ldaptsDriver, ldapjs: ldapjsDriver };
