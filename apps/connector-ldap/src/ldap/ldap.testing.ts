import { randomBytes } from 'node:crypto';
import { childDn, rdn, sameDn } from './dn';
import { present } from './filter';
import type { LdapConnection, LdapConnectOptions, LdapDriver, LdapPage } from './ldap.port';
import { TcpProxy } from './tcp-proxy.testing';

const { LDAP_URL = '', LDAP_BIND_DN = '', LDAP_PASSWORD = '', LDAP_BASE_DN = '' } = process.env;

/** The server of the environment, as the suites connect to it. */
export const direct: LdapConnectOptions = {
  url: LDAP_URL,
  bindDn: LDAP_BIND_DN,
  password: LDAP_PASSWORD,
  deadlineMs: 5_000,
};

/** A minimal person. */
export const person = (cn: string) => ({ objectClass: 'inetOrgPerson', cn, sn: 'Test' });

/** A unit of its own in the directory, emptied after each test and removed at the end, with a proxy in front of the server. */
export class TestTree {
  readonly base: string;
  readonly proxy: TcpProxy;
  private readonly ou: string;
  private readonly opened: LdapConnection[] = [];
  private connection?: LdapConnection;

  constructor(private readonly driver: LdapDriver) {
    const { hostname, port } = new URL(LDAP_URL);
    this.ou = `test-${driver.name}-${randomBytes(4).toString('hex')}`;
    this.base = childDn(rdn('ou', this.ou), LDAP_BASE_DN);
    this.proxy = new TcpProxy({ host: hostname, port: Number(port) || 389 });
    beforeAll(() => this.start());
    afterEach(() => this.clear());
    afterAll(() => this.stop());
  }

  /** A connection straight to the server. */
  get ldap(): LdapConnection {
    return this.connection!;
  }

  /** Options to connect through the proxy, with a short deadline. */
  get through(): LdapConnectOptions {
    return { ...direct, url: this.proxy.url, deadlineMs: 1_000 };
  }

  /** The DN of the entry of that name. */
  at(cn: string): string {
    return childDn(rdn('cn', cn), this.base);
  }

  /** Opens a connection that ends with the test, through the proxy unless told otherwise. */
  async open(options: LdapConnectOptions = this.through): Promise<LdapConnection> {
    const connection = await this.driver.connect(options);
    this.opened.push(connection);
    return connection;
  }

  /** Adds persons, all at once. */
  async addAll(cns: readonly string[], attributes: Readonly<Record<string, string>> = {}): Promise<void> {
    await Promise.all(cns.map((cn) => this.ldap.add(this.at(cn), { ...person(cn), ...attributes })));
  }

  private async start(): Promise<void> {
    this.connection = await this.driver.connect(direct);
    await this.ldap.add(this.base, { objectClass: 'organizationalUnit', ou: this.ou });
    await this.proxy.listen();
  }

  private async clear(): Promise<void> {
    this.proxy.alter = this.proxy.watch = undefined;
    await this.proxy.kill();
    await this.proxy.listen();
    await Promise.all(this.opened.splice(0).map((connection) => connection.close()));
    // Deepest first: a parent has a shorter DN than its children.
    const entries = await this.ldap.search(this.base, present('objectClass'), { attributes: [] });
    const below = entries.filter((entry) => !sameDn(entry.dn, this.base)).sort((a, b) => b.dn.length - a.dn.length);
    for (const entry of below) await this.ldap.remove(entry.dn);
  }

  private async stop(): Promise<void> {
    await this.proxy.kill();
    await this.ldap.remove(this.base);
    await this.ldap.close();
  }
}

/** The whole of a listing. */
export async function pages(list: AsyncIterable<LdapPage>): Promise<LdapPage[]> {
  const seen: LdapPage[] = [];
  for await (const page of list) seen.push(page);
  return seen;
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => Promise.reject(new Error('not rejected')),
    (error: unknown) => error,
  );
}

/** Tags of the requests that write (RFC 4511 §4.6 to 4.9): modify, add, delete, rename. */
const WRITES = [0x66, 0x68, 0x4a, 0x6c];

/** Whether what a client has sent begins with a request that writes: sequence, message id, request. */
export function isLdapWrite(sent: Buffer): boolean {
  const lengthOf = (at: number) => (sent[at]! < 0x80 ? 1 : 1 + (sent[at]! & 0x7f));
  const id = 1 + lengthOf(1);
  return sent[0] === 0x30 && sent[id] === 0x02 && WRITES.includes(sent[id + 2 + sent[id + 1]!]!);
}
