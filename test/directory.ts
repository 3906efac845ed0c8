import { Client } from 'ldapts';
import type { LdapAccess } from '@myelin/testing';

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
