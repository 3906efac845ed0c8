import { choice, integer, list, optionalText, secret, text, url, type SettingsOf } from '@myelin/platform';
import { ldapDrivers, type LdapDriverName } from './ldap/ldap.drivers.js';
import { directorySettings, type DirectorySettings } from './ldap.settings.js';

const DRIVERS = Object.keys(ldapDrivers) as LdapDriverName[];

/** The settings of the directory, as environment variables. */
export const directoryEnvironment = {
  LDAP_URL: url(['ldap', 'ldaps']),
  LDAP_BIND_DN: text(),
  LDAP_PASSWORD: secret(),
  /** Entry above `ou=people`, `ou=structures` and `ou=groups`. */
  LDAP_BASE_DN: text(),
  /** `ldapts` (maintained, the default) or `ldapjs`. */
  LDAP_DRIVER: choice(DRIVERS, 'ldapts'),
  LDAP_CONNECTIONS: integer(1, 32, 4),
  /** Milliseconds after which an operation is given up, with its connection, and so is a change as a whole. */
  LDAP_DEADLINE_MS: integer(100, 8000, 5000),
  /** UAI of the establishment whose directory it is. */
  HOME_UAI: text(),
  /** What follows the @ of eduPersonPrincipalName. */
  EPPN_SCOPE: text(),
  /** Identifier schemes of the establishment (`x-…`) that go to supannRefId. */
  LDAP_LOCAL_SCHEMES: list([]),
  /** Days for which an account stays open after the last day of a role, by kind of role. */
  LDAP_STAFF_GRACE_DAYS: integer(0, 3650, 90),
  LDAP_LEARNER_GRACE_DAYS: integer(0, 3650, 180),
  LDAP_EXTERNAL_GRACE_DAYS: integer(0, 3650, 0),
  /** Days between the suspension of a person whose record is gone and the removal of the entry. */
  LDAP_REMOVAL_GRACE_DAYS: integer(1, 3650, 30),
  /** Create the missing branches below the base with the first write. */
  LDAP_CREATE_BRANCHES: choice(['yes', 'no'], 'no'),
  /** Encrypt a connection to an `ldap:` URL before anything is sent over it. */
  LDAP_STARTTLS: choice(['yes', 'no'], 'no'),
  /** Certificate of the authority that signed the server's (PEM), for `ldaps:` and StartTLS; as a file: `LDAP_CA_FILE`. */
  LDAP_CA: optionalText(),
};

/** The directory that the environment describes. */
export function directoryOf(env: SettingsOf<typeof directoryEnvironment>): DirectorySettings {
  return directorySettings({
    url: env.LDAP_URL,
    bindDn: env.LDAP_BIND_DN,
    password: env.LDAP_PASSWORD,
    baseDn: env.LDAP_BASE_DN,
    driver: env.LDAP_DRIVER,
    connections: env.LDAP_CONNECTIONS,
    deadlineMs: env.LDAP_DEADLINE_MS,
    homeEstablishment: env.HOME_UAI,
    eppnScope: env.EPPN_SCOPE,
    localSchemes: [...env.LDAP_LOCAL_SCHEMES],
    grace: {
      staff: env.LDAP_STAFF_GRACE_DAYS,
      learner: env.LDAP_LEARNER_GRACE_DAYS,
      external: env.LDAP_EXTERNAL_GRACE_DAYS,
    },
    removalGraceDays: env.LDAP_REMOVAL_GRACE_DAYS,
    ...(env.LDAP_CA !== undefined || env.LDAP_STARTTLS === 'yes'
      ? { tls: env.LDAP_CA === undefined ? {} : { ca: env.LDAP_CA } }
      : {}),
    createBranches: env.LDAP_CREATE_BRANCHES === 'yes',
  });
}
