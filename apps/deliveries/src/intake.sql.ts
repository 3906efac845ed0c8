import { ACKNOWLEDGED, type ConnectorPulse, type DeliveryReport, type Entity } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';

/** A revision as its envelope on a referential topic tells of it. */
export interface Published {
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  readonly kind: string;
  readonly acceptedAt: Date;
  readonly publishedAt: Date | null;
  readonly origin: string | null;
  readonly correlationId: string | null;
}

/** Keeps what was published in the last `days`; a revision that is published again stays as it was first. */
export async function savePublished(
  dataSource: DataSource,
  entity: Entity,
  revisions: readonly Published[],
  days: number,
): Promise<void> {
  if (revisions.length === 0) return;
  await dataSource.query(
    `insert into published (entity, id, epoch, revision, kind, accepted_at, published_at, origin, correlation_id)
     select $1, id, epoch, revision, kind, "acceptedAt", "publishedAt", origin, "correlationId"
       from jsonb_to_recordset($2::jsonb) as r (id uuid, epoch integer, revision integer, kind text, "acceptedAt" timestamptz,
              "publishedAt" timestamptz, origin text, "correlationId" text)
      where "acceptedAt" > now() - make_interval(days => $3)
      order by id, epoch, revision
     on conflict do nothing`,
    [entity, JSON.stringify(revisions), days],
  );
}

/** How many reports were new, by connector, entity and outcome. */
export interface Counted {
  readonly connector: string;
  readonly entity: Entity;
  readonly outcome: string;
  readonly count: number;
}

const REPORTS = `jsonb_to_recordset($1::jsonb) as r (connector text, entity text, id uuid, epoch integer, revision integer, outcome text,
  cause text, attempt integer, changed text[], "durationMs" integer, job text, error jsonb, at timestamptz)`;

/** Keeps the reports of the last `days`, and moves on where connectors stand; a report that comes twice changes nothing. */
export async function saveReports(
  manager: EntityManager,
  reports: readonly DeliveryReport[],
  days: number,
): Promise<Counted[]> {
  if (reports.length === 0) return [];
  const json = JSON.stringify(reports);
  const counted = (await manager.query(
    `with fresh as (
       insert into delivery (entity, id, connector, epoch, revision, at, outcome, cause, attempt, changed, duration_ms, job,
                             error_name, fingerprint, ticket)
       select entity, id, connector, epoch, revision, at, outcome, cause, attempt, changed, "durationMs", job,
              error ->> 'name', error ->> 'fingerprint', error ->> 'ticket'
         from ${REPORTS} where at > now() - make_interval(days => $2)
        order by entity, id, connector, epoch, revision, at
       on conflict do nothing returning connector, entity, outcome)
     select connector, entity, outcome, count(*)::integer as count from fresh group by connector, entity, outcome`,
    [json, days],
  )) as Counted[];
  await manager.query(
    `insert into standing as s (entity, id, connector, epoch, revision, at, outcome, error_name, fingerprint, ticket)
     select distinct on (entity, id, connector) entity, id, connector, epoch, revision, at, outcome,
            error ->> 'name', error ->> 'fingerprint', error ->> 'ticket'
       from ${REPORTS} order by entity, id, connector, epoch desc, revision desc, at desc
     on conflict (entity, id, connector) do update
       set epoch = excluded.epoch, revision = excluded.revision, at = excluded.at, outcome = excluded.outcome,
           error_name = excluded.error_name, fingerprint = excluded.fingerprint, ticket = excluded.ticket
       where (s.epoch, s.revision, s.at) < (excluded.epoch, excluded.revision, excluded.at)`,
    [json],
  );
  await manager.query(
    `update standing s set applied_epoch = a.epoch, applied_revision = a.revision, applied_at = a.at
       from (select distinct on (entity, id, connector) * from ${REPORTS} where outcome = any($2::text[])
              order by entity, id, connector, epoch desc, revision desc, at) as a
      where s.entity = a.entity and s.id = a.id and s.connector = a.connector
        and (s.applied_epoch is null or (s.applied_epoch, s.applied_revision) < (a.epoch, a.revision))`,
    [json, ACKNOWLEDGED],
  );
  return counted;
}

/** Keeps the newest pulse of each instance. */
export async function savePulses(manager: EntityManager, pulses: readonly ConnectorPulse[]): Promise<void> {
  if (pulses.length === 0) return;
  await manager.query(
    `insert into pulse (connector, instance, at, work, detail, observe, entities)
     select distinct on (connector, instance) connector, instance, at, work, detail, observe, entities
       from jsonb_to_recordset($1::jsonb) as p (connector text, instance text, at timestamptz, work text, detail text,
              observe boolean, entities jsonb)
      order by connector, instance, at desc
     on conflict (connector, instance) do update
       set at = excluded.at, work = excluded.work, detail = excluded.detail, observe = excluded.observe, entities = excluded.entities
       where pulse.at < excluded.at`,
    [JSON.stringify(pulses)],
  );
}
