/** Why an operation failed without a result code of the server. */
export type LdapReason =
  /** No answer in time; the connection was given up. */
  | 'deadline'
  /** The connection was lost or closed. */
  | 'closed'
  /** The server could not be reached. */
  | 'refused'
  /** TLS was refused or the certificate not trusted. */
  | 'tls'
  /** The bind left the connection anonymous, or would have: the password is empty. */
  | 'anonymous'
  /** The server answered with something that is not LDAP, or a listing pointed to other servers. */
  | 'protocol'
  /** Another listing runs on this connection. */
  | 'listing'
  /** The request could not be written: not a DN, not an attribute description. */
  | 'invalid';

/** What is known of a failure beyond its code. */
export interface LdapFailure {
  /** True when a write was sent and no answer came: it may have been applied. */
  readonly unknownOutcome?: boolean;
  /** The attribute of the request that the server's diagnostic names. */
  readonly attribute?: string;
  readonly cause?: unknown;
}

/** A failed operation: the server's result code or our reason, never a DN nor a value (servers quote both in diagnostics). */
export class LdapError extends Error {
  readonly unknownOutcome: boolean;
  readonly attribute?: string;

  constructor(
    readonly operation: string,
    readonly code: number | LdapReason,
    failure: LdapFailure = {},
  ) {
    const about = failure.attribute === undefined ? '' : ` on ${failure.attribute}`;
    const unknown = failure.unknownOutcome === true ? ', outcome unknown' : '';
    super(
      `LDAP ${operation} failed: ${describe(code)}${about}${unknown}`,
      failure.cause === undefined ? {} : { cause: failure.cause },
    );
    this.name = 'LdapError';
    this.unknownOutcome = failure.unknownOutcome ?? false;
    if (failure.attribute !== undefined) this.attribute = failure.attribute;
  }
}

// RFC 4511 appendix A and RFC 4528, the codes a provisioning client meets.
const names: Readonly<Record<number, string>> = {
  1: 'operationsError',
  2: 'protocolError',
  3: 'timeLimitExceeded',
  4: 'sizeLimitExceeded',
  8: 'strongerAuthRequired',
  10: 'referral',
  11: 'adminLimitExceeded',
  12: 'unavailableCriticalExtension',
  13: 'confidentialityRequired',
  16: 'noSuchAttribute',
  17: 'undefinedAttributeType',
  18: 'inappropriateMatching',
  19: 'constraintViolation',
  20: 'attributeOrValueExists',
  21: 'invalidAttributeSyntax',
  32: 'noSuchObject',
  34: 'invalidDNSyntax',
  48: 'inappropriateAuthentication',
  49: 'invalidCredentials',
  50: 'insufficientAccessRights',
  51: 'busy',
  52: 'unavailable',
  53: 'unwillingToPerform',
  64: 'namingViolation',
  65: 'objectClassViolation',
  66: 'notAllowedOnNonLeaf',
  67: 'notAllowedOnRDN',
  68: 'entryAlreadyExists',
  69: 'objectClassModsProhibited',
  71: 'affectsMultipleDSAs',
  80: 'other',
  122: 'assertionFailed',
};

function describe(code: number | LdapReason): string {
  if (typeof code === 'string') return code;
  return names[code] === undefined ? `result ${code}` : `${names[code]} (${code})`;
}

function has(...codes: (number | LdapReason)[]): (error: unknown) => error is LdapError {
  return (error): error is LdapError => error instanceof LdapError && codes.includes(error.code);
}

/** The server cannot be talked to: pause and try again; check `isUnknown` first, a write may have been applied. */
export const isDown = has('deadline', 'closed', 'refused', 'tls');

/** A write was sent and no answer came: read the entry before deciding. */
export function isUnknown(error: unknown): error is LdapError {
  return error instanceof LdapError && error.unknownOutcome;
}

/** Our account is refused: an operator must act, retrying may lock it. */
export const isCredentials = has(48, 49, 'anonymous');

/** The server asks for patience (busy, unavailable, time or administrative limit). */
export const isBusy = has(3, 11, 51, 52);

/** Our account may not do this. */
export const isAccessDenied = has(8, 13, 50);

/** The answer was cut by the server's size limit. */
export const isSizeLimit = has(4);

/** The entry to add, or the name to take, exists. */
export const isAlreadyExists = has(68);

/** The entry, or its parent, does not exist. */
export const isNoSuchObject = has(32);

/** A constraint, such as uniqueness, refuses the value. */
export const isConstraint = has(19);

/** The value or attribute to delete is not there. */
export const isNoSuchAttribute = has(16);

/** The value to add is there already. */
export const isValueExists = has(20);

/** A value or DN does not have the syntax its attribute wants. */
export const isInvalidSyntax = has(21, 34, 'invalid');

/** The schema refuses the entry (unknown attribute, missing class, class that cannot change). */
export const isSchemaViolation = has(17, 64, 65, 69);

/** The entry has children. */
export const isNotLeaf = has(66);

/** The entry does not match what the operation was made conditional on. */
export const isAssertionFailed = has(122);
