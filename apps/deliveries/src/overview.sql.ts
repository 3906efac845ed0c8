import { ACKNOWLEDGED, type ConnectorWork, type EntityPulse } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { ErrorCause, InFlow, Lag, OutFlow } from './overview.views.js';

/** Minutes over which the throughput is averaged. */
export const MINUTES = 15;
/** Kinds of errors that are listed for each connector. */
const ERRORS = 50;

/** A connector gives a sign of life every 10 s. */
export const SILENT_AFTER_SECONDS = 60;

export interface PulseRow {
  readonly connector: string;
  readonly at: Date;
  readonly age: number;
  readonly work: ConnectorWork;
  readonly detail: string | null;
  readonly observe: boolean;
  readonly entities: readonly EntityPulse[];
  /** Instances that gave a sign of life within `SILENT_AFTER_SECONDS`. */
  readonly instances: number;
  /** What these tell of each kind of entity: each reads a part of the topics. */
  readonly told: readonly (readonly EntityPulse[])[] | null;
}

/** The newest pulse of each connector. */
export async function pulses(dataSource: DataSource): Promise<PulseRow[]> {
  return (await dataSource.query(
    `select distinct on (connector) connector, at, greatest(0, extract(epoch from now() - at))::float8 as age, work, detail, observe,
            entities, (count(*) filter (where at > now() - make_interval(secs => $1)) over (partition by connector))::integer as instances,
            jsonb_agg(entities) filter (where at > now() - make_interval(secs => $1)) over (partition by connector) as told
       from pulse order by connector, at desc`,
    [SILENT_AFTER_SECONDS],
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

/** How far a connector is behind with each kind of entity, and why: what it has read, or what it may not have read, whichever is older. */
export function lagsOf({ entities, told }: Pick<PulseRow, 'entities' | 'told'>, now = Date.now()): Lag[] {
  const age = (time: string | null | undefined) => (time ? Math.max(0, (now - Date.parse(time)) / 1000) : 0);
  return entities.map(({ entity, due, parked, waiting, held, oldestPendingAt }) => {
    const readings = [...entities, ...(told ?? []).flat()].filter((one) => one.entity === entity && one.unreadSince);
    const [worst] = readings.sort((a, b) => age(b.unreadSince) - age(a.unreadSince));
    const [pending, unread] = [age(oldestPendingAt), age(worst?.unreadSince)];
    const why =
      unread > pending
        ? (worst?.unreadDetail ?? 'changes are on the topic that are not read yet')
        : pending > 0
          ? 'a change has not reached the target'
          : null;
    return { entity, seconds: Math.max(pending, unread), why, due, parked, waiting, held };
  });
}
