import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

/** A message that is on the topic: the newest one of its id so far. */
export interface Sighting {
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  readonly time: string;
  /** JSON text; null for a tombstone. */
  readonly json: string | null;
}

/** A record that stands on the topic and not in the database. */
export interface UnknownRecord {
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  readonly time: Date;
  readonly document: Record<string, unknown>;
}

/** Marks up to `limit` records after `after` as not published; those that wait already stay as they are. */
export async function queueRecords(
  dataSource: DataSource,
  cause: object,
  page: { after: string | null; limit: number } | { ids: readonly string[] },
): Promise<{ records: number; queued: number; last: string | null }> {
  const [chosen, values] =
    'ids' in page
      ? ['id = any($2::uuid[])', [page.ids]]
      : ['($2::uuid is null or id > $2) order by id limit $3', [page.after, page.limit]];
  const [row] = (await dataSource.query(
    `with chunk as (select id, revision from record where ${chosen}),
          queued as (
            insert into outbox (entity_id, revision, kind, cause, changed_at)
            select id, revision, 'updated', $1::jsonb, now() from chunk on conflict (entity_id) do nothing returning 1)
     select (select count(*)::integer from chunk) as records, (select count(*)::integer from queued) as queued,
            (select id from chunk order by id desc limit 1) as last`,
    [JSON.stringify(cause), ...values],
  )) as { records: number; queued: number; last: string | null }[];
  return row as { records: number; queued: number; last: string | null };
}

/** Keeps, of these newest messages, those that are no records; a tombstone ends what was kept of its id. */
export async function saveUnknown(runner: QueryRunner, sightings: readonly Sighting[]): Promise<void> {
  const gone = sightings.flatMap(({ id, json }) => (json === null ? [id] : []));
  const present = sightings.flatMap(({ id, epoch, revision, time, json }) =>
    json === null ? [] : [`{"id":"${id}","epoch":${epoch},"revision":${revision},"time":"${time}","document":${json}}`],
  );
  if (gone.length > 0) await runner.query('delete from unknown_record where id = any($1::uuid[])', [gone]);
  if (present.length === 0) return;
  await runner.query(
    `insert into unknown_record (id, epoch, revision, time, document)
     select id, epoch, revision, time, document
       from jsonb_to_recordset($1::jsonb) as seen (id uuid, epoch integer, revision integer, time timestamptz, document jsonb)
      where not exists (select from record r where r.id = seen.id)
     on conflict (id) do update
       set epoch = excluded.epoch, revision = excluded.revision, time = excluded.time, document = excluded.document`,
    [`[${present.join(',')}]`],
  );
}

export async function countUnknown(source: DataSource | EntityManager | QueryRunner): Promise<number> {
  const [row] = (await source.query('select count(*)::integer as count from unknown_record')) as { count: number }[];
  return row?.count ?? 0;
}

/** Unknown records in the order of their ids. */
export function listUnknown(dataSource: DataSource, after: string | null, limit: number): Promise<UnknownRecord[]> {
  return dataSource.query(
    `select id, epoch, revision, time, document from unknown_record where $1::uuid is null or id > $1 order by id limit $2`,
    [after, limit],
  );
}

/** Ends every unknown record: its last state goes to the history, its tombstone to the outbox. */
export async function endUnknown(
  manager: EntityManager,
  cause: { correlationId: string; actor: string; reason: string },
): Promise<void> {
  const at = new Date();
  await manager.query(
    `insert into revision (record_id, revision, kind, status, state, source, actor, reason, correlation_id, at)
     select id, revision + 1, 'deleted', 'deleted', document - '{id,status,survivor}'::text[], 'hub', $1, $2, $3, $4 from unknown_record
     on conflict do nothing`,
    [cause.actor, cause.reason, cause.correlationId, at],
  );
  await manager.query(
    `insert into outbox (entity_id, revision, kind, cause, changed_at)
     select id, revision + 1, 'deleted', $1::jsonb, $2 from unknown_record on conflict do nothing`,
    [JSON.stringify({ ...cause, origin: 'hub' }), at],
  );
  await manager.query('delete from unknown_record');
}

/** Raises the epoch above the present one and all that were seen, and takes over the incarnation that the readers of the topic know. */
export async function raiseEpoch(
  manager: EntityManager,
  seen: { epoch: number; incarnation: string | null },
): Promise<number> {
  const [rows] = (await manager.query(
    `update referential
        set epoch = greatest(epoch, $1) + 1,
            incarnation = case when topic_lost_at is null then coalesce($2::uuid, incarnation) else incarnation end
      returning epoch`,
    [seen.epoch, seen.incarnation],
  )) as [{ epoch: number }[], number];
  return rows[0]?.epoch ?? 0;
}

/** Records what an operator did. */
export async function record(
  source: DataSource | EntityManager,
  { author, reason }: { author: string; reason: string },
  action: string,
  detail: object,
): Promise<void> {
  await source.query(`insert into operation (author, action, reason, detail) values ($1, $2, $3, $4::jsonb)`, [
    author,
    action,
    reason,
    JSON.stringify(detail),
  ]);
}
