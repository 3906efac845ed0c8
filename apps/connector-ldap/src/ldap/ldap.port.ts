import type { Filter } from './filter';

/** One value of an attribute: text (sent as UTF-8) or bytes. */
export type LdapValue = string | Buffer;

/** The values of an attribute as callers hold them; null, undefined and empty values are dropped before sending. */
export type LdapValues = LdapValue | null | undefined | readonly (LdapValue | null | undefined)[];

/** The attributes of an entry to add, by attribute description. */
export type LdapAttributes = Readonly<Record<string, LdapValues>>;

/**
 * One step of a modify, applied in the order given. `delete` without `values` (or with `[]`) removes the whole attribute and
 * fails when it is absent (16); `replace` without values removes it and never fails. A `delete` whose values are all empty
 * is skipped, so that a missing value never becomes "remove everything".
 */
export interface Modification {
  readonly op: 'add' | 'delete' | 'replace';
  readonly attribute: string;
  readonly values?: LdapValues;
}

/** An entry as read; an attribute asked for keeps the spelling it was asked with, an absent one has no key. */
export interface LdapEntry {
  /** RFC 4514 text with escapes decoded where they are not needed; compare with `sameDn`, never with `===`. */
  readonly dn: string;
  readonly attributes: Readonly<Record<string, string[]>>;
  /** The attributes named in `binary`, untouched. */
  readonly binary: Readonly<Record<string, Buffer[]>>;
}

/** A page of a listing; `complete` is true on the last page only, once the server has said success. */
export interface LdapPage {
  readonly entries: LdapEntry[];
  readonly complete: boolean;
}

/** What holds for any operation. */
export interface CallOptions {
  /** Instant (`performance.now()`) from which the operation is not sent any more, nor waited for; default one deadline ahead. */
  readonly until?: number;
}

/** What a write depends on, and tells. */
export interface WriteOptions extends CallOptions {
  /** The write is carried out only while the entry matches, else it rejects with 122 (RFC 4528); for servers that announce `ASSERTION`. */
  readonly onlyIf?: Filter;
  /** Attributes to return as the write has left them (RFC 4527). */
  readonly returning?: readonly string[];
}

/** The attributes asked for by `returning`, by the names they were asked by; none where the server does not tell them. */
export type Returned = Readonly<Record<string, readonly string[]>>;

/** What a read may ask for besides text attributes. */
export interface ReadOptions extends CallOptions {
  /** Attributes to return as bytes; they need not be repeated among the attributes asked for. */
  readonly binary?: readonly string[];
}

/** What a search returns, and how deep it looks. */
export interface SearchOptions extends ReadOptions {
  /** `['*']` asks for every user attribute, `[]` for none (only DNs). */
  readonly attributes: readonly string[];
  /** Default `sub`. */
  readonly scope?: 'base' | 'one' | 'sub';
}

/** How deep a listing looks. */
export interface ListOptions extends ReadOptions {
  /** Default `sub`. */
  readonly scope?: 'one' | 'sub';
}

/**
 * What can be asked of a directory, on one connection or on a pool; every promise settles within the deadline and every
 * rejection is an `LdapError`. Requests leave in call order, but a server may run those in flight side by side: await an
 * operation before starting one that depends on it.
 */
export interface LdapOperations {
  add(dn: string, attributes: LdapAttributes, options?: Omit<WriteOptions, 'onlyIf'>): Promise<Returned>;
  /** Applies all modifications or none; sends nothing when none is left after dropping empty values. */
  modify(dn: string, modifications: readonly Modification[], options?: WriteOptions): Promise<Returned>;
  /** Renames (the old naming value goes) and, with `newSuperior`, moves; `newRdn` comes from `rdn(attribute, value)`. */
  rename(dn: string, newRdn: string, options?: WriteOptions & { readonly newSuperior?: string }): Promise<Returned>;
  remove(dn: string, options?: Omit<WriteOptions, 'returning'>): Promise<void>;
  /** The entry itself, or null when there is none. */
  read(dn: string, attributes: readonly string[], options?: ReadOptions): Promise<LdapEntry | null>;
  /** All matches in one answer, for lookups; a server limit (4) rejects, it never shortens the answer. */
  search(base: string, filter: Filter, options: SearchOptions): Promise<LdapEntry[]>;
  /**
   * All matches page by page, for listings; one listing at a time per connection. A listing was complete only if a page with
   * `complete: true` was seen: whatever goes wrong before rejects.
   */
  list(
    base: string,
    filter: Filter,
    attributes: readonly string[],
    pageSize?: number,
    options?: ListOptions,
  ): AsyncGenerator<LdapPage, void, void>;
  /** The identity the server sees (`dn:…`, RFC 4532), or '' for anonymous. */
  whoAmI(): Promise<string>;
}

/** One bound connection; once its socket is lost it is dead for ever and every call rejects with `closed`. */
export interface LdapConnection extends LdapOperations {
  readonly alive: boolean;
  /** Resolves once when the connection dies or is closed. */
  readonly ended: Promise<void>;
  /** Says goodbye and lets go of the socket; operations in flight reject with `closed`. */
  close(): Promise<void>;
}

/** Trust for TLS; the certificate is always verified. Given with an `ldap://` address it means StartTLS before the bind. */
export interface LdapTls {
  /** PEM of the authority, when the system's store does not hold it. */
  readonly ca?: string;
  /** Name to verify in the certificate, when it differs from the host of the address. */
  readonly serverName?: string;
}

/** Where to connect, and as whom. */
export interface LdapConnectOptions {
  /** `ldap://host:port` or `ldaps://host:port`. */
  readonly url: string;
  readonly bindDn: string;
  readonly password: string;
  readonly tls?: LdapTls;
  /** Milliseconds for the connection with its bind, then for each operation and each page. */
  readonly deadlineMs: number;
}

/** An LDAP library behind the port. */
export interface LdapDriver {
  readonly name: string;
  /** Connects, binds and verifies with Who-Am-I that the bind took; rejects with an `LdapError`. */
  connect(options: LdapConnectOptions): Promise<LdapConnection>;
}
