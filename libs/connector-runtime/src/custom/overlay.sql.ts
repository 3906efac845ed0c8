import type { Row } from '@myelin/connector';
import type { Entity, Master } from '@myelin/contracts';
import type { DataSource } from 'typeorm';

/** An entity as a preview compares it. */
export interface Previewed {
  readonly entity: Entity;
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  readonly state: Master;
  readonly targetId: string | null;
  /** The row that the target acknowledged last. */
  readonly row: Row | null;
  readonly etag: string | null;
  readonly suspendedOn: string | null;
}

/** The entities of these ids, or the first ones in the order of ids; those that are gone are left out. */
export async function findPreviewed(
  dataSource: DataSource,
  entity: Entity,
  { ids, count }: { readonly ids: readonly string[] | null; readonly count: number },
): Promise<Previewed[]> {
  return (await dataSource.query(
    `select s.entity, s.id, s.epoch, s.revision, s.state, l.target_id as "targetId", a.row, l.etag, l.suspended_on::text as "suspendedOn"
       from state s join ledger l using (entity, id) left join acknowledged_row a using (entity, id)
      where s.entity = $1 and s.state is not null and ($2::uuid[] is null or s.id = any($2)) order by s.id limit $3`,
    [entity, ids, count],
  )) as Previewed[];
}
