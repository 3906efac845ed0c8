import { Attribute, Change, Client } from 'ldapts';
import { until, type LdapAccess } from '@myelin/testing';

/** All values of an entry by attribute, sorted; `entryCSN` moves with every write, `entryUUID` never. */
export type Entry = Readonly<Record<string, readonly string[]>>;

/** The persons and structures of a directory, by DN. */
export async function readDirectory(directory: LdapAccess): Promise<Map<string, Entry>> {
  const client = new Client({ url: directory.url, timeout: 30_000 });
  await client.bind(directory.bindDn, directory.password);
  try {
    const { searchEntries } = await client.search(directory.baseDn, {
      filter: '(supannRefId=*)',
      attributes: ['*', 'entryCSN', 'entryUUID'],
      paged: { pageSize: 500 },
    });
    return new Map(
      searchEntries.map(({ dn, ...attributes }) => {
        const values = Object.entries(attributes).map(([name, value]) => [name, [value].flat().map(String).sort()]);
        return [dn, Object.fromEntries(values) as Entry];
      }),
    );
  } finally {
    await client.unbind();
  }
}

/** The entry of a record; undefined when it has none. */
export async function findEntry(directory: LdapAccess, id: string): Promise<Entry | undefined> {
  const entries = await readDirectory(directory);
  return [...entries.values()].find(({ supannRefId }) => supannRefId?.some((value) => value.endsWith(`}${id}`)));
}

/** The entries as anybody sees them: all attributes by DN up to the base, without what the server notes of each write. */
export async function dumpDirectory(directory: LdapAccess): Promise<Record<string, Entry>> {
  const relative = (text: string) => text.replaceAll(directory.baseDn, '<base>');
  const entries = [...(await readDirectory(directory))].map(([dn, entry]) => {
    const kept = Object.entries(entry).filter(([name]) => name !== 'entryCSN' && name !== 'entryUUID');
    return [relative(dn), Object.fromEntries(kept.map(([name, values]) => [name, values.map(relative)]))] as const;
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The version of each entry by DN: it moves with every write, and an entry made anew is another. */
export async function versions(directory: LdapAccess): Promise<Map<string, string>> {
  const entries = await readDirectory(directory);
  return new Map([...entries].map(([dn, { entryCSN, entryUUID }]) => [dn, `${entryUUID?.[0]} ${entryCSN?.[0]}`]));
}

/** Deletes entries of persons and structures by hand: those that are wanted, all by default. */
export async function deleteEntries(
  directory: LdapAccess,
  wanted: (entry: Entry, dn: string) => boolean = () => true,
): Promise<number> {
  const dns = [...(await readDirectory(directory))].filter(([dn, entry]) => wanted(entry, dn)).map(([dn]) => dn);
  await withDirectory(directory, async (client) => {
    await client.add(`cn=last,${directory.baseDn}`, { objectClass: 'organizationalRole', cn: 'last' });
    const seeAlso = `cn=last,${directory.baseDn}`;
    await client.add(`cn=names-last,${directory.baseDn}`, {
      ...{ objectClass: 'organizationalRole', cn: 'names-last', seeAlso },
    });
    for (const dn of [...dns, seeAlso]) await client.del(dn);
    // slapd forgets who is gone in the background, and would forget those who have come back: the last one tells the end.
    await until('slapd should have cleared the references', async () => {
      const { searchEntries } = await client.search(`cn=names-last,${directory.baseDn}`, { scope: 'base' });
      return searchEntries[0]?.seeAlso !== seeAlso;
    });
    await client.del(`cn=names-last,${directory.baseDn}`);
  });
  return dns.length;
}

/** Sets an attribute of entries by hand. */
export async function setByHand(
  directory: LdapAccess,
  dns: readonly string[],
  type: string,
  value: string,
): Promise<void> {
  await withDirectory(directory, async (client) => {
    const modification = new Attribute({ type, values: [value] });
    for (const dn of dns) await client.modify(dn, new Change({ operation: 'replace', modification }));
  });
}

/** Adds persons below an entry by hand, whom the hub knows nothing of, and answers their DNs; `own`: what they have beside a name. */
export async function addPersons(
  directory: LdapAccess,
  branch: string,
  count: number,
  own: Record<string, string> = {},
  name = 'guest',
): Promise<string[]> {
  const uids = Array.from({ length: count }, (_, i) => `${name}${i}`);
  await withDirectory(directory, async (client) => {
    for (const uid of uids)
      await client.add(`uid=${uid},${branch}`, {
        ...{ objectClass: ['inetOrgPerson', 'supannPerson'], uid, cn: uid, sn: uid },
        ...own,
      });
  });
  return uids.map((uid) => `uid=${uid},${branch}`);
}

/** Adds one entry by hand. */
export const addEntry = (directory: LdapAccess, dn: string, entry: Record<string, string | string[]>) =>
  withDirectory(directory, (client) => client.add(dn, entry));

/** Renames an entry by hand. */
export const renameEntry = (directory: LdapAccess, dn: string, newDn: string) =>
  withDirectory(directory, (client) => client.modifyDN(dn, newDn));

/** Removes entries by hand. */
export const removeEntries = (directory: LdapAccess, dns: readonly string[]) =>
  withDirectory(directory, async (client) => {
    for (const dn of dns) await client.del(dn);
  });

async function withDirectory(directory: LdapAccess, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ url: directory.url, timeout: 30_000 });
  await client.bind(directory.bindDn, directory.password);
  try {
    await work(client);
  } finally {
    await client.unbind();
  }
}
