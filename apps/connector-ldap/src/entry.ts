import type { Row } from '@myelin/connector';
import { canonicalDn } from './canonical-dn.js';
import type { DirectorySettings } from './ldap.settings.js';
import type { LdapEntry } from './ldap/ldap.port.js';
import { labelOf, refIdLabels } from './ref-ids.js';
import { attributeType, type AttributeName } from './supann/schema.js';

/** Raised whenever a mapping or a code table changes, so that every record is mapped again. */
export const MAPPING_VERSION = '1';

/** What the connector owns in one kind of entry; everything else in it belongs to others. */
export interface EntryKind {
  /** DN below which the entries stand. */
  readonly branch: string;
  readonly naming: 'uid' | 'supannCodeEntite';
  /** Object classes that the connector gives and takes. */
  readonly classes: readonly string[];
  /** Those of them that cannot be changed in place (RFC 4512 §2.4.2). */
  readonly structural: readonly string[];
  readonly attributes: readonly string[];
  /** The strong identifiers (`scheme:value`) that a value stands for, by attribute; supannRefId goes without saying. */
  readonly identifying: Identifying;
}

/** Values as the identifiers, of the hub's schemes, that they are or may be. */
export type Identifying = Readonly<Partial<Record<AttributeName, (value: string) => readonly string[]>>>;

/** An entry of ours as it stands in the directory. */
export interface Standing {
  readonly dn: string;
  /** Owned attributes and, where ownership goes by value, owned values only. */
  readonly row: Row;
  /** Resources that people have suspended: their state is not the connector's to change (SupAnn, states S). */
  readonly suspended: ReadonlySet<string>;
  /** Changes with every write to the entry (entryCSN), where the server keeps it. */
  readonly etag: string | undefined;
}

/** The kind with more attributes and classes of the connector's own. */
export function owning(kind: EntryKind, more: Pick<EntryKind, 'attributes' | 'classes'>): EntryKind {
  const [attributes, classes] = [
    new Set([...kind.attributes, ...more.attributes]),
    new Set([...kind.classes, ...more.classes]),
  ];
  return { ...kind, attributes: [...attributes], classes: [...classes] };
}

/** Attributes to ask for to tell what of an entry is ours. */
export function attributesOf(kind: EntryKind): string[] {
  return [...new Set(['objectClass', 'supannRefId', 'entryCSN', ...kind.attributes])];
}

/** Tells what of an entry is ours, as a row that can be compared with a mapped one. */
export function standingIn(kind: EntryKind, settings: DirectorySettings): (entry: LdapEntry) => Standing {
  const owned = ['objectClass', ...kind.attributes].map(
    (attribute) => [attribute, ownedValues(attribute, kind, settings)] as const,
  );
  return ({ dn, attributes }) => {
    const row: Record<string, readonly string[] | string> = { rdn: relativeName(dn) };
    for (const [attribute, ours] of owned) {
      const all = attributes[attribute];
      const values = all && ours(all);
      if (values && values.length > 0) row[attribute] = values.length > 1 ? values.sort() : values;
    }
    return { dn, row, suspended: suspended(attributes.supannRessourceEtat ?? []), etag: attributes.entryCSN?.[0] };
  };
}

/** Resource and state, `{COMPTE}A:…`. */
const STATE = /^\{([^}]*)\}(.*)$/s;
/** Suspended by people; some tools file the locks under I (FusionDirectory). */
const SUSPENDED = /^(S|I:SupannVerr)/;

/** Resource of a value of supannRessourceEtat or supannRessourceEtatDate. */
export function resourceOf(value: string): string | undefined {
  return STATE.exec(value)?.[1];
}

function suspended(states: readonly string[]): Set<string> {
  return new Set(states.filter(isSuspension).flatMap((state) => resourceOf(state) ?? []));
}

function isSuspension(state: string): boolean {
  return SUSPENDED.test(STATE.exec(state)?.[2] ?? '');
}

/** Picks the values of that attribute that are ours. */
function ownedValues(
  attribute: string,
  { classes }: EntryKind,
  settings: DirectorySettings,
): (values: string[]) => string[] {
  switch (attribute) {
    case 'objectClass':
      return (values) => {
        const present = new Set(values.map((value) => value.toLowerCase()));
        return classes.filter((name) => present.has(name.toLowerCase()));
      };
    case 'supannRefId': {
      const labels = refIdLabels(settings);
      return (values) => values.filter((value) => labels.has(labelOf(value)));
    }
    case 'supannRessourceEtat':
    case 'supannRessourceEtatDate':
      return (values) =>
        values.filter((value) => {
          const resource = resourceOf(value);
          return resource !== undefined && !isSuspension(value) && settings.resources.includes(resource);
        });
    default:
      return attributeType(attribute).syntax === 'dn' ? (values) => values.map(readable) : (values) => values;
  }
}

// Separators inside values are written as hex pairs, so the first comma ends the relative name.
function relativeName(dn: string): string {
  return readable(dn).split(',', 1)[0]!;
}

function readable(dn: string): string {
  try {
    return canonicalDn(dn);
  } catch {
    return dn;
  }
}
