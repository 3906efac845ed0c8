import type { Entity } from '@myelin/contracts';
import { kept } from '@myelin/platform';
import type { DataSource, EntityManager } from 'typeorm';
import { BESIDE_LIVE, LIVE } from './claim.sql.js';
import { lockLedger } from './lock.sql.js';
import type { Result, Use } from './result.js';
import { HUB_KEY } from './references.js';
import { WRITTEN_AS } from '../operators/populations.js';

/** SQL: a reference makes the ledger row `l` due; a change that the target has not seen is live, whatever a day has made of it. */
const WOKEN = `due_at = now(), mark = l.mark + 1, cause = 'reference',
  priority = case when l.pending_since is null then l.priority else ${LIVE} end`;

/** So many that wait are woken at once; the others in small steps, as those who used what has moved. */
const WOKEN_AT_ONCE = 1000;

/** Makes due whoever waits for one of these entities, by any of their names, up to `WOKEN_AT_ONCE`. */
export async function wakeWaiting(
  manager: EntityManager,
  arrived: readonly { readonly entity: Entity; readonly id: string }[],
): Promise<number> {
  if (arrived.length === 0) return 0;
  const ids = [arrived.map(({ entity }) => entity), arrived.map(({ id }) => id)];
  const [, woken] = (await manager.query(
    kept(
      `update ledger l set ${WOKEN}
       from (select entity, id from ledger
              where waits_for && (select array_agg(name) from (
                      select a.entity || '|' || k.key as name from unnest($1::text[], $2::uuid[]) as a (entity, id) join state_key k using (entity, id)
                      union all select a.entity || '|hub:' || a.id from unnest($1::text[], $2::uuid[]) as a (entity, id)) as names)
                -- What is due already sees what has arrived, and what is in hand is asked for it when it is recorded.
                and (due_at is null or due_at > now())
              limit ${WOKEN_AT_ONCE}) as waiting
      where l.entity = waiting.entity and l.id = waiting.id`,
      arrived.length,
    ),
    ids,
  )) as [unknown, number];
  if (woken === WOKEN_AT_ONCE) {
    await manager.query(
      `insert into ripple (entity, id) select * from unnest($1::text[], $2::uuid[]) as arrived on conflict do nothing`,
      ids,
    );
  }
  return woken;
}

/** Makes due those whose wait was answered while they were being mapped. */
export async function wakeAnswered(manager: EntityManager, waiting: readonly Result[]): Promise<number> {
  if (waiting.length === 0) return 0;
  const keys = waiting.flatMap(({ entity, id, status, waitsFor }) =>
    (waitsFor ?? []).map((key) => ({ entity, id, key, held: status === 'waiting' })),
  );
  const [, woken] = (await manager.query(
    `update ledger l set ${WOKEN}
       from (select distinct w.entity, w.id
               from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::boolean[]) as w (entity, id, named, key, held)
               left join state_key k on k.entity = w.named and k.key = w.key
               join ledger t on t.entity = w.named
                            and (t.target_id is not null or w.held and t.due_at is null and t.status in ('absent', 'skipped'))
                            and t.id = coalesce(k.id, case when w.key ~ ${HUB_KEY} then substring(w.key from 5)::uuid end)) as answered
      where l.entity = answered.entity and l.id = answered.id`,
    [
      keys.map(({ entity }) => entity),
      keys.map(({ id }) => id),
      keys.map(({ key }) => key.slice(0, key.indexOf('|'))),
      keys.map(({ key }) => key.slice(key.indexOf('|') + 1)),
      keys.map(({ held }) => held),
    ],
  )) as [unknown, number];
  return woken;
}

/** Makes due those who used an entity that has moved while they were being mapped. */
export async function wakeOutdated(manager: EntityManager, uses: readonly Use[]): Promise<number> {
  const used = new Map(uses.map((use) => [`${use.usedEntity}|${use.usedId}|${use.acknowledged}|${use.targetId}`, use]));
  if (used.size === 0) return 0;
  const seen = [...used.values()];
  const moved = (await manager.query(
    kept(
      `select seen.entity, seen.id from unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) as seen (entity, id, acknowledged, target_id)
       join ledger l using (entity, id)
      where (l.epoch || '.' || l.revision, l.target_id) is distinct from (seen.acknowledged, seen.target_id)`,
      seen.length,
    ),
    [
      seen.map(({ usedEntity }) => usedEntity),
      seen.map(({ usedId }) => usedId),
      seen.map(({ acknowledged }) => acknowledged),
      seen.map(({ targetId }) => targetId),
    ],
  )) as { entity: string; id: string }[];
  if (moved.length === 0) return 0;
  const names = new Set(moved.map(({ entity, id }) => `${entity}|${id}`));
  const users = uses.filter(({ usedEntity, usedId }) => names.has(`${usedEntity}|${usedId}`));
  const [, woken] = (await manager.query(
    `update ledger l set ${WOKEN}
       from (select distinct * from unnest($1::text[], $2::uuid[]) as users (entity, id)) as users
      where l.entity = users.entity and l.id = users.id`,
    [users.map(({ entity }) => entity), users.map(({ id }) => id)],
  )) as [unknown, number];
  return woken;
}

/** Notes entities that have moved and are used by others: those are made due in small steps, however many they are. */
export async function ripple(
  manager: EntityManager,
  moved: readonly { readonly entity: Entity; readonly id: string }[],
): Promise<number> {
  if (moved.length === 0) return 0;
  const noted = (await manager.query(
    kept(
      `insert into ripple (entity, id)
     select entity, id from unnest($1::text[], $2::uuid[]) as moved (entity, id)
      where exists (select from reference_use u where u.used_entity = moved.entity and u.used_id = moved.id)
     on conflict (entity, id) do update set after_entity = '', after_id = '00000000-0000-0000-0000-000000000000'
     returning id`,
      moved.length,
    ),
    [moved.map(({ entity }) => entity), moved.map(({ id }) => id)],
  )) as unknown[];
  return noted.length;
}

/** Makes the next users of one moved entity due; false when nothing moved. */
export async function spreadRipple(dataSource: DataSource, limit: number): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    await lockLedger(manager);
    const [moved] = (await manager.query(
      `select entity, id, after_entity as "afterEntity", after_id as "afterId" from ripple limit 1 for update`,
    )) as { entity: Entity; id: string; afterEntity: string; afterId: string }[];
    if (!moved) return false;
    if ((await wakeWaiting(manager, [moved])) === WOKEN_AT_ONCE) return true;
    const users = (await manager.query(
      `select entity, id from reference_use
        where used_entity = $1 and used_id = $2 and (entity, id) > ($3, $4) order by entity, id limit $5`,
      [moved.entity, moved.id, moved.afterEntity, moved.afterId, limit],
    )) as { entity: string; id: string }[];
    await manager.query(
      `update ledger l set due_at = now(), mark = mark + 1, cause = 'reference', priority = ${BESIDE_LIVE}
         from unnest($1::text[], $2::uuid[]) as users (entity, id)
        where l.entity = users.entity and l.id = users.id and l.status not in ('dismissed', 'skipped')
          -- What is due already sees the new state: it keeps its place.
          and (l.due_at is null or l.due_at > now())`,
      [users.map(({ entity }) => entity), users.map(({ id }) => id)],
    );
    const last = users.length === limit ? users.at(-1) : undefined;
    if (last) {
      await manager.query(`update ripple set after_entity = $3, after_id = $4 where entity = $1 and id = $2`, [
        moved.entity,
        moved.id,
        last.entity,
        last.id,
      ]);
    } else await manager.query(`delete from ripple where entity = $1 and id = $2`, [moved.entity, moved.id]);
    return true;
  });
}

/** SQL: the difference of a ledger row of the kinds $1 was only noted, and it is not due. */
export const NOTED = `entity = any($1::text[]) and status = 'observed' and (due_at is null or due_at > now())`;

/** Makes the next entities due whose differences were only noted, now that writing is allowed; false when there are none. */
export async function releaseObserved(
  dataSource: DataSource,
  entities: readonly Entity[],
  limit: number,
): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    await lockLedger(manager);
    const [, released] = (await manager.query(
      `update ledger l set due_at = now(), mark = mark + 1, priority = ${BESIDE_LIVE}
         from (select noted.entity, noted.id from control c cross join lateral (
                 (select entity, id from ledger where not c.observe and ${NOTED} limit $2)
                 union all
                 (select entity, id from ledger
                   where c.observe and c.populations <> '[]' and ${NOTED} and observed_as && ${WRITTEN_AS} limit $2)) as noted) as noted
        where l.entity = noted.entity and l.id = noted.id`,
      [entities, limit],
    )) as [unknown, number];
    return released > 0;
  });
}
