import { randomBytes } from 'node:crypto';
import type { MapContext, Referenced } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { directorySettings, type DirectorySettings } from './ldap.settings.js';
import { childDn, rdn, sameDn } from './ldap/dn.js';
import { present } from './ldap/filter.js';
import { ldapDrivers } from './ldap/ldap.drivers.js';
import type { LdapConnection } from './ldap/ldap.port.js';

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

/** A context that knows these records under these keys. */
export function contextWith(
  references: Readonly<Record<string, { readonly master: Master; readonly targetId: string }>>,
  { today = '2026-10-15', name }: { readonly today?: string; readonly name?: string } = {},
): MapContext {
  return { today, name, reference: (key): Referenced | undefined => references[key] };
}
