import type { DataSource, EntityManager } from 'typeorm';
import { BESIDE_LIVE, FREE, LIVE } from '../work/claim.sql.js';
import type { ParkedGroup, ParkedView } from './parked.views.js';

export interface ParkedFilter {
  readonly status: 'parked' | 'dismissed';
  readonly entity?: string;
  readonly fingerprint?: string;
  /** Ticket after which the page begins. */
  readonly after?: string;
}

/** Which parked entities are meant. */
export interface Chosen {
  readonly tickets?: readonly string[];
  readonly fingerprint?: string;
  /** Of this kind only. */
  readonly entity?: string;
}

const PARKED = `select l.ticket, l.entity, l.id, l.status, s.revision, l.attempts, l.fingerprint, l.error, l.parked_at as "parkedAt", l.dismissal,
  s.correlation_id as "correlationId" from ledger l join state s using (entity, id)`;

export async function listParked(dataSource: DataSource, filter: ParkedFilter, limit: number): Promise<ParkedView[]> {
  return (await dataSource.query(
    `${PARKED} where l.status = $1 and l.ticket is not null and ($2::text is null or l.entity = $2)
        and ($3::text is null or l.fingerprint = $3) and ($4::text is null or l.ticket > $4)
      order by l.ticket limit $5`,
    [filter.status, filter.entity ?? null, filter.fingerprint ?? null, filter.after ?? null, limit],
  )) as ParkedView[];
}

export async function findParked(dataSource: DataSource, ticket: string): Promise<ParkedView | undefined> {
  const [parked] = (await dataSource.query(`${PARKED} where l.ticket = $1`, [ticket])) as ParkedView[];
  return parked;
}

/** Parked entities by cause, the most frequent first, each with one of them. */
export async function groupParked(dataSource: DataSource): Promise<ParkedGroup[]> {
  return (await dataSource.query(
    `select fingerprint, entity, count(*)::integer as count, min(parked_at) as "oldest", max(parked_at) as "newest",
            (array_agg(error order by parked_at desc))[1] as error, (array_agg(ticket order by parked_at desc))[1] as ticket
       from ledger where status = 'parked' group by fingerprint, entity order by count(*) desc, fingerprint limit 200`,
  )) as ParkedGroup[];
}

/** Makes parked entities due again, many beside live changes, and answers how many; dismissed ones only when they are named by their tickets. */
export async function retryParked(manager: EntityManager, { tickets, fingerprint, entity }: Chosen): Promise<number> {
  const [, count] = (await manager.query(
    `update ledger l
        set due_at = now(), mark = mark + 1, attempts = 0, priority = ${tickets?.length === 1 ? LIVE : BESIDE_LIVE}
      where (status = 'parked' or status = 'dismissed' and ticket = any($1::text[]))
        and ($1::text[] is null or ticket = any($1)) and ($2::text is null or fingerprint = $2)
        and ($3::text is null or entity = $3)`,
    [tickets ?? null, fingerprint ?? null, entity ?? null],
  )) as [unknown, number];
  return count;
}

/** Puts parked entities away until they change, and answers how many. */
export async function dismissParked(
  manager: EntityManager,
  { tickets, fingerprint, entity }: Chosen,
  by: { author: string; reason: string },
): Promise<number> {
  const [, count] = (await manager.query(
    `update ledger l
        set status = 'dismissed', dismissal = jsonb_build_object('author', $3::text, 'reason', $4::text, 'at', now()), due_at = null, pending_since = null
      where status = 'parked' and ${FREE} and (due_at is null or due_at > now())
        and ($1::text[] is null or ticket = any($1)) and ($2::text is null or fingerprint = $2)
        and ($5::text is null or entity = $5)`,
    [tickets ?? null, fingerprint ?? null, by.author, by.reason, entity ?? null],
  )) as [unknown, number];
  return count;
}
