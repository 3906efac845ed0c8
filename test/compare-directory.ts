import { Client } from 'ldapts';
import { SKIP, type MapContext, type Referenced, type Row, type Sync } from '@myelin/connector';
import { referenceKeys, type Entity, type Master } from '@myelin/contracts';
import type { LdapAccess } from '@myelin/testing';
import { directorySettings } from '../apps/connector-ldap/src/ldap.settings.js';
import { ldapConnector } from '../apps/connector-ldap/src/ldap.connector.js';

/** Where to read both sides. */
export interface Comparison {
  /** Address of the person referential. */
  readonly persons: string;
  /** Address of the structure referential. */
  readonly structures: string;
  readonly directory: LdapAccess;
  readonly settings: { readonly HOME_UAI: string; readonly EPPN_SCOPE: string };
  /** Day for which the entries are expected; today in Europe/Paris by default. */
  readonly today?: string;
}

/** What a comparison found: one line per missing, extra or different entry, with field names and no values. */
export interface Compared {
  readonly entries: number;
  readonly differences: string[];
}

/** Attributes that the server keeps by itself. */
const OPERATIONAL = new Set(['memberof']);
const SUPERCLASSES = new Set(['top', 'person', 'organizationalperson']);

type Entry = { readonly dn: string; readonly attributes: ReadonlyMap<string, readonly string[]> };

/**
 * Reads the referentials over HTTP and the directory over LDAP, and compares entry by entry and value by value: what every
 * entry should be (the connector's mapping, a pure function) with what it is.
 */
export async function compareDirectory(comparison: Comparison): Promise<Compared> {
  const { directory, settings } = comparison;
  const [structures, persons] = await Promise.all([
    readAll(comparison.structures, 'structures'),
    readAll(comparison.persons, 'persons'),
  ]);
  const entries = new Map([
    ...(await readEntries(directory, 'structures')),
    ...(await readEntries(directory, 'people')),
  ]);
  const connector = ldapConnector(
    directorySettings({
      ...directory,
      password: directory.password,
      homeEstablishment: settings.HOME_UAI,
      eppnScope: settings.EPPN_SCOPE,
    }),
  );
  const session = await connector.open();
  const today = comparison.today ?? new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' }).format(new Date());
  const known = new Map<string, Referenced>();
  for (const [entity, masters] of [
    ['structure', structures],
    ['person', persons],
  ] as const) {
    for (const master of masters) {
      const entry = entries.get(master.id);
      if (!entry) continue;
      for (const key of [`hub:${master.id}`, ...referenceKeys(master)])
        known.set(`${entity}|${key}`, { master, targetId: entry.dn });
    }
  }
  const differences: string[] = [];
  const expect = (entity: Entity, masters: readonly Master[]) => {
    const sync = session.syncs.find((one) => one.entity === entity);
    if (!sync) throw new Error(`the connector has no sync of ${entity}`);
    for (const master of masters) {
      const fault = compareOne(sync, master, entries.get(master.id), known, today);
      if (fault !== undefined) differences.push(`${entity} ${master.id}: ${fault}`);
      entries.delete(master.id);
    }
  };
  const total = structures.length + persons.length;
  expect('structure', structures);
  expect('person', persons);
  for (const entry of entries.values()) differences.push(`extra entry ${entry.dn}`);
  await session.close();
  return { entries: total, differences };
}

function compareOne(
  sync: Sync,
  master: Master,
  entry: Entry | undefined,
  known: ReadonlyMap<string, Referenced>,
  today: string,
): string | undefined {
  const entityOf = new Map((sync.references?.(master, today) ?? []).map(({ entity, key }) => [key, entity]));
  const context: MapContext = {
    today,
    // A login that the hub does not hold was allocated by the connector: the entry tells which, if there is one.
    name: entry?.attributes.get('uid')?.[0] ?? sync.nameRequest?.(master, today)?.base,
    reference: (key) => known.get(`${entityOf.get(key)}|${key}`),
  };
  const mapped = sync.map(master, context);
  if (mapped === SKIP || mapped === null) return entry && 'must not be there';
  if (!entry) return 'missing';
  const different = differingAttributes(mapped.row, entry);
  return different.length > 0 ? `differs in ${different.join(', ')}` : undefined;
}

function differingAttributes(row: Row, entry: Entry): string[] {
  const expected = new Map(
    Object.entries(row)
      .filter(([name]) => name !== 'rdn')
      .map(([name, values]) => [name.toLowerCase(), values as readonly string[]]),
  );
  const names = new Set([...expected.keys(), ...entry.attributes.keys()]);
  return [...names].filter((name) => {
    if (OPERATIONAL.has(name)) return false;
    return !sameSet(clean(name, expected.get(name) ?? []), clean(name, entry.attributes.get(name) ?? []));
  });
}

const clean = (name: string, values: readonly string[]) =>
  name === 'objectclass'
    ? values.map((value) => value.toLowerCase()).filter((value) => !SUPERCLASSES.has(value))
    : values;

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const left = new Set(a);
  return left.size === new Set(b).size && b.every((value) => left.has(value));
}

/** All records of a referential. */
export async function readAll(referential: string, path: string): Promise<Master[]> {
  const records: Master[] = [];
  let cursor = '';
  do {
    const response = await fetch(`${referential}/${path}?limit=200${cursor && `&cursor=${cursor}`}`);
    if (!response.ok) throw new Error(`${path} cannot be listed: ${response.status}`);
    const page = (await response.json()) as { items: (Master & { revision?: number })[]; next: string | null };
    for (const { revision: _, ...record } of page.items) records.push(record as Master);
    cursor = page.next ?? '';
  } while (cursor !== '');
  return records;
}

/** The entries of a branch by master id. */
async function readEntries(directory: LdapAccess, branch: string): Promise<Map<string, Entry>> {
  const client = new Client({ url: directory.url, timeout: 60_000 });
  await client.bind(directory.bindDn, directory.password);
  try {
    const { searchEntries } = await client.search(`ou=${branch},${directory.baseDn}`, {
      scope: 'one',
      paged: { pageSize: 500 },
    });
    return new Map(
      searchEntries.map(({ dn, ...attributes }) => {
        const entry = {
          dn,
          attributes: new Map(
            Object.entries(attributes).map(([name, value]) => [name.toLowerCase(), [value].flat().map(String)]),
          ),
        };
        return [hubId(entry) ?? dn, entry];
      }),
    );
  } finally {
    await client.unbind();
  }
}

const hubId = ({ attributes }: Entry): string | undefined =>
  attributes
    .get('supannrefid')
    ?.map((value) => /:HUB\}(.+)$/.exec(value)?.[1])
    .find((id) => id !== undefined);
