import type { DeliveryOutcome, DeliveryReport } from '@myelin/contracts';
import type { Claim } from '../work/claim.sql.js';
import { fingerprintOf } from '../work/outcome.js';
import type { Result } from '../work/result.js';

/** What was done for one claim. */
export interface Delivery {
  readonly one: Claim;
  readonly outcome: DeliveryOutcome;
  readonly result: Result;
  /** Attributes that were written, or would have been. */
  readonly changed: readonly string[];
  /** The target was written. */
  readonly touched: boolean;
  readonly ms: number;
}

/** The delivery report of one attempt: ids, versions and field names, no values. */
export function reportOf(connector: string, { one, outcome, result, changed, ms }: Delivery): DeliveryReport {
  const { error, fingerprint, ticket } = result;
  return {
    connector,
    entity: one.entity,
    id: one.id,
    epoch: one.epoch,
    revision: one.revision,
    outcome,
    cause: one.cause,
    attempt: one.attempts + 1,
    changed: [...changed],
    durationMs: Math.round(ms),
    at: new Date().toISOString(),
    ...(one.correlationId !== null && { correlationId: one.correlationId }),
    ...(one.job !== null && { job: one.job }),
    ...(one.changedAt !== null && { changedAt: one.changedAt.toISOString() }),
    ...(error && {
      error: { name: error.name, fingerprint: fingerprint ?? fingerprintOf(error), ...(ticket !== null && { ticket }) },
    }),
  };
}
