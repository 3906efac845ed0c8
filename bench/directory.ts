import { Client, Control, PresenceFilter, SearchEntry, SearchRequest, type Entry } from 'ldapts';
import type { LdapAccess } from '@myelin/testing';
import { seconds } from './measure.js';

/** A bound connection to a directory. */
export async function bound({ url, bindDn, password }: LdapAccess): Promise<Client> {
  const client = new Client({ url, timeout: 60_000, connectTimeout: 5_000 });
  await client.bind(bindDn, password);
  return client;
}

/** The entries below the base, parents first, with the attributes that somebody wrote. */
export async function readEntries(directory: LdapAccess): Promise<Entry[]> {
  const client = await bound(directory);
  const paged = { pageSize: 1000 };
  const { searchEntries } = await client.search(directory.baseDn, {
    filter: '(supannRefId=*)',
    attributes: ['*'],
    paged,
  });
  await client.unbind();
  // What was asked for and is not there comes back as an attribute without values.
  const entries = searchEntries.map(
    (entry) => Object.fromEntries(Object.entries(entry).filter(([, values]) => values.length > 0)) as Entry,
  );
  const depth = ({ dn }: Entry) => dn.split(/(?<!\\),/).length;
  return entries.sort((a, b) => depth(a) - depth(b));
}

/** The version of every entry of a person or a structure, which changes with each write to it, by its name. */
export async function readVersions(directory: LdapAccess): Promise<Map<string, string>> {
  const client = await bound(directory);
  const versions = new Map<string, string>();
  const options = { filter: '(supannRefId=*)', attributes: ['entryCSN'], paged: { pageSize: 1000 } };
  for await (const { searchEntries } of client.searchPaginated(directory.baseDn, options))
    for (const { dn, entryCSN } of searchEntries) versions.set(dn, String(entryCSN));
  await client.unbind();
  return versions;
}

/** As the pool of the connector has them. */
const CONNECTIONS = 4;
const IN_FLIGHT = 16;

/** Adds entries as fast as the connections take them, and answers the seconds that took. */
export async function addAll(directory: LdapAccess, entries: readonly Entry[]): Promise<number> {
  const clients: Client[] = [];
  for (let i = 0; i < CONNECTIONS; i++) clients.push(await bound(directory));
  let next = 0;
  const lane = async (client: Client) => {
    for (let entry = entries[next++]; entry; entry = entries[next++]) {
      const { dn, ...attributes } = entry;
      await client.add(dn, attributes as Record<string, string | string[]>);
    }
  };
  const lanes = clients.flatMap((client) => Array.from({ length: IN_FLIGHT }, () => client));
  const time = await seconds(() => Promise.all(lanes.map(lane)));
  for (const client of clients) await client.unbind();
  return time;
}

/** The parts of ldapts below its public search, which answers only when a search has ended; this one never ends. */
interface Inside {
  readonly messageParser: { on(event: 'message', listener: (message: unknown) => void): void };
  _nextMessageId(): number;
  _send(request: SearchRequest): Promise<unknown>;
}

/** Control of an LDAP content synchronization search (RFC 4533), mode refreshAndPersist. */
class SyncRequest extends Control {
  constructor() {
    super('1.3.6.1.4.1.4203.1.9.1.1', { critical: true });
  }

  override writeControl(writer: Parameters<Control['writeControl']>[0]): void {
    writer.startSequence(0x04);
    writer.startSequence();
    writer.writeEnumeration(3);
    writer.endSequence();
    writer.endSequence();
  }
}

/**
 * Tells the values of some attributes of every entry below the base that is written, as soon as the server has committed it: the
 * server pushes them, so that watching costs next to nothing. Resolves when all that stood before was passed over.
 */
export async function watchEntries(
  directory: LdapAccess,
  attributes: string[],
  onValue: (value: string) => void,
): Promise<Client> {
  const client = await bound(directory);
  const inside = client as unknown as Inside;
  let refreshed = false;
  inside.messageParser.on('message', (message) => {
    if (!refreshed || !(message instanceof SearchEntry)) return;
    for (const { values } of message.attributes) for (const value of values) onValue(value.toString());
  });
  const request = new SearchRequest({
    messageId: inside._nextMessageId(),
    baseDN: directory.baseDn,
    scope: 'sub',
    filter: new PresenceFilter({ attribute: 'supannRefId' }),
    attributes,
    controls: [new SyncRequest()],
  });
  // The end of the refresh is told by a message that the library does not know and takes for a failure of the search.
  await inside._send(request).catch((error: Error) => {
    if (!error.message.includes('0x79')) throw error;
  });
  refreshed = true;
  return client;
}
