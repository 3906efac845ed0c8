import type { Row } from '@myelin/connector';
import type { Entity, Master } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { isWhole, type Apart, type Mode, type Scope } from './job.js';
import { FREE } from '../work/claim.sql.js';
import type { LedgerStatus } from '../work/result.js';

/** An entity as a scan sees it. */
export interface Scanned {
  readonly entity: Entity;
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  readonly status: LedgerStatus;
  readonly targetId: string | null;
  /** It was adopted and not written yet. */
  readonly adopted: boolean;
  /** Of the row that the target acknowledged last. */
  readonly rowHash: string | null;
  readonly etag: string | null;
  readonly suspendedOn: string | null;
  /** Its state or its mapping is another than the target acknowledged; only then `state` is there. */
  readonly stale: boolean;
  /** Its state is another than the target acknowledged. */
  readonly behind: boolean;
  /** It was mapped under another version than its population. */
  readonly hasOwnVersion: boolean;
  readonly state: Master | null;
  /** Day on which it is mapped again, and names of what it used (`entity|id`, spaces between them); null where it is not stale. */
  readonly dueDay: string | null;
  readonly uses: string | null;
  /** Keys of what it waits for (`entity|scheme:value`, line ends between them). */
  readonly waitsFor: string | null;
}

/** Which entities are read. */
export interface ChunkQuery {
  readonly entity: Entity;
  /** Version of the mapping in force. */
  readonly version: string;
  readonly mode: Mode;
  readonly scope: Scope;
  /** Ids of the structures that the scope is about. */
  readonly structures: readonly string[] | undefined;
  /** Id after which the chunk begins. */
  readonly after: string | null;
  /** Id with which it ends; null: wherever. */
  readonly until: string | null;
  /** Most entities; null: all. */
  readonly limit: number | null;
  /** Only what the listing of that job has not shown, and what may have to be there. */
  readonly unseenBy?: string;
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

// What the restrictions of a scope mean; $1 is the entity, the others are named where they are bound.
const IN_SCOPE = `l.entity = $1
  and ($2::uuid[] is null or l.id = any($2))
  and ($3::text is null or l.entity = 'person' and jsonb_typeof(s.state->'roles'->$3) = 'array' and s.state->'roles'->$3 <> '[]')
  and ($4::uuid[] is null or case l.entity
        when 'structure' then l.id = any($4)
        else exists (select from reference_use u where u.entity = l.entity and u.id = l.id and u.used_entity = 'structure' and u.used_id = any($4)) end)
  and ($5::timestamptz is null or s.changed_at >= $5)
  and (not $6::boolean or l.status = 'parked')`;

const scopeOf = ({ entity, scope, structures }: Pick<ChunkQuery, 'entity' | 'scope' | 'structures'>) => [
  entity,
  scope.ids ?? null,
  scope.population ?? null,
  structures ?? null,
  scope.changedSince ?? null,
  scope.failedOnly ?? false,
];

/** How many entities a scope has. */
export async function countScope(
  dataSource: DataSource,
  query: Pick<ChunkQuery, 'entity' | 'scope' | 'structures'>,
): Promise<number> {
  const [row] = (await dataSource.query(
    isWhole(query.scope)
      ? `select count(*)::integer as count from ledger where entity = $1`
      : `select count(*)::integer as count from ledger l join state s using (entity, id) where ${IN_SCOPE}`,
    isWhole(query.scope) ? [query.entity] : scopeOf(query),
  )) as { count: number }[];
  return row?.count ?? 0;
}

/** How many entities of a scope wait, are skipped or dismissed, and have nothing done to them by this job. */
export async function countApart(
  dataSource: DataSource,
  query: Pick<ChunkQuery, 'entity' | 'scope' | 'structures'>,
  job: string,
): Promise<{ status: keyof Apart; count: number }[]> {
  return (await dataSource.query(
    `select l.status, count(*)::integer as count from ledger l join state s using (entity, id)
      where ${IN_SCOPE} and l.status in ('waiting', 'skipped', 'dismissed')
        and not exists (select from job_item i where i.job = $7 and i.entity = l.entity and i.id = l.id)
      group by l.status`,
    [...scopeOf(query), job],
  )) as { status: keyof Apart; count: number }[];
}

// One after the other from where the chunk begins: both tables are read in the order of ids, and met.
const WALK = `ledger l join state s on s.entity = l.entity and s.id = l.id and l.id > $7 and s.id > $7`;
// How many ids a range has, the planner takes to be one: left to itself it compares all of one table with all of the other.
const RANGE = `(select * from ledger where entity = $1 and id > $7 and ($10::uuid is null or id <= $10) offset 0) as l
  cross join lateral (select * from state s where s.entity = l.entity and s.id = l.id offset 0) as s`;

/** The next entities of a scope in the order of ids; to trust the ledger is to pass over those that are as they should be. */
export async function readChunk(dataSource: DataSource, query: ChunkQuery): Promise<Scanned[]> {
  const isRange = query.limit === null && query.scope.ids === undefined;
  return (await dataSource.query(
    `select l.entity, l.id, s.epoch, s.revision, l.status, l.target_id as "targetId", l.adopted, l.row_hash as "rowHash", l.etag, l.suspended_on::text as "suspendedOn",
            stale, behind, l.projection is not null as "hasOwnVersion", case when stale then s.state end as state,
            case when stale then l.due_day::text end as "dueDay", case when stale then array_to_string(l.uses, ' ') end as uses,
            case when stale then array_to_string(l.waits_for, e'\\n') end as "waitsFor"
       from ${isRange ? RANGE : WALK}
            cross join lateral (select (l.epoch, l.revision) is distinct from (s.epoch, s.revision) as behind) as compared
            cross join lateral (select behind or coalesce(l.projection, (select version from projection where entity = $1)) is distinct from $9
                                       or l.status not in ('applied', 'suspended', 'absent', 'skipped') as stale) as judged
      where ${IN_SCOPE} and l.status <> 'dismissed' and ($8 <> 'trust' or stale) and ($10::uuid is null or l.id <= $10)
            and ($12::uuid is null or (l.target_id is not null or stale)
                 and not exists (select from job_seen seen where seen.job = $12 and seen.entity = l.entity and seen.id = l.id))
      order by l.entity, l.id limit $11`,
    [
      ...[...scopeOf(query), query.after ?? FIRST_ID, query.mode, query.version, query.until, query.limit],
      query.unseenBy ?? null,
    ],
  )) as Scanned[];
}

/** The id with which the next `count` entities end; null where there are no more behind them. */
export async function endOfRange(
  dataSource: DataSource,
  { entity, after, count }: { readonly entity: Entity; readonly after: string | null; readonly count: number },
): Promise<string | null> {
  const [row] = (await dataSource.query(
    `select id from ledger where entity = $1 and id > $2 order by id offset $3 limit 1`,
    [entity, after ?? FIRST_ID, count - 1],
  )) as { id: string }[];
  return row?.id ?? null;
}

/** The rows that the target acknowledged last, by id. */
export async function readRows(
  dataSource: DataSource,
  entity: Entity,
  ids: readonly string[],
): Promise<Map<string, Row>> {
  if (ids.length === 0) return new Map();
  const rows = (await dataSource.query(
    `select id, row from unnest($2::uuid[]) as wanted (id) join acknowledged_row using (id) where entity = $1`,
    [entity, ids],
  )) as { id: string; row: Row }[];
  return new Map(rows.map(({ id, row }) => [id, row]));
}

/** Notes that these entities, which were mapped under another version than their population, map to the same row under this one. */
export async function saveProjection(
  dataSource: DataSource,
  entity: Entity,
  version: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await dataSource.query(
    // Whoever writes one of them now leaves it as it must be.
    `update ledger l set projection = $2
       from (select l.id from ledger l where l.entity = $1 and l.id = any($3::uuid[]) and ${FREE} order by l.id for update skip locked) as free
      where l.entity = $1 and l.id = free.id`,
    [entity, version, ids],
  );
}

/** Keeps the versions in which the target holds rows that are as they must be. */
export async function saveVersions(
  dataSource: DataSource,
  entity: Entity,
  versions: readonly { readonly id: string; readonly etag: string }[],
): Promise<void> {
  if (versions.length === 0) return;
  await dataSource.query(
    `update ledger l set etag = seen.etag
       from unnest($2::uuid[], $3::text[]) as seen (id, etag)
       join (select l.id from ledger l where l.entity = $1 and l.id = any($2::uuid[]) and ${FREE} and l.target_id is not null
              order by l.id for update skip locked) as free using (id)
      where l.entity = $1 and l.id = seen.id`,
    [entity, versions.map(({ id }) => id), versions.map(({ etag }) => etag)],
  );
}

/** A structure and all below it. */
export async function structuresBelow(dataSource: DataSource, key: string): Promise<string[]> {
  const rows = (await dataSource.query(
    `with recursive keyed as (
       select id, 'hub:' || id as key from state where entity = 'structure'
       union all select id, key from state_key where entity = 'structure')
     , parent as (
       select s.id, k.id as parent from state s cross join jsonb_array_elements(case jsonb_typeof(s.state->'parents') when 'array' then s.state->'parents' else '[]' end) as link
         join keyed k on k.key = link->>'structure'
        where s.entity = 'structure')
     , below as (
       select id from keyed where key = $1
       union select parent.id from parent join below on parent.parent = below.id)
     select id from below`,
    [key],
  )) as { id: string }[];
  return rows.map(({ id }) => id);
}
