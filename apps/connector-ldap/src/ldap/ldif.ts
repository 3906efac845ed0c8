import type { LdapAttributes, Modification } from './ldap.port';

/** What stands at the beginning of a file (RFC 2849). */
export const LDIF_HEAD = 'version: 1\n\n';

/** Columns of a line; what is longer goes on in the next one, after a space. */
const COLUMNS = 76;
/** What stands as it is: ASCII that does not begin like another notation and does not end in a space. */
const SAFE = /^(?![ :<])[\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )$/;

/** An entry to add. */
export const addRecord = (dn: string, attributes: LdapAttributes): string =>
  record(dn, 'add', [
    ...Object.entries(attributes).flatMap(([name, values]) => textsOf(values).map((value) => line(name, value))),
  ]);

/** Modifications of an entry, in their order. */
export const modifyRecord = (dn: string, modifications: readonly Modification[]): string =>
  record(
    dn,
    'modify',
    modifications.flatMap(({ op, attribute, values }) => [
      line(op, attribute),
      ...textsOf(values).map((value) => line(attribute, value)),
      '-',
    ]),
  );

/** Another name for an entry, where it is; the old one goes. */
export const renameRecord = (dn: string, newRdn: string): string =>
  record(dn, 'modrdn', [line('newrdn', newRdn), 'deleteoldrdn: 1']);

export const deleteRecord = (dn: string): string => record(dn, 'delete', []);

/** Lines that tools pass over. */
export const comment = (text: string): string => `${folded(`# ${text.replaceAll(/[^ -~]/g, '?')}`)}\n\n`;

function record(dn: string, type: string, lines: readonly string[]): string {
  return [line('dn', dn), `changetype: ${type}`, ...lines, '', ''].join('\n');
}

/** `name: value`, or `name:: value` in base64 where the value could not be read back as it is. */
function line(name: string, value: string): string {
  return folded(SAFE.test(value) ? `${name}: ${value}` : `${name}:: ${Buffer.from(value).toString('base64')}`);
}

function folded(text: string): string {
  const lines = [text.slice(0, COLUMNS)];
  for (let at = COLUMNS; at < text.length; at += COLUMNS - 1) lines.push(` ${text.slice(at, at + COLUMNS - 1)}`);
  return lines.join('\n');
}

// What is dropped before sending is not told either.
function textsOf(values: LdapAttributes[string]): string[] {
  return [values].flat().flatMap((value) => (value == null || value.length === 0 ? [] : [String(value)]));
}
