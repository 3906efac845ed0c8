import type { Cause, Status } from '@myelin/contracts';
import type { QueryRunner } from 'typeorm';
import type { KnownSource, LockedRecord, Write } from './decide.js';
import type { IdentifierKey } from '../golden/golden.js';
import type { OverStaged } from './staging.js';
import type { Attributes } from '../tables.js';

type Rows<T> = Promise<T[]>;
const version = (text: string | null) => (text === null ? null : Number(text));

/** The source records of `source` with these keys, with the record each is linked to. */
export async function findKnown(
  runner: QueryRunner,
  source: string,
  sourceIds: readonly string[],
): Promise<Map<string, KnownSource>> {
  const rows = await (runner.query(
    `select s.id, s.source_id, s.version, encode(s.hash, 'hex') as hash, l.record_id, r.revision
       from source_record s join link l on l.source_record_id = s.id join record r on r.id = l.record_id
      where s.source = $1 and s.source_id = any($2::text[])`,
    [source, sourceIds],
  ) as Rows<{
    id: string;
    source_id: string;
    version: string | null;
    hash: string;
    record_id: string;
    revision: number;
  }>);
  return new Map(
    rows.map((row) => [
      row.source_id,
      {
        id: row.id,
        recordId: row.record_id,
        revision: row.revision,
        source,
        sourceId: row.source_id,
        version: version(row.version),
        hash: row.hash,
        payload: {},
      },
    ]),
  );
}

/** The records that hold these identifiers, by `scheme:value`. */
export async function findHolders(
  runner: QueryRunner,
  identifiers: readonly IdentifierKey[],
): Promise<Map<string, string>> {
  if (identifiers.length === 0) return new Map();
  const rows = await (runner.query(
    `select i.scheme, i.value, i.record_id
       from unnest($1::text[], $2::text[]) as wanted (scheme, value) join identifier i using (scheme, value)`,
    [identifiers.map(({ scheme }) => scheme), identifiers.map(({ value }) => value)],
  ) as Rows<{ scheme: string; value: string; record_id: string }>);
  return new Map(rows.map((row) => [`${row.scheme}:${row.value}`, row.record_id]));
}

/** Locks records, in the order of their ids so that two writers never wait for each other, and reads them with their sources. */
export async function lockRecords(runner: QueryRunner, ids: readonly string[]): Promise<Map<string, LockedRecord>> {
  if (ids.length === 0) return new Map();
  const records = await (runner.query(
    `select id, revision, status, state from record where id = any($1::uuid[]) order by id for update`,
    [ids],
  ) as Rows<{ id: string; revision: number; status: Status; state: Attributes }>);
  const sources = await (runner.query(
    `select l.record_id, s.id, s.source, s.source_id, s.version, encode(s.hash, 'hex') as hash, s.payload
       from link l join source_record s on s.id = l.source_record_id
      where l.record_id = any($1::uuid[]) order by l.linked_at, s.id`,
    [ids],
  ) as Rows<{
    record_id: string;
    id: string;
    source: string;
    source_id: string;
    version: string | null;
    hash: string;
    payload: Attributes;
  }>);
  const bySource = Map.groupBy(sources, (row) => row.record_id);
  return new Map(
    records.map((record) => [
      record.id,
      {
        ...record,
        sources: (bySource.get(record.id) ?? []).map((row) => ({
          id: row.id,
          recordId: row.record_id,
          revision: record.revision,
          source: row.source,
          sourceId: row.source_id,
          version: version(row.version),
          hash: row.hash,
          payload: row.payload,
        })),
      },
    ]),
  );
}

/** Remembers the newer version number of source records whose content did not change. */
export async function raiseVersions(runner: QueryRunner, raised: ReadonlyMap<string, number>): Promise<void> {
  if (raised.size === 0) return;
  await runner.query(
    `update source_record s set version = raised.version
       from unnest($1::uuid[], $2::bigint[]) as raised (id, version)
      where s.id = raised.id and (s.version is null or s.version < raised.version)`,
    [[...raised.keys()], [...raised.values()]],
  );
}

/** Writes everything that is staged: one statement per table, each over the whole set; none that has nothing to do. */
export async function mergeStaged(
  over: OverStaged,
  writes: readonly Write[],
  source: string,
  cause: Cause,
  at: Date,
): Promise<void> {
  const modes = new Set(writes.map(({ mode }) => mode));
  const isKnown = modes.has('attach') || modes.has('update');
  if (modes.has('create')) await createRecords(over, at);
  if (isKnown) await changeRecords(over, at);
  if (modes.has('create') || modes.has('attach')) await addSourceRecords(over, source, at);
  if (modes.has('update')) await changeSourceRecords(over, at);
  if (isKnown) await dropLostIdentifiers(over);
  await addIdentifiers(over);
  await appendRevisions(over, source, cause, at);
  await markDirty(over, source, cause, at);
}

const createRecords = (over: OverStaged, at: Date) =>
  over(
    `insert into record (id, revision, status, state, updated_at)
     select record_id, revision, status, payload, $1 from staging where mode = 'create'`,
    [at],
  );

const changeRecords = (over: OverStaged, at: Date) =>
  over(
    `update record r set revision = s.revision, state = s.state, updated_at = $1
       from staging s where s.mode <> 'create' and s.changed and r.id = s.record_id`,
    [at],
  );

async function addSourceRecords(over: OverStaged, source: string, at: Date): Promise<void> {
  await over(
    `insert into source_record (id, source, source_id, version, hash, payload, received_at)
     select source_record_id, $1, source_id, version, hash, payload, $2 from staging where mode <> 'update'`,
    [source, at],
  );
  await over(
    `insert into link (source_record_id, record_id, evidence, linked_at)
     select source_record_id, record_id, evidence, $1 from staging where mode <> 'update'`,
    [at],
  );
}

const changeSourceRecords = (over: OverStaged, at: Date) =>
  over(
    `update source_record r set version = coalesce(s.version, r.version), hash = s.hash, payload = s.payload, received_at = $1
       from staging s where s.mode = 'update' and r.id = s.source_record_id`,
    [at],
  );

const dropLostIdentifiers = (over: OverStaged) =>
  over(
    `delete from identifier i using staging s
      where s.mode <> 'create' and i.record_id = s.record_id
        and not exists (select from jsonb_to_recordset(s.identifiers) as kept (scheme text, value text)
                         where kept.scheme = i.scheme and kept.value = i.value)`,
  );

/** A value that another record holds breaks the primary key: the round is rolled back and decided again. */
const addIdentifiers = (over: OverStaged) =>
  over(
    `insert into identifier (scheme, value, record_id, source_record_id)
     select distinct on (claimed.scheme, claimed.value) claimed.scheme, claimed.value, s.record_id, s.source_record_id
       from staging s,
            jsonb_to_recordset(case jsonb_typeof(coalesce(s.identifiers, s.payload -> 'identifiers')) when 'array'
                               then coalesce(s.identifiers, s.payload -> 'identifiers') else '[]' end)
              as claimed (scheme text, value text)
      where s.mode = 'create'
         or (select i.record_id from identifier i where i.scheme = claimed.scheme and i.value = claimed.value) is distinct from s.record_id`,
  );

const appendRevisions = (over: OverStaged, source: string, cause: Cause, at: Date) =>
  over(
    `insert into revision (record_id, revision, kind, status, state, source, actor, reason, correlation_id, at)
     select record_id, revision, case mode when 'create' then 'created' else 'updated' end, status,
            coalesce(state, payload), $1, $2, $3, $4, $5
       from staging where changed`,
    [source, cause.actor ?? null, cause.reason ?? null, cause.correlationId, at],
  );

const markDirty = (over: OverStaged, source: string, cause: Cause, at: Date) =>
  over(
    `insert into outbox (entity_id, revision, kind, cause, changed_at)
     select record_id, revision, case mode when 'create' then 'created' else 'updated' end, $1::jsonb, $2
       from staging where changed
     ${NEWEST_DIRTY}`,
    [JSON.stringify({ ...cause, origin: cause.origin ?? source }), at],
  );

/** An entity is dirty once: what is not yet published is superseded; that it was created is told all the same. */
export const NEWEST_DIRTY = `
  on conflict (entity_id) do update
    set revision = excluded.revision, cause = excluded.cause, changed_at = excluded.changed_at,
        kind = case when outbox.kind = 'created' and excluded.kind = 'updated' then 'created' else excluded.kind end`;
