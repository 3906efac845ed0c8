import { ACKNOWLEDGED, type ConnectorWork, type EntityPulse } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { ErrorCause, InFlow, OutFlow } from './overview.views.js';

/** Minutes over which the throughput is averaged. */
export const MINUTES = 15;
/** Kinds of errors that are listed for each connector. */
const ERRORS = 50;

export interface PulseRow {
  readonly connector: string;
  readonly at: Date;
  readonly age: number;
  readonly work: ConnectorWork;
  readonly detail: string | null;
  readonly observe: boolean;
  readonly entities: readonly EntityPulse[];
  /** Instances that gave a sign of life in the last `silentAfter` seconds. */
  readonly instances: number;
}

/** The newest pulse of each connector. */
export async function pulses(dataSource: DataSource, silentAfter: number): Promise<PulseRow[]> {
  return (await dataSource.query(
    `select distinct on (connector) connector, at, greatest(0, extract(epoch from now() - at))::float8 as age, work, detail, observe,
            entities, (count(*) filter (where at > now() - make_interval(secs => $1)) over (partition by connector))::integer as instances
       from pulse order by connector, at desc`,
    [silentAfter],
  )) as PulseRow[];
}

/** How many reports of each connector and outcome came in the last minutes. */
export async function throughput(
  dataSource: DataSource,
): Promise<{ connector: string; outcome: string; count: number }[]> {
  return (await dataSource.query(
    `select connector, outcome, count(*)::integer as count from delivery
      where at > now() - make_interval(mins => $1) group by connector, outcome order by connector, outcome`,
    [MINUTES],
  )) as { connector: string; outcome: string; count: number }[];
}

/** The entities whose last delivery failed, by connector and kind of error. */
export async function errors(dataSource: DataSource): Promise<(ErrorCause & { connector: string })[]> {
  return (await dataSource.query(
    `select connector, fingerprint, name, count, "lastTicket" from (
       select connector, fingerprint, min(error_name) as name, count(*)::integer as count,
              (array_agg(ticket order by at desc) filter (where ticket is not null))[1] as "lastTicket",
              row_number() over (partition by connector order by count(*) desc, fingerprint) as place
         from standing where fingerprint is not null group by connector, fingerprint) as kinds
      where place <= $1 order by connector, place`,
    [ERRORS],
  )) as (ErrorCause & { connector: string })[];
}

/** How many revisions of each source and entity were published in the last hours. */
export async function publishedFlows(dataSource: DataSource, hours: number): Promise<InFlow[]> {
  return (await dataSource.query(
    `select coalesce(origin, 'unknown') as source, entity as object, count(*)::integer as published
       from published where accepted_at > now() - make_interval(hours => $1)
      group by 1, 2 order by 1, 2`,
    [hours],
  )) as InFlow[];
}

/** What each connector did in the last hours with the changes of each source. */
export async function deliveredFlows(dataSource: DataSource, hours: number): Promise<OutFlow[]> {
  return (await dataSource.query(
    `select coalesce(p.origin, 'unknown') as source, d.entity as object, d.connector as consumer,
            (count(*) filter (where d.outcome = any($2::text[])))::integer as acknowledged,
            (count(*) filter (where d.outcome in ('created', 'modified', 'suspended', 'removed')))::integer as written,
            (count(*) filter (where d.outcome <> all($2::text[])))::integer as other
       from delivery d left join published p using (entity, id, epoch, revision)
      where d.at > now() - make_interval(hours => $1)
      group by 1, 2, 3 order by 1, 2, 3`,
    [hours, ACKNOWLEDGED],
  )) as OutFlow[];
}

/** Age in seconds of the oldest change that a pulse tells of as not seen by the target. */
export function lagSeconds({ oldestPendingAt }: { oldestPendingAt?: string | null }, now = Date.now()): number {
  return oldestPendingAt ? Math.max(0, (now - Date.parse(oldestPendingAt)) / 1000) : 0;
}
