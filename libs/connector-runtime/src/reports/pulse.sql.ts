import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';

/** Where the ledger stands with one kind of entity. */
export interface Standing {
  readonly entity: Entity;
  /** When the oldest change was made that the target has not seen. */
  readonly oldestPendingAt: Date | null;
  readonly due: number;
  readonly parked: number;
  readonly waiting: number;
  readonly held: number;
}

/** Counting ends here: an operator needs no more, and the ledger may have hundreds of thousands in one state. */
const COUNTED = 10_000;

/** What a pulse tells of these entities, from the partial indexes of the ledger only. */
export async function standings(dataSource: DataSource, entities: readonly Entity[]): Promise<Standing[]> {
  return (await dataSource.query(
    `with recursive lane as (
       (select priority from ledger where due_at is not null order by priority limit 1)
       union all
       select (select l.priority from ledger l where l.due_at is not null and l.priority > lane.priority order by l.priority limit 1)
         from lane where lane.priority is not null),
     due as (
       select entity, count(*) from lane cross join lateral (
         select entity from ledger where priority = lane.priority and due_at <= now() limit ${COUNTED}) as taken
        group by entity)
     select entity,
            (select pending_since from ledger l where l.entity = asked.entity and pending_since is not null
              order by pending_since limit 1) as "oldestPendingAt",
            coalesce((select due.count::integer from due where due.entity = asked.entity), 0) as due,
            ${['parked', 'waiting', 'held'].map(countOf).join(', ')}
       from unnest($1::text[]) as asked (entity)`,
    [entities],
  )) as Standing[];
}

const countOf = (status: string) =>
  `(select count(*)::integer from (
      select from ledger l where l.entity = asked.entity and status = '${status}' limit ${COUNTED}) as counted) as ${status}`;
