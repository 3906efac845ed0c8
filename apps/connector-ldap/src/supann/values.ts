import type { PostalAddress } from '@myelin/contracts';
import { COURSE_YEAR, ENTITY_TYPES, GENERIC_ROLES } from './nomenclatures.js';
import { POPULATIONS } from './populations.js';

/** Characters of the grammar of labels and composites, for which SupAnn has no escape. */
const GRAMMAR = /[{}[\]]/;
const COUNTRIES = new Intl.DisplayNames('fr', { type: 'region' });

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
  const known = {
    population: () => Object.hasOwn(POPULATIONS, code),
    entityType: () => ENTITY_TYPES.has(code),
    role: () => GENERIC_ROLES.has(code),
    courseYear: () => COURSE_YEAR.test(code),
  }[kind]();
  return known ? 'SUPANN' : local;
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
  const all = [...(lines ?? []), place, country ? (COUNTRIES.of(country) ?? country).toUpperCase() : ''];
  return all
    .map((line) => line.normalize('NFC').replace(/\s+/gu, ' ').trim())
    .filter((line) => line !== '')
    .map((line) => line.replaceAll('\\', '\\5C').replaceAll('$', '\\24'))
    .join('$');
}
