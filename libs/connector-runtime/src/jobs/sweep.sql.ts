import type { Entity } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { readItems } from './job.sql.js';
import type { Stranger } from './job.js';

const REPORTED = 1000;

/** An entity of ours in a listing. */
export interface Sighting {
  readonly id: string;
  readonly targetId: string;
}

/** Keeps what a page has shown, and answers under which ids in the target its entities were seen first, and how many are new. */
export async function saveSeen(
  dataSource: DataSource,
  job: string,
  entity: Entity,
  sightings: readonly Sighting[],
): Promise<{ first: Map<string, string>; fresh: number }> {
  if (sightings.length === 0) return { first: new Map(), fresh: 0 };
  const ids = sightings.map(({ id }) => id);
  const [row] = (await dataSource.query(
    `with fresh as (
       insert into job_seen (job, entity, id, target_id)
       select distinct on (id) $1::uuid, $2, id, target_id from unnest($3::uuid[], $4::text[]) with ordinality as page (id, target_id, place)
        order by id, place on conflict do nothing returning id)
     select count(*)::integer as count from fresh`,
    [job, entity, ids, sightings.map(({ targetId }) => targetId)],
  )) as { count: number }[];
  const seen = (await dataSource.query(
    `select id, target_id as "targetId" from job_seen where job = $1 and entity = $2 and id = any($3::uuid[])`,
    [job, entity, ids],
  )) as Sighting[];
  return { first: new Map(seen.map(({ id, targetId }) => [id, targetId])), fresh: row?.count ?? 0 };
}

/** Those of these entities that this connector has ever heard of. */
export async function knownOf(dataSource: DataSource, entity: Entity, ids: readonly string[]): Promise<Set<string>> {
  const rows = (await dataSource.query(`select id from ledger where entity = $1 and id = any($2::uuid[])`, [
    entity,
    ids,
  ])) as { id: string }[];
  return new Set(rows.map(({ id }) => id));
}

/** Which entities were adopted under these ids in the target and not written since, by these. */
export async function adoptedAs(
  dataSource: DataSource,
  entity: Entity,
  targetIds: readonly string[],
): Promise<Map<string, string>> {
  if (targetIds.length === 0) return new Map();
  const rows = (await dataSource.query(
    `select id, target_id as "targetId" from ledger where entity = $1 and adopted and target_id = any($2::text[])`,
    [entity, targetIds],
  )) as Sighting[];
  return new Map(rows.map(({ id, targetId }) => [targetId, id]));
}

/**
 * Takes into the ledger what the target has under a master id that nobody here has heard of, as if its record had been
 * withdrawn: it leaves the target as everything else does.
 */
export async function enlistOrphans(manager: EntityManager, job: string): Promise<void> {
  await manager.query(
    `with orphan as (
       select i.entity, i.id from job_item i
        where i.job = $1 and i.finding = 'orphan' and not i.fed
          and not exists (select from ledger l where l.entity = i.entity and l.id = i.id)),
     withdrawn as (
       insert into state (entity, id, epoch, revision, received_at) select entity, id, 0, 0, now() from orphan on conflict do nothing)
     insert into ledger (entity, id, priority, status) select entity, id, 0, 'absent' from orphan on conflict do nothing`,
    [job],
  );
}

/** Forgets what a job has seen, once its plan is ready. */
export const forgetSeen = (dataSource: DataSource, job: string) =>
  dataSource.query(`delete from job_seen where job = $1`, [job]);

/** What a target has and nobody here answers for, in the order of its ids there, after one of them. */
export async function readStrangers(
  dataSource: DataSource,
  job: string,
  after: { entity: string; targetId: string },
  limit: number,
): Promise<Stranger[]> {
  const strangers = (await dataSource.query(
    `select entity, target_id as "targetId", id, finding, candidates from job_stranger
      where job = $1 and (entity, target_id) > ($2, $3) order by entity, target_id limit $4`,
    [job, after.entity, after.targetId, limit],
  )) as Stranger[];
  return strangers.map(({ candidates, ...stranger }) => ({ ...stranger, ...(candidates && { candidates }) }));
}

/** All that a plan has found, ours first, a page at a time. */
export async function* findingsOf(dataSource: DataSource, job: string): AsyncGenerator<object> {
  let after = { entity: '', id: '00000000-0000-0000-0000-000000000000' };
  for (;;) {
    const items = await readItems(dataSource, job, after, REPORTED);
    for (const { entity, id, finding, action, changed, outcome, targetId } of items)
      if (finding != null) yield { entity, id, finding, action, changed, outcome, ...(targetId && { targetId }) };
    const end = items.at(-1);
    if (!end) break;
    after = end;
  }
  let last = { entity: '', targetId: '' };
  for (;;) {
    const strangers = await readStrangers(dataSource, job, last, REPORTED);
    yield* strangers;
    const end = strangers.at(-1);
    if (!end) return;
    last = end;
  }
}

/** Adds to the entities of a job those that nobody here had heard of. */
export const countUnheard = (dataSource: DataSource, job: string) =>
  dataSource.query(
    `update job set total = total + (
       select count(*)::integer from job_item i where i.job = $1 and i.finding = 'orphan'
          and not exists (select from ledger l where l.entity = i.entity and l.id = i.id))
      where id = $1`,
    [job],
  );

/** How many of each finding a plan has. */
export async function countFindings(
  dataSource: DataSource,
  job: string,
): Promise<{ entity: Entity; finding: string; count: number }[]> {
  return (await dataSource.query(
    `select entity, finding, count(*)::integer as count
       from (select entity, finding from job_item where job = $1 and finding is not null
             union all select entity, finding from job_stranger where job = $1) as found
      group by 1, 2 order by 1, 2`,
    [job],
  )) as { entity: Entity; finding: string; count: number }[];
}
