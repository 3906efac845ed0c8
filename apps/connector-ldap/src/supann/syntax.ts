import { isTidyDn, normaliseDn, parseDn } from '../ldap/dn.js';
import { attributeType, type Syntax } from './schema.js';

// RFC 4517 §3.3, as OpenLDAP reads them.
const CHECKS: Readonly<Record<Syntax, (value: string) => boolean>> = {
  boolean: (value) => value === 'TRUE' || value === 'FALSE',
  directoryString: () => true,
  dn: isDn,
  generalizedTime: (value) => /^\d{10}(\d{2}(\d{2})?)?Z$/.test(value),
  ia5: (value) => /^[\x00-\x7f]*$/.test(value),
  numeric: (value) => /^\d[\d ]*$/.test(value),
  postalAddress: (value) => /^(?:[^\\$]|\\(?:24|5C))+(?:\$(?:[^\\$]|\\(?:24|5C))+)*$/u.test(value),
  printable: (value) => /^[A-Za-z0-9'()+,./:?= -]+$/.test(value),
  telephone: (value) => /^[A-Za-z0-9'()+,./:?= -]+$/.test(value),
};

const LABELS: Readonly<Record<Syntax, string>> = {
  boolean: 'a boolean',
  directoryString: 'a text',
  dn: 'a distinguished name',
  generalizedTime: 'a time',
  ia5: 'an ASCII text',
  numeric: 'a number of digits only',
  postalAddress: 'a postal address',
  printable: "a text of letters, digits and '()+,-./:=? without accents",
  telephone: 'a telephone number',
};

/** Why the schema cannot hold the value in that attribute, without saying the value; undefined when it can. */
export function syntaxFault(attribute: string, value: string): string | undefined {
  const { syntax, max } = attributeType(attribute);
  if (value === '' || !CHECKS[syntax](value)) return `cannot be held by ${attribute}: not ${LABELS[syntax]}`;
  if (max !== undefined && value.length > max && [...value].length > max)
    return `cannot be held by ${attribute}: longer than ${max} characters`;
  return undefined;
}

/** A key under which two values are the same to the server (RFC 4517 §4.2, RFC 4518). */
export function equalityKey(attribute: string, value: string): string {
  switch (attributeType(attribute).equality) {
    case 'ignoreCase':
      return isPlain(value) ? value.toLowerCase() : folded(value).toLowerCase().normalize('NFKC');
    case 'exactCase':
      return isPlain(value) ? value : folded(value);
    case 'numeric':
      return value.replaceAll(' ', '');
    case 'telephone':
      return value.replace(/[\s-]/g, '').toLowerCase();
    case 'dn':
      return isDn(value) ? normaliseDn(value) : value;
    case 'none':
      return value;
  }
}

/** True of most values: ASCII words with single spaces between, in which nothing has to be folded but the case. */
export function isPlain(value: string): boolean {
  return PLAIN.test(value);
}

/** The text in composed characters (NFC), without spaces around. */
export function tidy(value: string): string {
  return isPlain(value) ? value : value.normalize('NFC').trim();
}

const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

function folded(value: string): string {
  return value.normalize('NFKC').replace(/\s+/gu, ' ').trim();
}

function isDn(value: string): boolean {
  if (isTidyDn(value)) return true;
  try {
    return parseDn(value).length > 0;
  } catch {
    return false;
  }
}
