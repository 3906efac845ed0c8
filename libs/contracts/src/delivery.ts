import { IsBoolean, IsIn, IsInt, Max, Min } from 'class-validator';
import { Checked, CheckedList, Nested, NestedList, Optional } from './decorators.js';
import { ENTITIES, type Entity } from './master.js';

/**
 * What became of one attempt to bring one entity to one target. The first six acknowledge the revision: the target has what it
 * must have of it. `observed`: what would have been written, by a connector that only observes.
 */
export const DELIVERY_OUTCOMES = [
  'created',
  'modified',
  'suspended',
  'removed',
  'unchanged',
  'skipped',
  'waiting',
  'retry',
  'paused',
  'parked',
  'held',
  'observed',
] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

/** The outcomes after which the target has what it must have of the revision. */
export const ACKNOWLEDGED: readonly DeliveryOutcome[] = DELIVERY_OUTCOMES.slice(0, 6);

/** Why an entity was looked at: its own change, that of one it refers to, a date, another mapping, somebody's order, which may be to put back what was, or that the target was not as it was left. */
export const DELIVERY_CAUSES = ['change', 'reference', 'date', 'remap', 'resync', 'undo', 'verify'] as const;
export type DeliveryCause = (typeof DELIVERY_CAUSES)[number];

/** What went wrong with a delivery: no message, since it may hold values of the record. */
export class DeliveryError {
  /** Class of the error: `Rejected`, `TryLater`. */
  @Checked('code')
  name: string;

  /** The same for all errors of one kind. */
  @Checked('code')
  fingerprint: string;

  /** By which people speak of this one: on a parked entity. */
  @Optional()
  @Checked('code')
  ticket?: string | null;
}

/** One attempt to bring one entity to one target: what was done, never values, nor the id in the target, which may be a login. */
export class DeliveryReport {
  @Checked('code')
  connector: string;

  @IsIn(ENTITIES)
  entity: Entity;

  /** Master id. */
  @Checked('masterId')
  id: string;

  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  epoch: number;

  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  revision: number;

  @IsIn(DELIVERY_OUTCOMES)
  outcome: DeliveryOutcome;

  @IsIn(DELIVERY_CAUSES)
  cause: DeliveryCause;

  /** 1 for the first one of this revision. */
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  attempt: number;

  /** Attributes of the target that were written, or would have been. */
  @CheckedList('code')
  changed: string[];

  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  durationMs: number;

  @Optional()
  @Checked('code')
  correlationId?: string | null;

  /** The job that made the entity due. */
  @Optional()
  @Checked('code')
  job?: string | null;

  @Optional()
  @Nested(() => DeliveryError)
  error?: DeliveryError | null;

  /** When the change was made in the referential. */
  @Optional()
  @Checked('instant')
  changedAt?: string | null;

  /** When the attempt ended. */
  @Checked('instant')
  at: string;
}

export const CONNECTOR_WORK = ['open', 'paused', 'stopped', 'disabled'] as const;
/** `open`: work flows. `paused`: the target does not answer, or an operator has paused it. `stopped`: settings must be mended. `disabled`: switched off. */
export type ConnectorWork = (typeof CONNECTOR_WORK)[number];

/** Where a connector stands with one kind of entity; counts may stop at some bound. */
export class EntityPulse {
  @IsIn(ENTITIES)
  entity: Entity;

  /** When the oldest change was made that the target has not seen; null when it has them all. */
  @Optional()
  @Checked('instant')
  oldestPendingAt?: string | null;

  /** When the oldest change was sent that is known to be unread, or since when none could be read; null when all is read as it comes. */
  @Optional()
  @Checked('instant')
  unreadSince?: string | null;

  /** Why changes are not read. */
  @Optional()
  @Checked('note')
  unreadDetail?: string | null;

  @IsInt()
  @Min(0)
  due: number;

  @IsInt()
  @Min(0)
  parked: number;

  @IsInt()
  @Min(0)
  waiting: number;

  @IsInt()
  @Min(0)
  held: number;
}

/** Sign of life of one instance of a connector. */
export class ConnectorPulse {
  @Checked('code')
  connector: string;

  /** Tells apart the processes of one connector. */
  @Checked('code')
  instance: string;

  @IsIn(CONNECTOR_WORK)
  work: ConnectorWork;

  /** Why work does not flow. */
  @Optional()
  @Checked('note')
  detail?: string | null;

  /** True: differences are reported, nothing is written. */
  @IsBoolean()
  observe: boolean;

  @NestedList(() => EntityPulse)
  entities: EntityPulse[];

  @Checked('instant')
  at: string;
}

/** A message on `deliveries.v1`: its CloudEvents type, what it holds, and where its schema is published. */
export interface MessageContract<T extends object> {
  readonly type: string;
  readonly dataschema: string;
  readonly of: new () => T;
}

export const DELIVERY_REPORTED: MessageContract<DeliveryReport> = {
  type: 'fr.myelin.delivery.reported.v1',
  dataschema: 'urn:myelin:delivery:report:1',
  of: DeliveryReport,
};

export const CONNECTOR_PULSED: MessageContract<ConnectorPulse> = {
  type: 'fr.myelin.connector.pulse.v1',
  dataschema: 'urn:myelin:connector:pulse:1',
  of: ConnectorPulse,
};
