import type { Row } from '@myelin/connector';
import type { Entity, FieldFault, Master } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { Action } from '../work/decision.js';
import type { LedgerError, LedgerStatus } from '../work/result.js';

/** Everything that is known here of one entity. */
export interface Explained {
  readonly entity: Entity;
  readonly id: string;
  readonly state: Master | null;
  readonly epoch: number;
  readonly revision: number;
  readonly changedAt: Date | null;
  readonly correlationId: string | null;
  readonly status: LedgerStatus;
  readonly targetId: string | null;
  readonly row: Row | null;
  readonly etag: string | null;
  readonly suspendedOn: string | null;
  readonly acknowledgedEpoch: number | null;
  readonly acknowledgedRevision: number | null;
  readonly acknowledgedAt: Date | null;
  readonly dueAt: Date | null;
  /** It is mapped again because a day begins. */
  readonly hasDay: boolean;
  readonly cause: string;
  readonly job: string | null;
  readonly attempts: number;
  readonly error: LedgerError | null;
  readonly ticket: string | null;
  readonly held: Action | null;
  /** A login or the like is allocated to it. */
  readonly isNamed: boolean;
  readonly unrepresentable: FieldFault[] | null;
  readonly now: Date;
}

export async function findExplained(
  dataSource: DataSource,
  entity: string,
  id: string,
): Promise<Explained | undefined> {
  const [found] = (await dataSource.query(
    `select s.entity, s.id, s.state, s.epoch, s.revision, s.changed_at as "changedAt", s.correlation_id as "correlationId",
            l.status, l.target_id as "targetId", a.row, l.etag, l.suspended_on::text as "suspendedOn",
            l.epoch as "acknowledgedEpoch", l.revision as "acknowledgedRevision", l.acknowledged_at as "acknowledgedAt",
            l.due_at as "dueAt", l.due_day is not null as "hasDay", l.cause, l.job, l.attempts, l.error, l.ticket, l.held, l.unrepresentable, now() as now,
            exists (select from allocated_name a where a.entity = s.entity and a.owner = s.id) as "isNamed"
       from state s join ledger l using (entity, id) left join acknowledged_row a using (entity, id) where s.entity = $1 and s.id = $2`,
    [entity, id],
  )) as Explained[];
  return found;
}
