import { createHash, randomInt } from 'node:crypto';
import { Fatal, NameTaken, Rejected, TargetDown, TargetError, TryLater } from '@myelin/connector';
import { HookFailed } from '../custom/hook.errors.js';
import type { LedgerError } from './result.js';

/** What follows an error: the one place where it is decided. */
export type Consequence =
  /** The whole connector waits and probes; the entity stays due and its attempts are not counted. */
  | {
      readonly then: 'pause';
      readonly fatal: boolean;
      readonly unknownOutcome: boolean;
      /** How long the target asks to be left alone. */
      readonly askedMs: number | undefined;
    }
  /** This entity comes back after a while, the others flow. */
  | {
      readonly then: 'retry';
      readonly inMs: number;
      readonly askedMs: number | undefined;
      readonly unknownOutcome: boolean;
      readonly error: LedgerError;
    }
  /** This entity comes back after a while, for the sake of something else than the target. */
  | { readonly then: 'later'; readonly inMs: number; readonly error: LedgerError }
  /** This entity stays aside until it changes or somebody retries it. */
  | { readonly then: 'park'; readonly error: LedgerError }
  /** The name allocated to this entity is somebody else's: it gets another and comes back at once. */
  | { readonly then: 'rename'; readonly taken: string };

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 5 * 60 * 1000;
/** A target that asks for more is asked again after so long. */
const LONGEST_ASKED_MS = 60 * 60 * 1000;

/** What follows an error that a connector threw while it mapped, read or wrote one entity; `attempts` counts the earlier ones. */
export function consequenceOf(error: unknown, attempts: number): Consequence {
  if (error instanceof Fatal)
    return { then: 'pause', fatal: true, unknownOutcome: error.unknownOutcome, askedMs: undefined };
  if (error instanceof TargetDown) {
    return { then: 'pause', fatal: false, unknownOutcome: error.unknownOutcome, askedMs: askedBy(error) };
  }
  if (error instanceof NameTaken) return { then: 'rename', taken: error.taken };
  if (error instanceof Rejected) return { then: 'park', error: ledgerErrorOf(error) };
  if (error instanceof TryLater) {
    const { unknownOutcome } = error;
    const askedMs = askedBy(error);
    return { then: 'retry', inMs: askedMs ?? backoff(attempts), askedMs, unknownOutcome, error: ledgerErrorOf(error) };
  }
  if (error instanceof HookFailed && error.then !== 'park') {
    return { then: 'later', inMs: backoff(attempts), error: ledgerErrorOf(error) };
  }
  // A defect of the connector concerns this entity: the others flow.
  return { then: 'park', error: ledgerErrorOf(error) };
}

/** What the target asks for, where that is a time to come: one of zero, or what could not be read, would be no pause at all. */
function askedBy({ retryAfterMs = 0 }: TargetDown | TryLater): number | undefined {
  return retryAfterMs > 0 ? Math.min(retryAfterMs, LONGEST_ASKED_MS) : undefined;
}

/** Exponential back-off with full jitter: attempt 0 waits up to 1 s, later ones up to 5 min. */
export function backoff(attempts: number, random = Math.random()): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts, 20), LAST_RETRY_MS) * random;
}

/** What is kept and shown of an error: what a connector says of it; of one that nobody expected, where it arose. */
export function ledgerErrorOf(error: unknown): LedgerError {
  if (error instanceof TargetError) {
    const attributes = error instanceof Rejected && error.attributes.length > 0 ? { attributes: error.attributes } : {};
    return { name: error.name, message: error.message.slice(0, 500), ...attributes };
  }
  if (error instanceof HookFailed) return { name: error.name, message: error.message };
  if (!(error instanceof Error)) return { name: 'Error', message: 'the connector failed without an error' };
  return { name: error.name, message: `the connector failed unexpectedly${placeOf(error)}` };
}

/** Function, file and line of the innermost frame; the text before the frames may hold values of the record. */
function placeOf({ stack = '', message }: Error): string {
  const start = stack.indexOf(message);
  if (start < 0) return '';
  const [, called = '', place] =
    /\n\s+at ([\w.<>[\] ]*)\(?(?:[^()\s]*[/\\])?([^/\\()\s]+:\d+):\d+/.exec(stack.slice(start + message.length)) ?? [];
  return place === undefined ? '' : ` in ${called}(${place})`;
}

/**
 * The same for all errors of one kind, whatever record, number or quoted value they speak of: 12 hexadecimal digits by which
 * parked entities are grouped. Stable across releases as long as the texts are.
 */
export function fingerprintOf({ name, message, attributes }: LedgerError): string {
  const kind = message
    .replace(/"[^"]*"|'[^']*'|«[^»]*»/g, '…')
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, '#')
    .replace(/\d+/g, '#');
  return createHash('sha256')
    .update([name, kind, ...(attributes ?? [])].join('\n'))
    .digest('hex')
    .slice(0, 12);
}

// Without letters and digits that are taken for one another on the telephone.
const TICKET_LETTERS = '23456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A short reference of one parked entity, fit for a support ticket: `LDAP-7F3KM2XQ`. */
export function newTicket(connector: string): string {
  const letters = Array.from({ length: 8 }, () => TICKET_LETTERS[randomInt(TICKET_LETTERS.length)]);
  return `${connector.toUpperCase()}-${letters.join('')}`;
}
