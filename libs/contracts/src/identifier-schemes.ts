import { stdnum } from 'stdnum';

/** Alphabet of the key letter of UAI and RNSR numbers: letter = alphabet[number mod 23] (Ministry of Higher Education). */
const KEY_LETTERS = 'ABCDEFGHJKLMNPRSTUVWXYZ';

/** What is known of one identifier scheme. */
export interface IdentifierScheme {
  /** Says whether a value is well formed, key included. */
  readonly valid: (value: string) => boolean;
  /** A strong identifier names one real thing for ever: two source records that share it are the same record. */
  readonly strong: boolean;
  /** One thing has one value of it only: two values are two things. */
  readonly single: boolean;
  /** What a correct value looks like, for error messages. */
  readonly shape: string;
}

const matches = (pattern: RegExp) => (value: string) => pattern.test(value);

const keyLetter = (digits: number) => (value: string) =>
  new RegExp(`^\\d{${digits}}[A-Z]$`).test(value) && KEY_LETTERS[Number(value.slice(0, digits)) % 23] === value[digits];

const national = (country: 'FR', kind: 'siren' | 'siret' | 'tva') => (value: string) => {
  const result = stdnum[country]?.[kind]?.validate(value);
  return result?.isValid === true && result.compact === value;
};

/** ISO 7064 MOD 11-2 over the leading digits, last character X = 10 (ORCID, ISNI). */
const mod11_2 = (value: string) => {
  const characters = value.replace(/[- ]/g, '');
  let total = 0;
  for (const digit of characters.slice(0, -1)) total = (total + Number(digit)) * 2;
  const key = (12 - (total % 11)) % 11;
  return characters.at(-1) === (key === 10 ? 'X' : String(key));
};

/** IdRef PPN: weights 9..2 over the first eight digits, modulo 11, X = 10 (ABES). */
const ppn = (value: string) => {
  if (!/^\d{8}[\dX]$/.test(value)) return false;
  let total = 0;
  for (let i = 0; i < 8; i++) total += Number(value[i]) * (9 - i);
  const key = (11 - (total % 11)) % 11;
  return value[8] === (key === 10 ? 'X' : String(key));
};

const scheme = (strong: boolean, shape: string, valid: (value: string) => boolean): IdentifierScheme => ({
  ...{ strong, single: false, shape, valid },
});

/** A scheme of a national registry in which one thing has one number. */
const single = (shape: string, valid: (value: string) => boolean): IdentifierScheme => ({
  ...{ strong: true, single: true, shape, valid },
});

/**
 * The identifier schemes that the pivot knows, each with its check.
 * Sources: UAI and RNSR key (Ministry of Higher Education), SIREN/SIRET/VAT (INSEE, tax administration; `stdnum`),
 * ORCID and ISNI (ISO 7064), IdRef PPN (ABES), ROR (ror.org), INE (shape only: its key is not published).
 */
export const IDENTIFIER_SCHEMES: Readonly<Record<string, IdentifierScheme>> = {
  uai: single('7 digits and a key letter', keyLetter(7)),
  rnsr: single('9 digits and a key letter', keyLetter(9)),
  siren: single('9 digits with a Luhn key', national('FR', 'siren')),
  siret: scheme(true, '14 digits with a Luhn key', national('FR', 'siret')),
  vat: scheme(true, 'FR, 2 digits and a SIREN', national('FR', 'tva')),
  rna: scheme(true, 'W and 9 characters', matches(/^W[0-9A-Z]{9}$/)),
  idref: scheme(true, '9 characters with a key', ppn),
  ror: scheme(true, '0, 6 characters and 2 check digits', matches(/^0[0-9a-hj-km-np-tv-z]{6}\d{2}$/)),
  isni: scheme(true, '16 characters with a key', (v) => /^\d{15}[\dX]$/.test(v) && mod11_2(v)),
  wikidata: scheme(true, 'Q and digits', matches(/^Q[1-9]\d*$/)),
  ed: scheme(true, 'number of the doctoral school', matches(/^\d{1,4}$/)),
  code: scheme(true, 'code of the structure: letters, digits, - _ /', matches(/^[A-Za-z0-9_/-]{1,128}$/)),
  siham: scheme(true, 'HR number: letters and digits', matches(/^[A-Z0-9]{1,20}$/)),
  apogee: scheme(true, 'student number: digits', matches(/^\d{1,20}$/)),
  pegase: scheme(true, 'learner code', matches(/^[A-Za-z0-9-]{1,40}$/)),
  ine: single(
    '10 characters and a key letter, or 9 digits and 2 letters',
    matches(/^([0-9A-Z]{10}[A-Z]|\d{9}[A-Z]{2})$/),
  ),
  orcid: single('0000-0000-0000-0000 with a key', (v) => /^(\d{4}-){3}\d{3}[\dX]$/.test(v) && mod11_2(v)),
  uid: scheme(true, 'login: a letter, then letters, digits, . _ -', matches(/^[a-z][a-z0-9._-]{0,63}$/)),
  eppn: scheme(true, 'name@scope', matches(/^[^@\s]+@[^@\s]+$/)),
};

/** Name of a scheme: one of `IDENTIFIER_SCHEMES`, or `x-` and a name for one that belongs to the establishment. */
export const SCHEME_NAME = /^(x-[a-z0-9-]{1,40}|[a-z][a-z0-9-]{0,40})$/;

/** The scheme of that name; the establishment's own `x-` schemes are strong and unchecked; undefined when unknown. */
export function identifierScheme(name: string): IdentifierScheme | undefined {
  if (Object.hasOwn(IDENTIFIER_SCHEMES, name)) return IDENTIFIER_SCHEMES[name];
  return name.startsWith('x-') && SCHEME_NAME.test(name) ? scheme(true, 'any text', (v) => v !== '') : undefined;
}

/** Why `value` is no identifier of `schemeName`; undefined when it is one. */
export function identifierFault(schemeName: unknown, value: unknown): string | undefined {
  if (typeof schemeName !== 'string' || typeof value !== 'string') return 'must be text, under a scheme';
  const known = identifierScheme(schemeName);
  if (!known) return `unknown identifier scheme "${schemeName}"`;
  return value.length <= 128 && known.valid(value) ? undefined : `is no valid ${schemeName} (${known.shape})`;
}
