/** One `type=value` of a relative name; a value given as BER (`#04…`) stays in bytes. */
export interface NamePart {
  readonly type: string;
  readonly value: string | Buffer;
}

/** A distinguished name, nearest name first; a relative name has several parts only when joined by `+`. */
export type Dn = readonly (readonly NamePart[])[];

const type = /\s*((?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*) *= */y;
const plain = /[^\\,;+"]+/y;
const hex = /#((?:[0-9a-fA-F]{2})+) */y;
const pair = /\\([0-9a-fA-F]{2})/y;

/** Parses RFC 4514 text, and what older clients write (quotes, `;`, spaces around separators); throws a TypeError if it is no DN. */
export function parseDn(text: string): Dn {
  if (text.trim() === '') return [];
  const names: NamePart[][] = [[]];
  let at = 0;
  for (;;) {
    const name = match(type, text, at);
    if (!name) throw new TypeError('not a distinguished name');
    const read = readValue(text, at + name[0].length);
    names.at(-1)!.push({ type: name[1]!, value: read.value });
    at = read.end;
    if (at >= text.length) return names;
    if (text[at] !== '+') names.push([]);
    at += 1;
  }
}

/** Writes a DN as RFC 4514 text, special characters as hex pairs: no value then holds a separator, whoever splits the text. */
export function formatDn(dn: Dn): string {
  return dn.map((parts) => parts.map(formatPart).join('+')).join(',');
}

/** The DN as `formatDn` writes it. */
export function tidyDn(dn: string): string {
  return isTidyDn(dn) ? dn : formatDn(parseDn(dn));
}

/** True of nearly every DN that a server sends: one part a name, nothing escaped, nothing that would have to be. */
export function isTidyDn(dn: string): boolean {
  return TIDY.test(dn);
}

const TIDY_PART = /[A-Za-z][A-Za-z0-9-]*=(?![ #])[^\x00-\x1f"+,;<=>\\\x7f]+(?<! )/.source;
const FOLDED_BUT_CASE = /^[!-~]+(?: [!-~]+)*$/;
const TIDY = new RegExp(`^${TIDY_PART}(?:,${TIDY_PART})*$`);

/** Returns a key under which DNs that name the same entry are equal: lower case, NFKC, spaces folded, escapes decoded. */
export function normaliseDn(dn: string): string {
  if (FOLDED_BUT_CASE.test(dn) && isTidyDn(dn)) return dn.toLowerCase();
  const names = parseDn(dn).map((parts) =>
    parts
      .map((part) => formatPart({ type: part.type.toLowerCase(), value: fold(part.value) }))
      .sort()
      .join('+'),
  );
  return names.join(',');
}

/** Says whether two DNs name the same entry, whatever their case, spaces and escapes. */
export function sameDn(a: string, b: string): boolean {
  return a === b || normaliseDn(a) === normaliseDn(b);
}

/** Escapes a value so that it can stand in a DN (RFC 4514 §2.4). */
export function escapeDnValue(value: string): string {
  return value.replace(/[\x00-\x1f"+,;<=>\\\x7f]|^[ #]|[ ]$/g, (char) => `\\${byte(char.charCodeAt(0))}`);
}

/** Makes a relative name from an attribute and its raw value. */
export function rdn(attribute: string, value: string): string {
  return `${attribute}=${escapeDnValue(value)}`;
}

/** Joins a relative name and the DN of its parent. */
export function childDn(name: string, parent: string): string {
  return parent === '' ? name : `${name},${parent}`;
}

/** Returns the DN of the parent, or '' when there is none. */
export function parentDn(dn: string): string {
  return formatDn(parseDn(dn).slice(1));
}

function formatPart(part: NamePart): string {
  const value = typeof part.value === 'string' ? escapeDnValue(part.value) : `#${part.value.toString('hex')}`;
  return `${part.type}=${value}`;
}

// The rules of caseIgnoreMatch as OpenLDAP applies them to naming attributes.
function fold(value: string | Buffer): string | Buffer {
  return typeof value === 'string'
    ? value.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/ +/g, ' ').replace(/^ | $/g, '')
    : value;
}

function readValue(text: string, start: number): { value: string | Buffer; end: number } {
  const ber = match(hex, text, start);
  if (ber) return ended(text, start + ber[0].length, Buffer.from(ber[1]!, 'hex'));
  if (text[start] === '#') throw new TypeError('not a distinguished name');
  if (text[start] === '"') return readQuoted(text, start + 1);
  const bytes: Buffer[] = [];
  let at = start;
  // Spaces at the end count only when escaped: the length up to the last character that counts is remembered.
  let spaces = 0;
  while (at < text.length && !',;+'.includes(text[at]!)) {
    if (text[at] === '\\') {
      const one = readEscape(text, at);
      bytes.push(one.bytes);
      at = one.end;
      spaces = 0;
      continue;
    }
    const run = match(plain, text, at);
    if (!run) throw new TypeError('not a distinguished name');
    bytes.push(Buffer.from(run[0]));
    at += run[0].length;
    spaces = run[0].length - run[0].replace(/ +$/, '').length;
  }
  const all = Buffer.concat(bytes);
  return { value: all.toString('utf8', 0, all.length - spaces), end: at };
}

function readQuoted(text: string, start: number): { value: string; end: number } {
  const bytes: Buffer[] = [];
  let at = start;
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') {
      const one = readEscape(text, at);
      bytes.push(one.bytes);
      at = one.end;
    } else {
      const char = String.fromCodePoint(text.codePointAt(at)!);
      bytes.push(Buffer.from(char));
      at += char.length;
    }
  }
  if (text[at] !== '"') throw new TypeError('not a distinguished name');
  at += 1;
  while (text[at] === ' ') at += 1;
  return ended(text, at, Buffer.concat(bytes).toString());
}

function readEscape(text: string, at: number): { bytes: Buffer; end: number } {
  const code = match(pair, text, at);
  if (code) return { bytes: Buffer.from(code[1]!, 'hex'), end: at + 3 };
  if (!/[ "#+,;<=>\\]/.test(text[at + 1] ?? '')) throw new TypeError('not a distinguished name');
  return { bytes: Buffer.from(text[at + 1]!), end: at + 2 };
}

function ended<T extends string | Buffer>(text: string, end: number, value: T): { value: T; end: number } {
  if (end < text.length && !',;+'.includes(text[end]!)) throw new TypeError('not a distinguished name');
  return { value, end };
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function byte(code: number): string {
  return code.toString(16).padStart(2, '0').toUpperCase();
}
