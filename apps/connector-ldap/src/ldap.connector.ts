import type { Connector, Session } from '@myelin/connector';
import { onDirectory } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { ldapDrivers } from './ldap/ldap.drivers.js';
import { LdapPool } from './ldap/ldap.pool.js';
import { PersonSync } from './person.sync.js';
import { StructureSync } from './structure.sync.js';
import { todayInFrance } from './supann/days.js';
import { checkTree, ensureTree } from './tree.js';

/** The connector to a SUPANN directory; `today` (`YYYY-MM-DD`) is the day in France unless given. */
export function ldapConnector(
  settings: DirectorySettings,
  { today = todayInFrance }: { readonly today?: () => string } = {},
): Connector {
  return {
    name: 'ldap',
    async open() {
      const { url, bindDn, password, tls, deadlineMs, connections } = settings;
      const options = { url, bindDn, password, deadlineMs, ...(tls && { tls }) };
      const pool = new LdapPool(ldapDrivers[settings.driver], options, { size: connections });
      try {
        await ensureTree(pool, settings);
      } catch (error) {
        await pool.close();
        throw error;
      }
      return session(pool, settings, today);
    },
  };
}

function session(pool: LdapPool, settings: DirectorySettings, today: () => string): Session {
  return {
    syncs: [new StructureSync(pool, settings), new PersonSync(pool, settings, today)],
    async check() {
      await onDirectory(() => pool.whoAmI());
      await checkTree(pool, settings);
    },
    close: () => pool.close(),
  };
}
