import { ACKNOWLEDGED, type Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';

/** A revision of an entity. */
export interface Key {
  readonly entity: Entity;
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
}

/** A revision as it was published; all null where only a connector has told of it. */
export interface Revision extends Key {
  readonly kind: string | null;
  readonly acceptedAt: Date | null;
  readonly publishedAt: Date | null;
  readonly origin: string | null;
  readonly correlationId: string | null;
  /** The revision known before it, in the same epoch. */
  readonly previous: number | null;
}

export interface Delivery extends Key {
  readonly connector: string;
  readonly at: Date;
  readonly outcome: string;
  readonly acknowledged: boolean;
  readonly cause: string;
  readonly attempts: number;
  readonly changed: string[];
  readonly durationMs: number;
  readonly job: string | null;
  readonly errorName: string | null;
  readonly fingerprint: string | null;
  readonly ticket: string | null;
}

/** What a connector took after a revision: the next one that it told of. */
export interface Overtaking extends Key {
  readonly connector: string;
  readonly byEpoch: number;
  readonly byRevision: number;
  readonly at: Date;
}

export interface StandingRow {
  readonly connector: string;
  readonly epoch: number | null;
  readonly revision: number | null;
  readonly at: Date | null;
  readonly outcome: string | null;
  readonly errorName: string | null;
  readonly fingerprint: string | null;
  readonly ticket: string | null;
  readonly appliedEpoch: number | null;
  readonly appliedRevision: number | null;
  readonly appliedAt: Date | null;
}

const COLUMNS = `p.kind, p.accepted_at as "acceptedAt", p.published_at as "publishedAt", p.origin, p.correlation_id as "correlationId"`;

/** The known revisions of one entity before `before`, newest first. */
export async function revisionsOf(
  dataSource: DataSource,
  entity: Entity,
  id: string,
  before: { epoch: number; revision: number } | undefined,
  limit: number,
): Promise<Revision[]> {
  return (await dataSource.query(
    `with known as (
       select epoch, revision from published where entity = $1 and id = $2
       union select epoch, revision from delivery where entity = $1 and id = $2),
     ordered as (select epoch, revision, lag(revision) over (partition by epoch order by revision) as previous from known)
     select $1 as entity, $2::uuid as id, epoch, revision, previous, ${COLUMNS}
       from ordered left join (select * from published where entity = $1 and id = $2) as p using (epoch, revision)
      where $3::integer is null or (epoch, revision) < ($3, $4::integer)
      order by epoch desc, revision desc limit $5`,
    [entity, id, before?.epoch ?? null, before?.revision ?? null, limit],
  )) as Revision[];
}

/** The revisions that were published for one correlation id, in the order of their keys, after `after`. */
export async function revisionsFor(
  dataSource: DataSource,
  correlationId: string,
  after: Key | undefined,
  limit: number,
): Promise<Revision[]> {
  return (await dataSource.query(
    `select entity, id, epoch, revision, null as previous, ${COLUMNS} from published p
      where correlation_id = $1 and ($2::text is null or (entity, id, epoch, revision) > ($2, $3::uuid, $4::integer, $5::integer))
      order by entity, id, epoch, revision limit $6`,
    [correlationId, after?.entity ?? null, after?.id ?? null, after?.epoch ?? null, after?.revision ?? null, limit],
  )) as Revision[];
}

const KEYS = `jsonb_to_recordset($1::jsonb) as k (entity text, id uuid, epoch integer, revision integer)`;

/** Of each revision and connector the first acknowledgement and the last report, in the order of time. */
export async function deliveriesOf(dataSource: DataSource, keys: readonly Key[]): Promise<Delivery[]> {
  return (await dataSource.query(
    `select * from (
       select d.entity, d.id, d.epoch, d.revision, d.connector, d.at, d.outcome, acknowledged, d.cause, d.changed,
              d.duration_ms as "durationMs", d.job, d.error_name as "errorName", d.fingerprint, d.ticket,
              (row_number() over (one order by d.at))::integer as attempts,
              lead(d.at) over (one order by d.at) is null as last,
              row_number() over (partition by d.entity, d.id, d.connector, d.epoch, d.revision, acknowledged order by d.at) as n
         from ${KEYS} join delivery d using (entity, id, epoch, revision)
              cross join lateral (select d.outcome = any($2::text[]) as acknowledged) as verdict
       window one as (partition by d.entity, d.id, d.connector, d.epoch, d.revision)) as told
      where last or (acknowledged and n = 1)
      order by at`,
    [JSON.stringify(keys), ACKNOWLEDGED],
  )) as Delivery[];
}

/** What each connector that knows the entity told of next, after each of these revisions. */
export async function overtakingOf(dataSource: DataSource, keys: readonly Key[]): Promise<Overtaking[]> {
  return (await dataSource.query(
    `select k.entity, k.id, k.epoch, k.revision, s.connector, next.epoch as "byEpoch", next.revision as "byRevision", next.at
       from ${KEYS} join standing s using (entity, id)
            cross join lateral (
              select epoch, revision, at from delivery d
               where d.entity = k.entity and d.id = k.id and d.connector = s.connector
                 and (d.epoch, d.revision) > (k.epoch, k.revision)
               order by d.epoch, d.revision, d.at limit 1) as next`,
    [JSON.stringify(keys)],
  )) as Overtaking[];
}

/** Connectors that say in their pulses that they carry an entity, by entity. */
export async function carriers(dataSource: DataSource): Promise<Map<Entity, string[]>> {
  const rows = (await dataSource.query(
    `select distinct connector, carried ->> 'entity' as entity from pulse, jsonb_array_elements(entities) as carried order by connector`,
  )) as { connector: string; entity: Entity }[];
  return new Map(
    [...Map.groupBy(rows, ({ entity }) => entity)].map(([entity, own]) => [entity, own.map((r) => r.connector)]),
  );
}

/** Where each connector that has told of the entity stands. */
export async function standingsOf(dataSource: DataSource, entity: Entity, id: string): Promise<StandingRow[]> {
  return (await dataSource.query(
    `select connector, epoch, revision, at, outcome, error_name as "errorName", fingerprint, ticket,
            applied_epoch as "appliedEpoch", applied_revision as "appliedRevision", applied_at as "appliedAt"
       from standing where entity = $1 and id = $2 order by connector`,
    [entity, id],
  )) as StandingRow[];
}
