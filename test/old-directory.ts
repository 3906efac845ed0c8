import { Client } from 'ldapts';
import { type MapContext, type Row, type Session, type Sync } from '@myelin/connector';
import { referenceKeys, type Entity, type Master } from '@myelin/contracts';
import type { LdapAccess } from '@myelin/testing';
import { ldapConnector } from '../apps/connector-ldap/src/ldap.connector.js';
import { directorySettings } from '../apps/connector-ldap/src/ldap.settings.js';

const CONNECTIONS = 8;

type Values = readonly (string | Buffer)[];

/** An entry as an establishment made it before there was a hub. */
export interface OldEntry {
  readonly dn: string;
  readonly attributes: Readonly<Record<string, Values>>;
}

/** Makes entries as an establishment that keeps SupAnn by hand would have them: right, in its own way, and with more in them. */
export class OldDirectory {
  private made = 0;
  /** DNs of structures by the names under which persons refer to them. */
  private readonly places = new Map<string, { master: Master; targetId: string }>();

  private constructor(
    private readonly directory: LdapAccess,
    private readonly session: Session,
  ) {}

  static async open(directory: LdapAccess, home: { HOME_UAI: string; EPPN_SCOPE: string }): Promise<OldDirectory> {
    const settings = directorySettings({
      ...{ ...directory, homeEstablishment: home.HOME_UAI, eppnScope: home.EPPN_SCOPE },
    });
    return new OldDirectory(directory, await ldapConnector(settings).open());
  }

  /** The entry of a structure, without the hub's id. */
  structure(master: Master<'structure'>): OldEntry {
    const dn = `supannCodeEntite=${master.code},ou=structures,${this.directory.baseDn}`;
    for (const key of [`hub:${master.id}`, ...referenceKeys(master)]) this.places.set(key, { master, targetId: dn });
    const attributes = this.attributesOf('structure', master, undefined);
    return { dn, attributes: { ...attributes, businessCategory: ['own to the establishment'] } };
  }

  /**
   * The entry of a person, without the hub's id, under another login than the hub would give and with what the hub knows nothing of;
   * `named`: by what attribute.
   */
  person(master: Master<'person'>, named: 'uid' | 'cn' = 'uid'): OldEntry {
    const n = ++this.made;
    const login = `Old${n}`;
    const attributes = this.attributesOf('person', master, login);
    const own = {
      objectClass: [...(attributes.OBJECTCLASS ?? []), 'posixAccount', 'extensibleObject'],
      uidNumber: [String(10_000 + n)],
      gidNumber: ['100'],
      homeDirectory: [`/home/${login}`],
      loginShell: ['/bin/bash'],
      roomNumber: [`B ${n}`],
      jpegPhoto: [Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00, n % 256])],
    };
    const { OBJECTCLASS: _, ...rest } = attributes;
    // Every seventh has a name that somebody has forgotten to bring up to date.
    const stale: Record<string, Values> = n % 7 === 0 ? { DISPLAYNAME: [`Former ${n}`] } : {};
    const name = named === 'uid' ? `UID=${login}` : `CN=${login}`;
    const cn: Record<string, Values> = named === 'cn' ? { CN: [...(rest.CN ?? []), login] } : {};
    return { dn: `${name}, OU=People, ${this.directory.baseDn}`, attributes: { ...rest, ...own, ...stale, ...cn } };
  }

  /** A person whom the hub does not know. */
  stranger(): OldEntry {
    const n = ++this.made;
    const attributes = {
      ...{ objectClass: ['inetOrgPerson', 'supannPerson'], uid: [`old${n}`], cn: [`Stranger ${n}`], sn: ['Stranger'] },
      supannEmpId: [`STRANGER${n}`],
    };
    return { dn: `uid=old${n},ou=people,${this.directory.baseDn}`, attributes };
  }

  /** Writes entries into the directory, several at a time. */
  async add(entries: readonly OldEntry[]): Promise<void> {
    const left = [...entries];
    const work = async () => {
      const client = new Client({ url: this.directory.url, timeout: 30_000 });
      await client.bind(this.directory.bindDn, this.directory.password);
      try {
        for (let one = left.shift(); one; one = left.shift())
          await client.add(one.dn, one.attributes as Record<string, string[]>);
      } finally {
        await client.unbind();
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  }

  close(): Promise<void> {
    return this.session.close();
  }

  /** What the hub would write, but its own id: names of attributes in capitals, values the other way round. */
  private attributesOf<E extends Entity>(entity: E, master: Master<E>, login: string | undefined) {
    const sync = this.session.syncs.find((one) => one.entity === entity) as unknown as Sync<E>;
    const context: MapContext = {
      ...{ today: new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' }).format(new Date()), name: login },
      reference: (key) => this.places.get(key),
    };
    const mapped = sync.map(master, context);
    if (mapped === null || mapped === 'skip') throw new Error(`${entity} ${master.id} has no entry`);
    const entries = Object.entries(mapped.row as Row).flatMap(([name, value]): [string, string[]][] => {
      if (name === 'rdn') return [];
      const values = [...(value as string[])].reverse().filter((one) => !one.includes(`:HUB}`));
      return values.length === 0 ? [] : [[name.toUpperCase(), values]];
    });
    return Object.fromEntries(entries) as Record<string, string[]>;
  }
}

/** All below a base as it stands, by DN: its attributes, all unless told, and the version that moves with every write. */
export async function readBytes(
  directory: LdapAccess,
  wanted: readonly string[] = ['*'],
): Promise<Map<string, Record<string, string>>> {
  const client = new Client({ url: directory.url, timeout: 60_000 });
  await client.bind(directory.bindDn, directory.password);
  try {
    const { searchEntries } = await client.search(directory.baseDn, {
      ...{ attributes: [...wanted, 'entryCSN', 'entryUUID'], paged: { pageSize: 500 } },
      explicitBufferAttributes: ['jpegPhoto'],
    });
    return new Map(
      searchEntries.map(({ dn, ...attributes }) => {
        const values = Object.entries(attributes).map(([name, value]) => {
          const all = ([value].flat() as (string | Buffer)[]).map((one) =>
            typeof one === 'string' ? one : one.toString('hex'),
          );
          return [name, all.sort().join('\n')];
        });
        return [dn, Object.fromEntries(values) as Record<string, string>];
      }),
    );
  } finally {
    await client.unbind();
  }
}
