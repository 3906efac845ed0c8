import type { PostalAddress } from '@myelin/contracts';
import { COURSE_YEAR, ENTITY_TYPES, GENERIC_ROLES } from './nomenclatures.js';
import { POPULATIONS } from './populations.js';
import { isPlain } from './syntax.js';

/** Characters of the grammar of labels and composites, for which SupAnn has no escape. */
const GRAMMAR = /[{}[\]]/;
const COUNTRIES = new Intl.DisplayNames('fr', { type: 'region' });
const countryNames = new Map<string, string>();

/** `{LABEL}value` (SupAnn, labels); undefined when the value holds a brace or a bracket, which could not be read back. */
export function labelled(label: string, value: string): string | undefined {
  return GRAMMAR.test(value) ? undefined : `{${label}}${value}`;
}

/** Label of a code: `SUPANN` when its nomenclature knows it, else the establishment's own. */
export function nomenclatureLabel(
  kind: 'population' | 'entityType' | 'role' | 'courseYear',
  code: string,
  local: string,
) {
  return isKnown(kind, code) ? 'SUPANN' : local;
}

function isKnown(kind: Parameters<typeof nomenclatureLabel>[0], code: string): boolean {
  switch (kind) {
    case 'population':
      return Object.hasOwn(POPULATIONS, code);
    case 'entityType':
      return ENTITY_TYPES.has(code);
    case 'role':
      return GENERIC_ROLES.has(code);
    case 'courseYear':
      return COURSE_YEAR.test(code);
  }
}

/** End of a last day of validity as GeneralizedTime: the end of that same day, without conversion. */
export function endOfDay(day: string): string {
  return `${day.replaceAll('-', '')}235959Z`;
}

/** `YYYYMMDD`, or nothing when there is no day. */
export function compactDay(day: string | undefined): string {
  return day?.replaceAll('-', '') ?? '';
}

/** An address as RFC 4517 §3.3.28 writes it: lines joined by `$`, the last one the country in French capitals. */
export function postalAddress({ lines, postcode, town, country }: PostalAddress): string {
  const place = [postcode, town].filter((part) => part != null && part.trim() !== '').join(' ');
  const all = [...(lines ?? []), place, country ? countryName(country) : ''];
  return all
    .map((line) => (isPlain(line) ? line : line.normalize('NFC').replace(/\s+/gu, ' ').trim()))
    .filter((line) => line !== '')
    .map((line) => (/[\\$]/.test(line) ? line.replaceAll('\\', '\\5C').replaceAll('$', '\\24') : line))
    .join('$');
}

// Asked for with nearly every address, and there are few of them.
function countryName(country: string): string {
  let name = countryNames.get(country);
  if (name === undefined) countryNames.set(country, (name = (COUNTRIES.of(country) ?? country).toUpperCase()));
  return name;
}
