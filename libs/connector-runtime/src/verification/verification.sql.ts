import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { BULK, FREE } from '../work/claim.sql.js';
import { lockLedger } from '../work/lock.sql.js';

/** Ledger rows looked at in one turn at most: those with which there is nothing to verify are passed over. */
const AHEAD = 1000;
/** What was written longer ago is left to the walk: after a load of everything it would never come to its turn. */
const RECENT = `interval '2 hours'`;

/** SQL: the target has the entity of the ledger row `l`, and nobody is about to write it. */
const STANDS = `(l.status in ('applied', 'suspended') and (l.due_at is null or l.due_at > now()) and ${FREE})`;

/** An entity to look at. */
export interface Sampled {
  readonly entity: Entity;
  readonly id: string;
  /** When it was acknowledged last: another time means that it was written meanwhile. */
  readonly acknowledgedAt: string | null;
}

/** What was seen of it. */
export type Verified = Sampled & { readonly differs: boolean };

/**
 * Takes what the time since the last turn, of whichever instance, allows: first what was written lately, then the next ones in the
 * order of ids, from the beginning again after the last. Nothing while another instance is at it.
 */
export async function takeSample(
  dataSource: DataSource,
  { perHour, most, entities }: { perHour: number; most: number; entities: readonly Entity[] },
): Promise<Sampled[]> {
  const [sample] = (await dataSource.query(
    `with turn as materialized (
       select entity, id, least($2, floor($1 * extract(epoch from now() - taken_at) / 3600))::integer as budget
         from verification where $1 * extract(epoch from now() - taken_at) >= 3600 for update skip locked)
     , recent as materialized (
       select l.entity, l.id, l.acknowledged_at from turn cross join lateral (
         select * from ledger l where l.unverified_since > now() - ${RECENT} and l.entity = any($3) and ${STANDS}
          order by l.unverified_since limit turn.budget) as l)
     , ahead as materialized (
       select l.* from turn cross join lateral (
         select l.entity, l.id, l.acknowledged_at, l.entity = any($3) and ${STANDS} and (l.entity, l.id) not in (select entity, id from recent) as stands
           from ledger l where (l.entity, l.id) > (turn.entity, turn.id) order by l.entity, l.id limit ${AHEAD}) as l)
     , walked as materialized (
       select entity, id, acknowledged_at, stands
         from (select *, count(*) filter (where stands) over (order by entity, id) as place from ahead) as ahead
        where place <= (select budget from turn) - (select count(*) from recent))
     , last as (select entity, id from walked order by entity desc, id desc limit 1)
     , moved as (
       update verification v
          set taken_at = now(), entity = case when ended then '' else coalesce(last.entity, turn.entity) end,
              id = case when ended then '00000000-0000-0000-0000-000000000000' else coalesce(last.id, turn.id) end
         from turn left join last on true
              cross join lateral (select (select count(*) from walked) = (select count(*) from ahead)
                                         and (select count(*) from ahead) < ${AHEAD} as ended) as walk)
     select coalesce(json_agg(json_build_object('entity', entity, 'id', id, 'acknowledgedAt', acknowledged_at::text)), '[]') as all
       from (select entity, id, acknowledged_at from recent union all select entity, id, acknowledged_at from walked where stands) as sample`,
    [perHour, most, entities],
  )) as { all: Sampled[] }[];
  return sample?.all ?? [];
}

/**
 * Keeps what was seen, and makes due, after live changes, those that differ and were not written meanwhile; answers how many of
 * each kind these are.
 */
export async function saveVerified(
  dataSource: DataSource,
  verified: readonly Verified[],
): Promise<{ entity: Entity; differing: number }[]> {
  if (verified.length === 0) return [];
  return dataSource.transaction(async (manager) => {
    await lockLedger(manager);
    return (await manager.query(
      `with seen as materialized (
         select * from json_to_recordset($1::json) as seen (entity text, id uuid, "acknowledgedAt" timestamptz, differs boolean))
       , settled as (
         update ledger l set unverified_since = null,
                due_at = case when differs then now() else l.due_at end, mark = case when differs then l.mark + 1 else l.mark end,
                cause = case when differs then 'verify' else l.cause end, verify = l.verify or differs,
                priority = case when differs then l.priority % ${BULK} + ${BULK} else l.priority end
           from seen where l.entity = seen.entity and l.id = seen.id and l.acknowledged_at is not distinct from seen."acknowledgedAt"
                and ${STANDS} and (differs or l.unverified_since is not null)
         returning l.entity, differs)
       , counts as (
         select entity, count(*) as verified, (select count(*) from settled where differs and settled.entity = seen.entity) as differing
           from seen group by entity)
       , kept as (
         insert into verification_hour as h (hour, entity, verified, differing)
         select date_trunc('hour', now()), entity, verified, differing from counts
         on conflict (hour, entity) do update set verified = h.verified + excluded.verified, differing = h.differing + excluded.differing)
       , gone as (delete from verification_hour where hour < now() - interval '25 hours')
       select entity, differing::integer from counts where differing > 0`,
      [JSON.stringify(verified)],
    )) as { entity: Entity; differing: number }[];
  });
}

/** How far verification has come, and what it has found in the last 24 hours. */
export async function readVerification(dataSource: DataSource): Promise<{
  takenAt: Date;
  entity: string;
  id: string;
  entities: { entity: Entity; verified: number; differing: number }[];
}> {
  const [row] = (await dataSource.query(
    `select taken_at as "takenAt", entity, id,
            (select coalesce(json_agg(json_build_object('entity', entity, 'verified', verified, 'differing', differing) order by entity), '[]')
               from (select entity, sum(verified) as verified, sum(differing) as differing from verification_hour
                      where hour > now() - interval '24 hours' group by entity) as day) as entities
       from verification`,
  )) as Awaited<ReturnType<typeof readVerification>>[];
  return row!;
}
