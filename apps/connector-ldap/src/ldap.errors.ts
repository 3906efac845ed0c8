import { Fatal, Rejected, TargetDown, TryLater } from '@myelin/connector';
import {
  isAccessDenied,
  isConstraint,
  isCredentials,
  isDown,
  isInvalidSyntax,
  isNotLeaf,
  isSchemaViolation,
  LdapError,
} from './ldap/ldap.error.js';

type Matches = (error: unknown) => boolean;

const codes =
  (...known: readonly number[]): Matches =>
  (error) =>
    error instanceof LdapError && known.includes(error.code as number);

/** No answer, or none that makes sense. */
const DOWN: readonly Matches[] = [isDown, (error) => error instanceof LdapError && error.code === 'protocol'];
/** Our account, or a server that refers elsewhere or lacks an extension: only the settings can be wrong. */
const SETTINGS: readonly Matches[] = [isCredentials, isAccessDenied, codes(10, 12, 71)];
/** The content of the entry (RFC 4511 appendix A). */
const CONTENT: readonly Matches[] = [isInvalidSyntax, isSchemaViolation, isConstraint, isNotLeaf, codes(2, 18, 67, 68)];

/** What follows a failure of the directory, as one of the four errors of a connector; anything else stays as it is. */
export function targetError(error: unknown): unknown {
  if (!(error instanceof LdapError)) return error;
  const { message, attribute } = error;
  const is = (group: readonly Matches[]) => group.some((matches) => matches(error));
  const options = { cause: error, unknownOutcome: error.unknownOutcome };
  if (is(DOWN)) return new TargetDown(message, options);
  if (is(SETTINGS)) return new Fatal(message, options);
  if (is(CONTENT))
    return new Rejected(message, { cause: error, attributes: attribute === undefined ? [] : [attribute] });
  // Busy, unavailable, limits, and entries that somebody else changes at the same time: later it will be over.
  return new TryLater(message, options);
}

/** Runs work on the directory; what it throws is one of the four errors of a connector. */
export async function onDirectory<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw targetError(error);
  }
}
