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

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The master ids among the values of supannRefId. */
export function hubIds(values: readonly string[], { hubLabel }: DirectorySettings): string[] {
  return values
    .filter((value) => labelOf(value) === hubLabel)
    .map((value) => value.slice(hubLabel.length + 2))
    .filter((id) => UUID.test(id));
}

/** The identifiers (`scheme:value`) among the values of supannRefId; the hub's id is none. */
export function refIdKeys(values: readonly string[], settings: DirectorySettings): string[] {
  const schemes = new Map(writtenSchemes(settings).map((scheme) => [refIdLabel(scheme, settings), scheme]));
  return values.flatMap((value) => {
    const label = labelOf(value);
    const scheme = schemes.get(label);
    return label === undefined || scheme === undefined ? [] : [`${scheme}:${value.slice(label.length + 2)}`];
  });
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

/** The labels of the supannRefId values that are ours to change: the hub's id, and identifiers that the hub may write. */
export function refIdLabels(settings: DirectorySettings): ReadonlySet<string | undefined> {
  return new Set([
    settings.hubLabel,
    ...writtenSchemes(settings).flatMap((scheme) => refIdLabel(scheme, settings) ?? []),
  ]);
}

/** The identifier schemes that go to supannRefId. */
const writtenSchemes = ({ localSchemes }: DirectorySettings) => [...Object.keys(NATIONAL), ...OTHERS, ...localSchemes];

/** The label of a value, without braces. */
export function labelOf(value: string): string | undefined {
  return value.startsWith('{') && value.includes('}') ? value.slice(1, value.indexOf('}')) : undefined;
}
