import type { Connector, Session } from '@myelin/connector';
import { onDirectory } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { ldapDrivers } from './ldap/ldap.drivers.js';
import { LdapPool } from './ldap/ldap.pool.js';
import { PersonSync } from './person.sync.js';
import { StructureSync } from './structure.sync.js';
import { ensureTree } from './tree.js';

/** The connector to a SUPANN directory. */
export function ldapConnector(settings: DirectorySettings): Connector {
  return {
    name: 'ldap',
    open() {
      const { url, bindDn, password, tls, deadlineMs, connections } = settings;
      const options = { url, bindDn, password, deadlineMs, ...(tls && { tls }) };
      const pool = new LdapPool(ldapDrivers[settings.driver], options, { size: connections });
      return Promise.resolve(session(pool, settings));
    },
  };
}

function session(pool: LdapPool, settings: DirectorySettings): Session {
  return {
    syncs: [new StructureSync(pool, settings), new PersonSync(pool, settings)],
    // A change takes several operations at most; one that had no answer takes its connection with it.
    callDeadlineMs: settings.deadlineMs,
    async check() {
      await onDirectory(() => pool.whoAmI());
      await ensureTree(pool, settings);
    },
    close: () => pool.close(),
  };
}
