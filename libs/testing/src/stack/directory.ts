import { Client, AlreadyExistsError, NoSuchObjectError } from 'ldapts';

/** How to reach a directory and the tree in it. */
export interface LdapAccess {
  readonly url: string;
  readonly bindDn: string;
  readonly password: string;
  /** Entry above people, structures and groups. */
  readonly baseDn: string;
}

const BRANCHES = ['people', 'structures', 'groups'];

/** Whether the directory answers and knows the account. */
export function canBind(access: LdapAccess): Promise<boolean> {
  return withClient(access, () => Promise.resolve(true));
}

/** Creates what is missing of the tree: the base entry and the branches people, structures and groups. */
export async function createTree(access: LdapAccess): Promise<void> {
  await withClient(access, async (client) => {
    await addIfMissing(client, access.baseDn, baseEntry(access.baseDn));
    for (const ou of BRANCHES)
      await addIfMissing(client, `ou=${ou},${access.baseDn}`, { objectClass: 'organizationalUnit', ou });
  });
}

/**
 * Creates a tree of its own below the base, for one suite of tests.
 * @returns the access whose base is the new tree
 */
export async function createSubtree(access: LdapAccess, name: string): Promise<LdapAccess> {
  const subtree = { ...access, baseDn: `ou=${name},${access.baseDn}` };
  await createTree(subtree);
  return subtree;
}

/** Removes a tree with everything in it. */
export async function removeSubtree(access: LdapAccess): Promise<void> {
  await withClient(access, async (client) => {
    const { searchEntries } = await client.search(access.baseDn, {
      scope: 'sub',
      attributes: ['1.1'],
      paged: { pageSize: 500 },
    });
    // An entry can go only after all below it.
    const depth = (dn: string) => dn.split(/(?<!\\),/).length;
    const dns = searchEntries.map((entry) => entry.dn).sort((a, b) => depth(b) - depth(a));
    for (const dn of dns) await client.del(dn);
  }).catch((error: unknown) => {
    if (!(error instanceof NoSuchObjectError)) throw error;
  });
}

function baseEntry(dn: string): Record<string, string | string[]> {
  const [, attribute, value] = /^(dc|o|ou)=([^,+]+)/i.exec(dn) ?? [];
  if (!attribute || !value) throw new Error(`a base begins with dc=, o= or ou=, unlike ${dn}`);
  if (attribute.toLowerCase() === 'dc') return { objectClass: ['dcObject', 'organization'], dc: value, o: value };
  return { objectClass: attribute.toLowerCase() === 'o' ? 'organization' : 'organizationalUnit', [attribute]: value };
}

async function addIfMissing(client: Client, dn: string, entry: Record<string, string | string[]>): Promise<void> {
  try {
    // Asked first: an account may be refused a base that is there already.
    await client.search(dn, { scope: 'base', attributes: ['1.1'] });
  } catch (error) {
    if (!(error instanceof NoSuchObjectError)) throw error;
    await client.add(dn, entry).catch((late: unknown) => {
      if (!(late instanceof AlreadyExistsError)) throw late;
    });
  }
}

async function withClient<T>({ url, bindDn, password }: LdapAccess, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ url, timeout: 10_000, connectTimeout: 5_000 });
  try {
    await client.bind(bindDn, password);
    return await work(client);
  } finally {
    await client.unbind().catch(() => undefined);
  }
}
