import { ACKNOWLEDGED, compareVersions, type DeliveryOutcome } from '@myelin/contracts';
import type { Delivery, Overtaking, Revision, StandingRow } from './trace.sql.js';
import type { ErrorView, RevisionTrace, Standing, Step } from './trace.views.js';

/** What is known of the way of one revision. */
export interface Evidence {
  readonly deliveries: readonly Delivery[];
  readonly overtakings: readonly Overtaking[];
  /** Connectors that carry the entity, whether they have told of it or not. */
  readonly carriers: readonly string[];
}

/** The way of one revision: what happened in the order of time, then what is awaited. */
export function traceOf(revision: Revision, { deliveries, overtakings, carriers }: Evidence): RevisionTrace {
  const { entity, id, epoch, kind, origin, correlationId, acceptedAt, publishedAt, previous } = revision;
  const after = (at: Date | null) => at && acceptedAt && at.getTime() - acceptedAt.getTime();
  const step = (name: Step['step'], at: Date | null, more: Partial<Step> = {}): Step => ({
    step: name,
    at: at?.toISOString() ?? null,
    afterMs: after(at),
    ...more,
  });
  const acknowledged = new Set(deliveries.filter((one) => one.acknowledged).map(({ connector }) => connector));
  const overtaken = overtakings.filter(({ connector }) => !acknowledged.has(connector));
  const told = new Set([...deliveries, ...overtaken].map(({ connector }) => connector));
  const happened = [
    ...(acceptedAt ? [step('accepted', acceptedAt)] : []),
    ...(publishedAt ? [step('published', publishedAt)] : []),
    ...deliveries.map((one) => step('delivered', one.at, delivered(one))),
    ...overtaken.map((one) => step('superseded', one.at, superseded(one))),
  ].sort((a, b) => Date.parse(a.at!) - Date.parse(b.at!));
  const awaited = carriers
    .filter((connector) => !told.has(connector))
    .map((connector) => step('pending', null, { connector }));
  const done = new Set([...acknowledged, ...overtaken.map(({ connector }) => connector)]);
  return {
    ...{ entity, id, epoch, revision: revision.revision, kind, origin, correlationId },
    settled: [...told, ...carriers].every((connector) => done.has(connector)),
    steps: [...happened, ...awaited],
    ...coalesced(previous, revision.revision),
  };
}

const delivered = (one: Delivery): Partial<Step> => ({
  ...{ connector: one.connector, outcome: one.outcome, acknowledged: one.acknowledged, cause: one.cause },
  ...{ attempts: one.attempts, changed: one.changed, durationMs: one.durationMs },
  ...(one.job === null ? {} : { job: one.job }),
  ...errorOf(one),
});

const superseded = ({ connector, byEpoch, byRevision }: Overtaking): Partial<Step> => ({
  connector,
  by: { epoch: byEpoch, revision: byRevision },
  note: `superseded by revision ${byRevision}`,
});

/** Revisions between two that were published have been overtaken in the referential. */
function coalesced(previous: number | null, revision: number): { note?: string } {
  if (previous === null || previous >= revision - 1) return {};
  const [first, last] = [previous + 1, revision - 1];
  const which = first === last ? `revision ${first} was` : `revisions ${first} to ${last} were`;
  return { note: `${which} superseded by revision ${revision} before being published` };
}

function errorOf(one: Pick<Delivery, 'errorName' | 'fingerprint' | 'ticket'>): { error?: ErrorView } {
  const { errorName: name, fingerprint, ticket } = one;
  return name !== null && fingerprint !== null ? { error: { name, fingerprint, ticket } } : {};
}

/** Where each connector stands, `newest` being the newest revision that is known. */
export function standingOf(row: StandingRow, newest: { epoch: number; revision: number } | undefined): Standing {
  const { connector, epoch, revision, at, outcome, appliedEpoch, appliedRevision, appliedAt } = row;
  const behind = epoch === null || revision === null || (newest && compareVersions({ epoch, revision }, newest) < 0);
  const applied = ACKNOWLEDGED.includes(outcome as DeliveryOutcome);
  return {
    connector,
    state: behind || outcome === null ? 'pending' : applied ? 'applied' : outcome,
    appliedThrough:
      appliedEpoch === null || appliedRevision === null ? null : { epoch: appliedEpoch, revision: appliedRevision },
    appliedAt: appliedAt?.toISOString() ?? null,
    at: at?.toISOString() ?? null,
    ...errorOf(row),
  };
}

/** A connector that carries the entity and has told nothing of it. */
export const unheard = (connector: string): StandingRow => ({
  connector,
  ...{ epoch: null, revision: null, at: null, outcome: null, errorName: null, fingerprint: null, ticket: null },
  ...{ appliedEpoch: null, appliedRevision: null, appliedAt: null },
});
