import type { Connector, Session } from '@myelin/connector';
import { onDirectory } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { ASSERTION } from './ldap/ldap.controls.js';
import { ldapDrivers } from './ldap/ldap.drivers.js';
import { LdapPool } from './ldap/ldap.pool.js';
import { PersonSync } from './person.sync.js';
import { StructureSync } from './structure.sync.js';
import { Tree } from './tree.js';

/** What a server needs at most to carry out what it has received when the connector gives up. */
const LAST_WORDS_MS = 1000;

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
  const tree = new Tree(pool, settings);
  return {
    syncs: [new StructureSync(pool, settings, tree), new PersonSync(pool, settings, tree)],
    callDeadlineMs: settings.deadlineMs + LAST_WORDS_MS,
    async check() {
      await onDirectory(async () => {
        await pool.whoAmI();
        await pool.supports(ASSERTION);
        await tree.check();
      });
    },
    close: () => pool.close(),
  };
}
