import type { EventKind, Status } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { Attributes, MasterRecord } from '../tables.js';

/** A state of a record with what made it. */
export interface PastRevision {
  readonly revision: number;
  readonly kind: EventKind;
  readonly status: Status;
  readonly at: Date;
  readonly source: string | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly correlationId: string | null;
  readonly state: Attributes;
}

/** The state that a revision stands for: its own, or the record's present one. */
const STATE = 'coalesce(v.state, r.state)';

/** Revisions of a record below one of them, newest first. */
export async function readHistory(
  dataSource: DataSource,
  id: string,
  below: number | null,
  limit: number,
): Promise<PastRevision[]> {
  return (await dataSource.query(
    `select v.revision, v.kind, v.status, v.at, v.source, v.actor, v.reason, v.correlation_id as "correlationId", ${STATE} as state
       from revision v join record r on r.id = v.record_id
      where v.record_id = $1 and ($2::integer is null or v.revision < $2) order by v.revision desc limit $3`,
    [id, below, limit],
  )) as PastRevision[];
}

/** The newest revision of each record up to an instant, as the record was then. */
const AS_OF = `cross join lateral (
    select revision, status, state, at from revision where record_id = r.id and at <= $1 order by revision desc limit 1) v`;
const RECORD = `r.id, v.revision, v.status, ${STATE} as state, case v.status when 'merged' then r.survivor end as survivor,
    v.at as "updatedAt", r.number`;

/** A record as it was at an instant; undefined when there was none. */
export async function readAsOf(dataSource: DataSource, id: string, instant: Date): Promise<MasterRecord | undefined> {
  const [record] = (await dataSource.query(`select ${RECORD} from record r ${AS_OF} where r.id = $2`, [
    instant,
    id,
  ])) as MasterRecord[];
  return record;
}

/** One page of the records that there were at an instant, in the order of their ids. */
export async function listAsOf(
  dataSource: DataSource,
  instant: Date,
  { after, status, limit }: { readonly after?: string; readonly status?: Status; readonly limit: number },
): Promise<MasterRecord[]> {
  return (await dataSource.query(
    `select ${RECORD} from record r ${AS_OF}
      where ($2::uuid is null or r.id > $2) and ($3::text is null or v.status = $3) order by r.id limit $4`,
    [instant, after ?? null, status ?? null, limit],
  )) as MasterRecord[];
}
