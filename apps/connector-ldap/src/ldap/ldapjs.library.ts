import type { EventEmitter } from 'node:events';
import * as ldapjs from 'ldapjs';
import { formatDn, parseDn } from './dn';
import type { WireControl } from './ldap.wire';

/** A response of the library; a search entry has the last two fields. */
export interface Message {
  readonly status: number;
  readonly diagnosticMessage?: string;
  readonly controls: readonly {
    readonly type: string;
    readonly value?: Buffer & { readonly cookie?: Buffer };
  }[];
  readonly objectName: { toString(): string };
  readonly attributes: readonly { readonly type: string; readonly buffers: Buffer[] }[];
}

/** How the library answers. */
export type Callback = (error: Error | null, result: Message) => void;

/** The client of the library, as far as it is used. */
export interface LdapjsClient extends EventEmitter {
  bind(dn: string, password: string, callback: Callback): void;
  add(dn: string, attributes: readonly object[], controls: readonly object[], callback: Callback): void;
  modify(dn: string, changes: readonly object[], controls: readonly object[], callback: Callback): void;
  modifyDN(dn: string, newDn: string, controls: readonly object[], callback: Callback): void;
  del(dn: string, controls: readonly object[], callback: Callback): void;
  exop(oid: string, callback: (error: Error | null, value: string, result: Message) => void): void;
  starttls(options: object, controls: readonly object[], callback: (error: Error | null) => void): void;
  search(
    base: string,
    options: object,
    controls: readonly object[],
    callback: (error: Error | null, events: EventEmitter) => void,
  ): void;
  unbind(callback: () => void): void;
  destroy(): void;
  _send(message: object, expected: unknown, ...rest: unknown[]): unknown;
}

interface Library {
  readonly DN: { fromString: (text: string) => unknown };
  readonly Attribute: new (options: { type: string; values: readonly Buffer[] }) => object;
  readonly Change: new (options: { operation: string; modification: object }) => object;
  readonly EqualityFilter: new (options: { attribute: string; value: Buffer; raw: Buffer }) => object;
  readonly PresenceFilter: new (options: { attribute: string }) => object;
  readonly AndFilter: new (options: { filters: readonly object[] }) => object;
  readonly OrFilter: new (options: { filters: readonly object[] }) => object;
  readonly Control: new (options: { type: string; criticality: boolean; value: Buffer }) => object;
  readonly PagedResultsControl: new (options: {
    criticality: boolean;
    value: { size: number; cookie: Buffer };
  }) => object;
  createClient(options: object): LdapjsClient;
}

/** The library; its published types describe another version. */
export const library = ldapjs as unknown as Library;

/**
 * Takes the place of the library's DN, which changes names: it drops a backslash, trims escaped spaces and reads `\+D` as a
 * hexadecimal pair, so that a request goes to another entry than the one named.
 */
class PlainDn {
  private names;

  constructor(text: string) {
    this.names = text;
  }

  get [Symbol.toStringTag](): string {
    return 'LdapDn';
  }

  get length(): number {
    return parseDn(this.names).length;
  }

  shift(): PlainDn {
    const [first, ...others] = parseDn(this.names);
    this.names = formatDn(others);
    return new PlainDn(formatDn(first ? [first] : []));
  }

  toString(): string {
    return this.names;
  }
}

library.DN.fromString = (text) => new PlainDn(text);

/** A control whose value is bytes; the library's own would send them as text. */
export class RawControl extends library.Control {
  constructor({ type, critical, value }: WireControl) {
    super({ type, criticality: critical, value });
  }

  _toBer(writer: { writeBuffer(bytes: Buffer, tag: number): void }): void {
    writer.writeBuffer((this as unknown as WireControl).value, 0x04);
  }
}

/**
 * Makes every result code come back as a result. The library turns codes into errors with a table, and for a code that
 * is not in it (122, for one) it throws inside the socket's event: the process ends.
 */
export function returnEveryResult(client: LdapjsClient): void {
  const send = client._send.bind(client);
  const any = { indexOf: () => 0 };
  client._send = (message, expected, ...rest) => send(message, Array.isArray(expected) ? any : expected, ...rest);
}
