import type { Entity } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { BESIDE_LIVE, LIVE } from '../work/claim.sql.js';

/** A record that the target may have already, in these entries. */
export interface Conflict {
  readonly entity: Entity;
  readonly id: string;
  readonly targetIds: readonly string[];
  /** Of the identifiers that both have. */
  readonly schemes: readonly string[];
  readonly foundAt: Date;
  /** Under which the record is parked. */
  readonly ticket: string | null;
}

const MANY_DUE = `due_at = now(), mark = mark + 1, attempts = 0, priority = ${BESIDE_LIVE}`;

/**
 * Makes what an adoption could not decide a matter for people, in the place of what earlier ones left open. The records concerned
 * become due: to be parked, or no longer to be. The ledger must be locked.
 */
export async function openConflicts(manager: EntityManager, job: string, entities: readonly Entity[]): Promise<void> {
  await manager.query(
    `with undecided as materialized (
       select m.entity, m.id, m.target_id, m.name, m.schemes from job_match m join ledger l using (entity, id)
        where m.job = $1 and not m.fits and l.target_id is null
          and not exists (select from job_match o where o.job = m.job and o.entity = m.entity and o.id = m.id and o.fits)),
     closed as (
       delete from adoption_conflict c where c.entity = any($2::text[]) and c.apart is null
          and not exists (select from undecided u where (u.entity, u.id, u.target_id) = (c.entity, c.id, c.target_id))
       returning entity, id),
     opened as (
       insert into adoption_conflict (entity, id, target_id, name, schemes) select * from undecided on conflict do nothing
       returning entity, id)
     update ledger l set ${MANY_DUE}
       from (select * from closed union select * from opened) as moved
      where l.entity = moved.entity and l.id = moved.id and l.target_id is null`,
    [job, entities],
  );
  await manager.query(`delete from job_match where job = $1 and not fits`, [job]);
}

/** Which of these entities (`entity|id`) the target may have already. */
export async function inConflict(
  dataSource: DataSource,
  wanted: readonly { readonly entity: Entity; readonly id: string }[],
): Promise<Set<string>> {
  if (wanted.length === 0) return new Set();
  const rows = (await dataSource.query(
    `select distinct entity, id from unnest($1::text[], $2::uuid[]) as wanted (entity, id) join adoption_conflict c using (entity, id)
      where c.apart is null`,
    [wanted.map(({ entity }) => entity), wanted.map(({ id }) => id)],
  )) as { entity: Entity; id: string }[];
  return new Set(rows.map(({ entity, id }) => `${entity}|${id}`));
}

/** The pairs (`id|target id`) of these entries and records of which somebody has decided that they are two. */
export async function keptApart(
  dataSource: DataSource,
  entity: Entity,
  targetIds: readonly string[],
): Promise<Set<string>> {
  const rows = (await dataSource.query(
    `select id, target_id as "targetId" from adoption_conflict where entity = $1 and apart is not null and target_id = any($2::text[])`,
    [entity, targetIds],
  )) as { id: string; targetId: string }[];
  return new Set(rows.map(({ id, targetId }) => `${id}|${targetId}`));
}

/** Records with open conflicts in the order of kind and id, after one of them, or one of them. */
export async function listConflicts(
  dataSource: DataSource,
  query: { readonly after?: { entity: string; id: string }; readonly only?: { entity: string; id: string } },
  limit: number,
): Promise<Conflict[]> {
  const { after, only } = query;
  return (await dataSource.query(
    `select c.entity, c.id, array_agg(c.target_id order by c.target_id) as "targetIds", min(c.found_at) as "foundAt", min(l.ticket) as ticket,
            array(select distinct unnest(s.schemes) from adoption_conflict s where s.entity = c.entity and s.id = c.id and s.apart is null order by 1) as schemes
       from adoption_conflict c left join ledger l using (entity, id)
      where c.apart is null and ($1::text is null or (c.entity, c.id) > ($1, $2)) and ($3::text is null or (c.entity, c.id) = ($3, $4))
      group by c.entity, c.id order by c.entity, c.id limit $5`,
    [after?.entity ?? null, after?.id ?? null, only?.entity ?? null, only?.id ?? null, limit],
  )) as Conflict[];
}

/** The name of an entry that a record is in conflict with; undefined where that is not open. */
export async function conflictNameOf(
  manager: EntityManager,
  entity: Entity,
  id: string,
  targetId: string,
): Promise<string | null | undefined> {
  const [row] = (await manager.query(
    `select name from adoption_conflict where entity = $1 and id = $2 and target_id = $3 and apart is null`,
    [entity, id, targetId],
  )) as { name: string | null }[];
  return row?.name;
}

/** Notes that a record is none of the entries that it is in conflict with, and makes it due; false where no conflict is open. */
export async function keepApart(
  manager: EntityManager,
  entity: Entity,
  id: string,
  by: { readonly author: string; readonly reason: string },
): Promise<boolean> {
  const [, decided] = (await manager.query(
    `update adoption_conflict set apart = jsonb_build_object('author', $3::text, 'reason', $4::text, 'at', now())
      where entity = $1 and id = $2 and apart is null`,
    [entity, id, by.author, by.reason],
  )) as [unknown, number];
  if (decided === 0) return false;
  await manager.query(
    `update ledger l set due_at = now(), mark = mark + 1, attempts = 0, priority = ${LIVE} where entity = $1 and id = $2`,
    [entity, id],
  );
  return true;
}

/** Ends the conflicts of a record that has been adopted as that entry, and those of others with that entry, which are due then. */
export const endConflicts = (manager: EntityManager, entity: Entity, id: string, targetId: string) =>
  manager.query(
    `with ended as (
       delete from adoption_conflict where entity = $1 and apart is null and (id = $2 or target_id = $3) returning id)
     update ledger l set ${MANY_DUE} from (select distinct id from ended where id <> $2) as other
      where l.entity = $1 and l.id = other.id and l.target_id is null`,
    [entity, id, targetId],
  );
