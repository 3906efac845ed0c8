import type { Filter } from './filter';
import type { LdapConnectOptions } from './ldap.port';

/** A result code of the server with its diagnostic, which may quote values and must not leave the connection. */
export interface WireResult {
  readonly code: number;
  readonly diagnostic: string;
}

/** A control of a request or an answer (RFC 4511 §4.1.11). */
export interface WireControl {
  readonly type: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** The answer to a write, with the controls that came along. */
export interface WireWritten extends WireResult {
  readonly controls: readonly WireControl[];
}

/** An attribute as sent: bytes only. */
export interface WireAttribute {
  readonly type: string;
  readonly values: readonly Buffer[];
}

/** One change of a modify request. */
export interface WireChange {
  readonly op: 'add' | 'delete' | 'replace';
  readonly attribute: WireAttribute;
}

/** A search request; `page` asks for paged results (RFC 2696). */
export interface WireSearch {
  readonly base: string;
  readonly scope: 'base' | 'one' | 'sub';
  readonly filter: Filter;
  readonly attributes: readonly string[];
  /** True of the attributes whose values are wanted as bytes. */
  readonly isBinary: (type: string) => boolean;
  readonly timeLimitSeconds: number;
  readonly page?: { readonly size: number; readonly cookie: Buffer };
}

/** An entry as received: values as text, or as bytes where those were wanted. */
export interface WireEntry {
  readonly dn: string;
  readonly attributes: readonly { readonly type: string; readonly values: string[] | Buffer[] }[];
}

/** The final result of a search with all that came before it. */
export interface WireAnswer extends WireResult {
  readonly entries: readonly WireEntry[];
  /** The server pointed to entries held elsewhere. */
  readonly referred: boolean;
  /** Empty when there is no further page. */
  readonly cookie: Buffer;
}

/**
 * What a library must do on one socket, and nothing more: deadlines, death, dropping of empty values, DNs and paging are
 * the connection's business. A result code resolves; a rejection means the socket is of no more use.
 */
export interface Wire {
  /** Resolves once connected, and encrypted if asked. */
  ready(): Promise<void>;
  bind(dn: string, password: string): Promise<WireResult>;
  add(dn: string, attributes: readonly WireAttribute[], controls: readonly WireControl[]): Promise<WireWritten>;
  modify(dn: string, changes: readonly WireChange[], controls: readonly WireControl[]): Promise<WireWritten>;
  rename(
    dn: string,
    newRdn: string,
    newSuperior: string | undefined,
    controls: readonly WireControl[],
  ): Promise<WireWritten>;
  remove(dn: string, controls: readonly WireControl[]): Promise<WireWritten>;
  search(request: WireSearch): Promise<WireAnswer>;
  whoAmI(): Promise<WireResult & { readonly identity: string }>;
  /** Sends unbind, if it can. */
  unbind(): Promise<void>;
  /** Lets go of the socket at once; never throws. */
  destroy(): void;
}

/** Opens a socket with a library; `onDown` is called when the socket is lost. */
export type OpenWire = (options: LdapConnectOptions, onDown: (cause?: unknown) => void) => Wire;
