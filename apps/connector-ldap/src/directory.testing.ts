import { randomBytes } from 'node:crypto';
import type { Harness, MapContext, Referenced } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { canonicalDn } from './canonical-dn.js';
import { directorySettings, type DirectorySettings } from './ldap.settings.js';
import { childDn, rdn, sameDn } from './ldap/dn.js';
import { present } from './ldap/filter.js';
import { ldapDrivers } from './ldap/ldap.drivers.js';
import type { LdapAttributes, LdapConnection } from './ldap/ldap.port.js';

const { LDAP_URL = '', LDAP_BIND_DN = '', LDAP_PASSWORD = '', LDAP_BASE_DN = '' } = process.env;

/** A suffix of its own in the directory of the environment, removed at the end. */
export class TestDirectory {
  readonly settings: DirectorySettings;
  private readonly ou = `test-${randomBytes(4).toString('hex')}`;
  private connection?: LdapConnection;

  constructor(given: Partial<DirectorySettings> = {}, below = LDAP_BASE_DN) {
    this.settings = directorySettings({
      url: LDAP_URL,
      bindDn: LDAP_BIND_DN,
      password: LDAP_PASSWORD,
      deadlineMs: 5_000,
      baseDn: childDn(rdn('ou', this.ou), below),
      createBranches: true,
      homeEstablishment: '0999001W',
      eppnScope: 'univ-exemple.fr',
      ...given,
    });
    beforeAll(() => this.start());
    afterAll(() => this.stop());
  }

  /** A connection beside the connector's own. */
  get ldap(): LdapConnection {
    return this.connection!;
  }

  /** DN of the person of that login. */
  person(uid: string): string {
    return childDn(rdn('uid', uid), this.settings.peopleBranch);
  }

  /** DN of the structure of that code. */
  structure(code: string): string {
    return childDn(rdn('supannCodeEntite', code), this.settings.structuresBranch);
  }

  /** Change number of an entry: moves with every write. */
  async entryCsn(dn: string): Promise<string> {
    return (await this.ldap.read(dn, ['entryCSN']))?.attributes.entryCSN?.[0] ?? 'absent';
  }

  /** Entries right below a branch. */
  async count(branch: string): Promise<number> {
    return (await this.ldap.search(branch, present('objectClass'), { scope: 'one', attributes: [] })).length;
  }

  /** Entries of others, as the conformance suite wants them. */
  crowd(of: (n: number) => { readonly dn: string; readonly entry: LdapAttributes }): Harness['crowd'] {
    return {
      add: async (count) => {
        const all = Array.from({ length: count }, (_, n) => of(n));
        await together(all, ({ dn, entry }) => this.ldap.add(dn, entry));
        return all.map(({ dn }) => canonicalDn(dn));
      },
      remove: (dns) => together(dns, (dn) => this.ldap.remove(dn)),
    };
  }

  private async start(): Promise<void> {
    const { url, bindDn, password, deadlineMs } = this.settings;
    this.connection = await ldapDrivers.ldapts.connect({ url, bindDn, password, deadlineMs });
    await this.ldap.add(this.settings.baseDn, { objectClass: 'organizationalUnit', ou: this.ou });
  }

  private async stop(): Promise<void> {
    const entries = await this.ldap.search(this.settings.baseDn, present('objectClass'), { attributes: [] });
    const deepestFirst = entries.sort((a, b) => b.dn.split(',').length - a.dn.split(',').length);
    for (const { dn } of deepestFirst) if (!sameDn(dn, this.settings.baseDn)) await this.ldap.remove(dn);
    await this.ldap.remove(this.settings.baseDn);
    await this.ldap.close();
  }
}

/** Some at a time: each has a deadline of its own. */
async function together<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < all.length; start += 50) await Promise.all(all.slice(start, start + 50).map(work));
}

/** A context that knows these records under these keys. */
export function contextWith(
  references: Readonly<Record<string, { readonly master: Master; readonly targetId: string }>>,
  { today = '2026-10-15', name }: { readonly today?: string; readonly name?: string } = {},
): MapContext {
  return { today, name, reference: (key): Referenced | undefined => references[key] };
}
