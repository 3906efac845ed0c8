import type { Identifier } from '@myelin/contracts';
import type { DirectorySettings } from './ldap.settings.js';
import { isValidOn } from './supann/days.js';
import type { EntryDraft } from './supann/draft.js';

/** Registries whose name alone is a label (SupAnn, supannRefId). */
const NATIONAL: Readonly<Record<string, string>> = { rnsr: 'RNSR', idref: 'IDREF', 'x-hal': 'HAL' };
/** Registries that SupAnn does not name: their label starts with the establishment. */
const OTHERS = ['ed', 'isni', 'rna', 'ror', 'siren', 'vat', 'wikidata'];

/** The label of an identifier scheme in supannRefId, without braces; undefined when it is not written there. */
export function refIdLabel(scheme: string, settings: DirectorySettings): string | undefined {
  const national = Object.hasOwn(NATIONAL, scheme) ? NATIONAL[scheme] : undefined;
  if (national !== undefined) return national;
  const written = OTHERS.includes(scheme) || settings.localSchemes.includes(scheme);
  return written ? `UAI:${settings.homeEstablishment}:${scheme.replace(/^x-/, '').toUpperCase()}` : undefined;
}

/** The supannRefId value by which an entry is recognised. */
export function hubRefId(id: string, { hubLabel }: DirectorySettings): string {
  return `{${hubLabel}}${id}`;
}

/** Writes the hub's id and the other identifiers that are valid on that day. */
export function writeRefIds(
  draft: EntryDraft,
  { id, identifiers }: { readonly id: string; readonly identifiers?: readonly Identifier[] | null },
  today: string,
  settings: DirectorySettings,
): void {
  draft.add('supannRefId', hubRefId(id, settings), 'id');
  identifiers?.forEach((identifier, i) => {
    const label = isValidOn(today, identifier) ? refIdLabel(identifier.scheme, settings) : undefined;
    if (label !== undefined) draft.addLabelled('supannRefId', label, identifier.value, `identifiers[${i}].value`);
  });
}

/** True when the value of supannRefId is ours to change: the hub's id, or an identifier that the hub may write. */
export function ownsRefId(value: string, settings: DirectorySettings): boolean {
  const label = /^\{([^}]*)\}/.exec(value)?.[1];
  if (label === undefined) return false;
  const schemes = [...Object.keys(NATIONAL), ...OTHERS, ...settings.localSchemes];
  return label === settings.hubLabel || schemes.some((scheme) => refIdLabel(scheme, settings) === label);
}
