import type { Change, Row } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { Claim } from '../work/claim.sql.js';

/** An entity that a job has written, and where it stands now. */
export interface Overwritten {
  readonly entity: Entity;
  readonly id: string;
  /** What stood in the target before; null: nothing. */
  readonly before: Row | null;
  /** Of what the job left there, and of what the ledger has now. */
  readonly afterHash: string | null;
  readonly rowHash: string | null;
  readonly targetId: string | null;
  /** What the target acknowledged last. */
  readonly row: Row | null;
}

/** What a job has overwritten, in the order of ids, after one of them. */
export async function readOverwritten(
  dataSource: DataSource,
  query: { readonly job: string; readonly entity: Entity; readonly after: string | null; readonly limit: number },
): Promise<Overwritten[]> {
  return (await dataSource.query(
    `select o.entity, o.id, o.before, o.after_hash as "afterHash", l.row_hash as "rowHash", l.target_id as "targetId", a.row
       from job_row o join ledger l using (entity, id) left join acknowledged_row a using (entity, id)
      where o.job = $1 and o.entity = $2 and ($3::uuid is null or o.id > $3) order by o.id limit $4`,
    [query.job, query.entity, query.after, query.limit],
  )) as Overwritten[];
}

/** How many entities of these kinds a job has overwritten, as far as that is still kept. */
export async function countOverwritten(
  dataSource: DataSource,
  job: string,
  entities: readonly Entity[],
): Promise<number> {
  const [row] = (await dataSource.query(
    `select count(*)::integer as count from job_row where job = $1 and entity = any($2::text[])`,
    [job, entities],
  )) as { count: number }[];
  return row?.count ?? 0;
}

/** A change that a planned undo would make. */
export type PutBack = Omit<Change, 'etag' | 'changed' | 'name' | 'correlationId'>;

/** What a planned undo would do to entities of one kind, in the order of ids, after one of them; only what is as it was planned. */
export async function readPutBack(
  dataSource: DataSource,
  query: {
    readonly job: string;
    readonly entity: Entity;
    readonly deletes: boolean;
    readonly after: string | null;
    readonly limit: number;
  },
): Promise<(PutBack & { readonly isAsPlanned: boolean })[]> {
  return (await dataSource.query(
    `select i.id, coalesce(l.epoch, 0) as epoch, coalesce(l.revision, 0) as revision, l.target_id as "targetId", a.row as before, o.before as after,
            l.row_hash is not distinct from o.after_hash as "isAsPlanned"
       from job_item i join job j on j.id = i.job
            join job_row o on o.job = j.undoes and o.entity = i.entity and o.id = i.id
            join ledger l on l.entity = i.entity and l.id = i.id
            left join acknowledged_row a on a.entity = i.entity and a.id = i.id
      where i.job = $1 and i.entity = $2 and (i.action = 'delete') = $3 and ($4::uuid is null or i.id > $4) order by i.id limit $5`,
    [query.job, query.entity, query.deletes, query.after, query.limit],
  )) as (PutBack & { readonly isAsPlanned: boolean })[];
}

/** What claims that a job undoes must have again, by `entity|id`; nothing for those that have become something else since. */
export async function wantedBack(dataSource: DataSource, claims: readonly Claim[]): Promise<Map<string, Row | null>> {
  const undone = claims.filter(({ cause, job }) => cause === 'undo' && job !== null);
  if (undone.length === 0) return new Map();
  const rows = (await dataSource.query(
    `select o.entity, o.id, o.before, o.after_hash as "afterHash"
       from unnest($1::uuid[], $2::text[], $3::uuid[]) as c (job, entity, id) join job j on j.id = c.job
            join job_row o on o.job = j.undoes and o.entity = c.entity and o.id = c.id`,
    [undone.map(({ job }) => job), undone.map(({ entity }) => entity), undone.map(({ id }) => id)],
  )) as Pick<Overwritten, 'entity' | 'id' | 'before' | 'afterHash'>[];
  const claimed = new Map(undone.map((one) => [`${one.entity}|${one.id}`, one]));
  return new Map(
    rows
      .map((row) => ({ ...row, name: `${row.entity}|${row.id}` }))
      .filter(({ name, afterHash }) => {
        const one = claimed.get(name)!;
        return one.rowHash === afterHash && one.acknowledged === `${one.epoch}.${one.revision}`;
      })
      .map(({ name, before }) => [name, before]),
  );
}

/** Forgets what jobs have overwritten longer ago than so many days; false when there is more to forget. */
export async function forgetOverwritten(dataSource: DataSource, days: number): Promise<boolean> {
  const [, count] = (await dataSource.query(
    `delete from job_row where (job, entity, id) in (
       select job, entity, id from job_row where at < now() - make_interval(days => $1) order by at limit 10000)`,
    [days],
  )) as [unknown, number];
  return count < 10_000;
}
