import type { Row } from '@myelin/connector';
import { canonicalDn } from './canonical-dn.js';
import type { DirectorySettings } from './ldap.settings.js';
import type { LdapEntry } from './ldap/ldap.port.js';
import { ownsRefId } from './ref-ids.js';
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
  readonly attributes: readonly AttributeName[];
}

/** An entry of ours as it stands in the directory. */
export interface Standing {
  readonly dn: string;
  /** Owned attributes and, where ownership goes by value, owned values only. */
  readonly row: Row;
  /** Resources that people have suspended: their state is not the connector's to change (SupAnn, states S). */
  readonly suspended: ReadonlySet<string>;
}

/** What of an entry is ours, as a row that can be compared with a mapped one. */
export function standing(entry: LdapEntry, kind: EntryKind, settings: DirectorySettings): Standing {
  const row: Record<string, readonly string[] | string> = { rdn: relativeName(entry.dn) };
  for (const attribute of ['objectClass', ...kind.attributes] as const) {
    const values = ownedValues(attribute, entry.attributes[attribute] ?? [], kind, settings);
    if (values.length > 0) row[attribute] = values.sort();
  }
  return { dn: entry.dn, row, suspended: suspended(entry.attributes.supannRessourceEtat ?? []) };
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

function ownedValues(
  attribute: AttributeName,
  values: readonly string[],
  kind: EntryKind,
  settings: DirectorySettings,
): string[] {
  switch (attribute) {
    case 'objectClass': {
      const present = new Set(values.map((value) => value.toLowerCase()));
      return kind.classes.filter((name) => present.has(name.toLowerCase()));
    }
    case 'supannRefId':
      return values.filter((value) => ownsRefId(value, settings));
    case 'supannRessourceEtat':
    case 'supannRessourceEtatDate':
      return values.filter((value) => {
        const resource = resourceOf(value);
        return resource !== undefined && !isSuspension(value) && settings.resources.includes(resource);
      });
    default:
      return attributeType(attribute).syntax === 'dn' ? values.map(readable) : [...values];
  }
}

// Separators inside values are written as hex pairs, so the first comma ends the relative name.
function relativeName(dn: string): string {
  return readable(dn).split(',')[0]!;
}

function readable(dn: string): string {
  try {
    return canonicalDn(dn);
  } catch {
    return dn;
  }
}
