import { rowHash, type Row } from '@myelin/connector';
import type { Entity, Master } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { BESIDE_LIVE, FREE } from '../work/claim.sql.js';
import { lockLedger } from '../work/lock.sql.js';
import type { LedgerStatus } from '../work/result.js';
import { ripple, wakeWaiting } from '../work/wake.sql.js';

/** That an entry of the target may be a record. */
export interface Match {
  readonly id: string;
  readonly targetId: string;
  /** It carries the master id. */
  readonly carries: boolean;
  /** Of the identifiers that both have. */
  readonly schemes: readonly string[];
  /** In what it differs from its record. */
  readonly changed: readonly string[];
  /** As it stands there; null where nothing follows from it. */
  readonly row: Row | null;
  readonly etag: string | null;
  readonly name: string | null;
}

/** An entry of the target that goes into the ledger as that record. */
export interface Seed extends Pick<Match, 'id' | 'targetId' | 'carries' | 'etag' | 'name'> {
  readonly row: Row;
}

/** A record, one of its names, and where the ledger has it. */
export interface Named {
  readonly key: string;
  readonly id: string;
  readonly targetId: string | null;
  readonly status: LedgerStatus;
  readonly epoch: number;
  readonly revision: number;
  readonly state: Master | null;
}

/** The records of these names (`scheme:value`), with their newest states and where the ledger has them in the target. */
export async function recordsOf(dataSource: DataSource, entity: Entity, keys: readonly string[]): Promise<Named[]> {
  if (keys.length === 0) return [];
  return (await dataSource.query(
    `select named.key, l.id, l.target_id as "targetId", l.status, s.epoch, s.revision, s.state
       from (select key, id from state_key where entity = $1 and key = any($2::text[])
             union all select key, substring(key from 5)::uuid from unnest($2::text[]) as key where key like 'hub:%') as named
            join ledger l on l.entity = $1 and l.id = named.id join state s on s.entity = $1 and s.id = named.id`,
    [entity, keys],
  )) as Named[];
}

/** Keeps what the entries of a page claim; one that comes twice is kept as it came last. */
export async function saveMatches(
  dataSource: DataSource,
  job: string,
  entity: Entity,
  matches: readonly Match[],
): Promise<void> {
  if (matches.length === 0) return;
  const last = new Map(matches.map((one) => [`${one.id}|${one.targetId}`, one]));
  await dataSource.query(
    `insert into job_match (job, entity, target_id, id, carries, schemes, changed, row, etag, name)
     select $1, $2, "targetId", id, carries, schemes, changed, row, etag, name
       from json_to_recordset($3::json) as m (id uuid, "targetId" text, carries boolean, schemes text[], changed text[], row json, etag text, name text)
     on conflict (job, entity, target_id, id) do update
       set carries = excluded.carries, schemes = excluded.schemes, changed = excluded.changed, row = excluded.row,
           etag = excluded.etag, name = excluded.name`,
    [job, entity, JSON.stringify([...last.values()])],
  );
}

/** Finds, among all that was claimed, the entries that are one record each, and the only one of it. */
export async function judgeMatches(dataSource: DataSource, job: string, entity: Entity): Promise<void> {
  // The planner knows nothing yet of what was claimed, and would compare all of it with all.
  await dataSource.query(`analyze job_match`);
  await dataSource.query(
    `update job_match m set fits = true
       from (select target_id, id
               from (select target_id, id, carries, count(*) over (partition by target_id) as records,
                            count(*) over (partition by id) as entries, count(*) filter (where carries) over (partition by id) as carriers
                       from job_match where job = $1 and entity = $2) as claimed
              -- Who carries the master id comes before who only has the same identifiers.
              where records = 1 and case when carries then carriers else entries end = 1) as sole
      where m.job = $1 and m.entity = $2 and m.target_id = sole.target_id and m.id = sole.id
        and (select l.target_id is null from ledger l where l.entity = $2 and l.id = m.id)`,
    [job, entity],
  );
}

/** What was claimed of the next records after `after`; `candidates`: all records that the entry may be. */
export async function readMatches(
  dataSource: DataSource,
  query: { readonly job: string; readonly entity: Entity; readonly after: string; readonly limit: number },
): Promise<(Match & { readonly fits: boolean; readonly candidates: readonly string[] })[]> {
  return (await dataSource.query(
    `select m.id, m.target_id as "targetId", m.carries, m.changed, m.fits,
            array(select o.id from job_match o where o.job = m.job and o.entity = m.entity and o.target_id = m.target_id order by o.id) as candidates
       from (select distinct id from job_match where job = $1 and entity = $2 and id > $3 order by id limit $4) as page
            join job_match m on m.job = $1 and m.entity = $2 and m.id = page.id
      order by m.id, m.target_id`,
    [query.job, query.entity, query.after, query.limit],
  )) as (Match & { readonly fits: boolean; readonly candidates: readonly string[] })[];
}

/** Forgets what was claimed, of one kind of entity or of all. */
export const forgetMatches = (manager: EntityManager, job: string, entity?: Entity) =>
  manager.query(`delete from job_match where job = $1 and ($2::text is null or entity = $2)`, [job, entity ?? null]);

/** Makes what a plan of adoption looks at its total: what the ledger has in the target, and what it will have. */
export const countAdopted = (dataSource: DataSource, job: string, entities: readonly Entity[]) =>
  dataSource.query(
    `update job set total = (select count(*)::integer from ledger where entity = any($2::text[]) and target_id is not null)
                          + (select count(*)::integer from job_item where job = $1)
      where id = $1`,
    [job, entities],
  );

/**
 * Seeds the ledger with the next entries of a job, as many as `limit`, and answers how many, and whether there are more. An entity that
 * a worker has in hand is left until it has done with it.
 */
export async function adoptNext(
  dataSource: DataSource,
  job: string,
  entities: readonly Entity[],
  limit: number,
): Promise<{ adopted: number; isMore: boolean }> {
  return dataSource.transaction(async (manager) => {
    await lockLedger(manager);
    for (const entity of entities) {
      const next = (await manager.query(
        `select m.id, m.target_id as "targetId", m.carries, m.row, m.etag, m.name
           from job_match m join ledger l on l.entity = m.entity and l.id = m.id
          where m.job = $1 and m.entity = $2 and m.fits and ${FREE}
            -- It may have been stopped while the ledger was waited for.
            and exists (select from job where id = $1 and status = 'running')
          -- Nobody may take one of them from here on.
          order by m.id limit $3 for update of l skip locked`,
        [job, entity, limit],
      )) as Seed[];
      if (next.length === 0) continue;
      const seeded = await seed(manager, entity, next);
      const ids = next.map(({ id }) => id);
      await manager.query(
        `update job_item set outcome = case when id = any($4::uuid[]) then 'adopted' else 'unchanged' end, ended_at = now()
          where job = $1 and entity = $2 and id = any($3::uuid[]) and outcome is null`,
        [job, entity, ids, seeded],
      );
      await manager.query(`delete from job_match where job = $1 and entity = $2 and id = any($3::uuid[])`, [
        ...[job, entity, ids],
      ]);
      return { adopted: seeded.length, isMore: true };
    }
    const [left] = (await manager.query(
      `select exists (select from job_match m join job j on j.id = m.job where m.job = $1 and m.fits and j.status = 'running') as more`,
      [job],
    )) as { more: boolean }[];
    return { adopted: 0, isMore: left?.more === true };
  });
}

/**
 * Notes where these entities stand in the target, and makes them due: nothing is written there. Answers the ids of those that stood
 * nowhere until now and were in nobody's hands. The ledger must be locked.
 */
export async function seed(manager: EntityManager, entity: Entity, seeds: readonly Seed[]): Promise<string[]> {
  const rows = seeds.map((one) => ({ ...one, rowHash: rowHash(one.row) }));
  const [seeded] = (await manager.query(
    `update ledger l
        set target_id = s."targetId", row_hash = s."rowHash", etag = s.etag, adopted = not s.carries, verify = true,
            status = 'due', due_at = now(), mark = mark + 1, priority = ${BESIDE_LIVE}, attempts = 0, error = null,
            fingerprint = null, ticket = null, parked_at = null, dismissal = null, held = null, held_changes = null,
            observed_as = null, suspended_on = null,
            -- Who has lost it without knowing has nothing to say any more.
            claimed_by = null, claimed_until = null
       from json_to_recordset($2::json) as s (id uuid, "targetId" text, "rowHash" text, etag text, carries boolean)
      where l.entity = $1 and l.id = s.id and l.target_id is null and ${FREE}
        and not exists (select from ledger o where o.entity = $1 and o.adopted and o.target_id = s."targetId")
     returning l.id`,
    [entity, JSON.stringify(rows.map(({ row: _, ...rest }) => rest))],
  )) as [{ id: string }[], number];
  const ids = new Set(seeded.map(({ id }) => id));
  const taken = rows.filter(({ id }) => ids.has(id));
  await manager.query(
    `insert into acknowledged_row (entity, id, row)
     select $1, id, row from json_to_recordset($2::json) as s (id uuid, row json)
     on conflict (entity, id) do update set row = excluded.row`,
    [entity, JSON.stringify(taken.map(({ id, row }) => ({ id, row })))],
  );
  await adoptNames(
    manager,
    entity,
    taken.flatMap(({ id, name }) => (name === null ? [] : [{ id, name }])),
  );
  const arrived = taken.map(({ id }) => ({ entity, id }));
  await wakeWaiting(manager, arrived);
  await ripple(manager, arrived);
  return [...ids];
}

/** The name of an entry is that of its record from now on; whoever it was allocated to without being written gets another. */
async function adoptNames(
  manager: EntityManager,
  entity: Entity,
  named: readonly { readonly id: string; readonly name: string }[],
): Promise<void> {
  if (named.length === 0) return;
  const bound = [entity, named.map(({ id }) => id), named.map(({ name }) => name)];
  await manager.query(
    `delete from allocated_name a using unnest($2::uuid[], $3::text[]) as n (id, name)
      where a.entity = $1 and a.owner = n.id and a.name <> n.name`,
    bound,
  );
  await manager.query(
    `insert into allocated_name (entity, name, base, number, owner)
     select distinct on (n.name) $1, n.name, case when counted then substring(n.name from '^(.*[^0-9])') else n.name end,
            case when counted then substring(n.name from '[0-9]+$')::integer else 1 end, n.id
       from unnest($2::uuid[], $3::text[]) as n (id, name)
            -- The number of a homonym, as it is appended here.
            cross join lateral (select n.name ~ '[^0-9]([2-9]|[1-9][0-9]{1,7})$' as counted) as form
      order by n.name, n.id
     on conflict (entity, name) do update set owner = excluded.owner
       where allocated_name.owner is null
          or exists (select from ledger l where l.entity = $1 and l.id = allocated_name.owner and l.target_id is null)`,
    bound,
  );
}
