import { Fatal, NameTaken, Rejected, TargetDown, TryLater } from '@myelin/connector';
import type { LedgerError } from './ledger.sql.js';

/** What follows an error: the one place where it is decided. */
export type Consequence =
  /** The whole connector waits and probes; the entity stays due and its attempts are not counted. */
  | { readonly then: 'pause'; readonly fatal: boolean; readonly verify: boolean }
  /** This entity comes back after a while, the others flow. */
  | { readonly then: 'retry'; readonly inMs: number; readonly verify: boolean; readonly error: LedgerError }
  /** This entity stays aside until it changes or somebody retries it. */
  | { readonly then: 'park'; readonly error: LedgerError }
  /** The name allocated to this entity is somebody else's: it gets another and comes back at once. */
  | { readonly then: 'rename'; readonly taken: string };

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 5 * 60 * 1000;

/** What follows an error that a connector threw while it mapped, read or wrote one entity; `attempts` counts the earlier ones. */
export function consequenceOf(error: unknown, attempts: number): Consequence {
  if (error instanceof Fatal) return { then: 'pause', fatal: true, verify: error.unknownOutcome };
  if (error instanceof TargetDown) return { then: 'pause', fatal: false, verify: error.unknownOutcome };
  if (error instanceof NameTaken) return { then: 'rename', taken: error.taken };
  if (error instanceof Rejected) return { then: 'park', error: describe(error) };
  if (error instanceof TryLater) {
    const inMs = error.retryAfterMs ?? backoff(attempts);
    return { then: 'retry', inMs, verify: error.unknownOutcome, error: describe(error) };
  }
  // A defect of the connector concerns this entity: the others flow.
  return { then: 'park', error: describe(error) };
}

/** Exponential back-off with full jitter: attempt 0 waits up to 1 s, later ones up to 5 min. */
export function backoff(attempts: number, random = Math.random()): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempts, 20), LAST_RETRY_MS) * random;
}

function describe(error: unknown): LedgerError {
  if (!(error instanceof Error)) return { name: 'Error', message: 'the connector failed without an error' };
  const attributes = error instanceof Rejected && error.attributes.length > 0 ? { attributes: error.attributes } : {};
  return { name: error.name, message: error.message.slice(0, 500), ...attributes };
}
