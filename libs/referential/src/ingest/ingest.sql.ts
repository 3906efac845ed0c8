import type { Cause, Status } from '@myelin/contracts';
import type { QueryRunner } from 'typeorm';
import type { Bonds, KnownSource, LockedRecord, Write } from './decide.js';
import type { IdentifierKey } from '../golden/identifiers.js';
import { overridesOn } from '../tasks/decision.sql.js';
import type { OverStaged } from './staging.js';
import type { Attributes } from '../tables.js';

type Rows<T> = Promise<T[]>;
const version = (text: string | null) => (text === null ? null : Number(text));

interface SourceRow {
  readonly id: string;
  readonly source: string;
  readonly source_id: string;
  readonly version: string | null;
  readonly business_date: string | null;
  readonly hash: string;
  readonly record_id: string | null;
  readonly revision: number | null;
  readonly payload?: Attributes;
}

const known = (row: SourceRow): KnownSource => ({
  id: row.id,
  recordId: row.record_id,
  revision: row.revision ?? 0,
  source: row.source,
  sourceId: row.source_id,
  version: version(row.version),
  businessDate: row.business_date,
  hash: row.hash,
  payload: row.payload ?? {},
});

const SOURCE_COLUMNS = `s.id, s.source, s.source_id, s.version, s.business_date, encode(s.hash, 'hex') as hash`;

/** The source records of `source` with these keys, with the record each is linked to; without what they say. */
export async function findKnown(
  runner: QueryRunner,
  source: string,
  sourceIds: readonly string[],
): Promise<Map<string, KnownSource>> {
  const rows = await (runner.query(
    `select ${SOURCE_COLUMNS}, l.record_id, r.revision
       from source_record s left join link l on l.source_record_id = s.id left join record r on r.id = l.record_id
      where s.source = $1 and s.source_id = any($2::text[])`,
    [source, sourceIds],
  ) as Rows<SourceRow>);
  return new Map(rows.map((row) => [row.source_id, known(row)]));
}

/** What stewards have decided about source records that wait: the records of those with which they belong together, or do not. */
export async function findBonds(runner: QueryRunner, ids: readonly string[]): Promise<Map<string, Bonds>> {
  if (ids.length === 0) return new Map();
  const rows = await (runner.query(
    `select d.source_record_id as id, d.kind, l.record_id
       from (select source_record_id, other_source_record_id as other, kind from decision where source_record_id = any($1::uuid[]) and revoked_at is null
             union all
             select other_source_record_id, source_record_id, kind from decision where other_source_record_id = any($1::uuid[]) and revoked_at is null) d
       join link l on l.source_record_id = d.other where d.kind <> 'override'`,
    [ids],
  ) as Rows<{ id: string; kind: string; record_id: string }>);
  const ofKind = (of: readonly { kind: string; record_id: string }[], kind: string) =>
    new Set(of.filter((one) => one.kind === kind).map((one) => one.record_id));
  return new Map(
    [...Map.groupBy(rows, ({ id }) => id)].map(([id, of]) => [
      id,
      { must: ofKind(of, 'must-link'), cannot: ofKind(of, 'cannot-link') },
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

/** Locks records, in the order of their ids so that two writers never wait for each other, and reads them with their sources and the overrides. */
export async function lockRecords(runner: QueryRunner, ids: readonly string[]): Promise<Map<string, LockedRecord>> {
  if (ids.length === 0) return new Map();
  const records = await (runner.query(
    `select id, revision, status, state, due::text from record where id = any($1::uuid[]) order by id for update`,
    [ids],
  ) as Rows<{ id: string; revision: number; status: Status; state: Attributes; due: string | null }>);
  const sources = await (runner.query(
    `select ${SOURCE_COLUMNS}, s.payload, l.record_id, null as revision
       from link l join source_record s on s.id = l.source_record_id where l.record_id = any($1::uuid[]) order by s.id`,
    [ids],
  ) as Rows<SourceRow>);
  const overrides = await overridesOn(runner, ids);
  const bySource = Map.groupBy(sources, (row) => row.record_id);
  const byRecord = Map.groupBy(overrides, (row) => row.record_id);
  return new Map(
    records.map((record) => [
      record.id,
      {
        ...record,
        sources: (bySource.get(record.id) ?? []).map((row) => known({ ...row, revision: record.revision })),
        overrides: byRecord.get(record.id) ?? [],
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
  const some = (test: (write: Write) => boolean | null | undefined) => writes.some((write) => test(write) === true);
  const isOld = ({ record }: Write) => record && !record.isNew;
  if (some(({ record }) => record?.isNew)) await createRecords(over, at);
  if (some(isOld)) await changeRecords(over, at);
  if (some((write) => write.source?.isNew)) await addSourceRecords(over, source, at);
  if (some((write) => write.source && !write.source.isNew)) await changeSourceRecords(over, at);
  if (some((write) => write.source && write.source.evidence !== null)) await addLinks(over, at);
  if (some(isOld)) await dropLostIdentifiers(over);
  if (some(({ record }) => record !== null)) await addIdentifiers(over);
  if (some(({ record }) => record?.changed)) {
    await appendRevisions(over, source, cause, at);
    await markDirty(over, source, cause, at);
  }
}

const createRecords = (over: OverStaged, at: Date) =>
  over(
    `insert into record (id, revision, status, state, due, updated_at)
     select record_id, revision, status, coalesce(state, payload || facts), due, $1 from staging where record_new`,
    [at],
  );

async function changeRecords(over: OverStaged, at: Date): Promise<void> {
  await over(
    `update record r set revision = s.revision, state = s.state, due = s.due, updated_at = $1
       from staging s where not s.record_new and s.changed and r.id = s.record_id`,
    [at],
  );
  await over(
    `update record r set due = s.due from staging s
      where not s.record_new and not s.changed and r.id = s.record_id and r.due is distinct from s.due`,
  );
}

const addSourceRecords = (over: OverStaged, source: string, at: Date) =>
  over(
    `insert into source_record (id, source, source_id, version, business_date, hash, payload, silent, received_at)
     select source_record_id, $1, source_id, version, business_date, hash, payload, silent, $2 from staging where source_new`,
    [source, at],
  );

/** What it said before is kept as it stood. */
async function changeSourceRecords(over: OverStaged, at: Date): Promise<void> {
  await over(
    `insert into source_version (source_record_id, n, version, business_date, hash, payload, silent, received_at)
     select r.id, r.n, r.version, r.business_date, r.hash, r.payload, r.silent, r.received_at
       from staging s join source_record r on r.id = s.source_record_id where not s.source_new and r.hash <> s.hash`,
  );
  await over(
    `update source_record r
        set n = r.n + (r.hash <> s.hash)::int, version = coalesce(s.version, r.version), business_date = s.business_date,
            hash = s.hash, payload = s.payload, silent = s.silent, received_at = $1
       from staging s where not s.source_new and r.id = s.source_record_id`,
    [at],
  );
}

const addLinks = (over: OverStaged, at: Date) =>
  over(
    `insert into link (source_record_id, record_id, evidence, linked_at)
     select source_record_id, record_id, evidence, $1 from staging where evidence is not null`,
    [at],
  );

/** What another record claims in vain is looked at again when it comes free. */
const dropLostIdentifiers = (over: OverStaged) =>
  over(
    `insert into reminder (record_id)
     select t.subject from task t join lost using (key) where t.kind = 'identifier' and t.status = 'open'`,
    [],
    `lost as (
       delete from identifier i using staging s
        where not s.record_new and i.record_id = s.record_id
          and not exists (select from jsonb_to_recordset(s.identifiers) as kept (scheme text, value text)
                           where kept.scheme = i.scheme and kept.value = i.value)
       returning i.scheme || ':' || i.value as key)`,
  );

/** A value that another record holds breaks the primary key: the round is rolled back and decided again. */
const addIdentifiers = (over: OverStaged) =>
  over(
    `insert into identifier (scheme, value, record_id, source_record_id)
     select distinct on (claimed.scheme, claimed.value) claimed.scheme, claimed.value, s.record_id, coalesce(claimed.by, s.source_record_id)
       from staging s,
            jsonb_to_recordset(case jsonb_typeof(coalesce(s.identifiers, s.payload -> 'identifiers')) when 'array'
                               then coalesce(s.identifiers, s.payload -> 'identifiers') else '[]' end)
              as claimed (scheme text, value text, by uuid)
      where s.record_new
         or (s.record_id is not null
             and (select i.record_id from identifier i where i.scheme = claimed.scheme and i.value = claimed.value) is distinct from s.record_id)`,
  );

const KIND = `case when record_new then 'created' else 'updated' end`;

const appendRevisions = (over: OverStaged, source: string, cause: Cause, at: Date) =>
  over(
    `insert into revision (record_id, revision, kind, status, source, actor, reason, correlation_id, at)
     select record_id, revision, ${KIND}, status, $1, $2, $3, $4, $5 from staging where changed`,
    [source, cause.actor ?? null, cause.reason ?? null, cause.correlationId, at],
  );

const markDirty = (over: OverStaged, source: string, cause: Cause, at: Date) =>
  over(
    `insert into outbox (entity_id, revision, kind, cause, changed_at)
     select record_id, revision, ${KIND}, $1::jsonb, $2 from staging where changed
     ${NEWEST_DIRTY}`,
    [JSON.stringify({ ...cause, origin: cause.origin ?? source }), at],
  );

/** An entity is dirty once: what is not yet published is superseded; that it was created is told all the same. */
export const NEWEST_DIRTY = `
  on conflict (entity_id) do update
    set revision = excluded.revision, cause = excluded.cause, changed_at = excluded.changed_at,
        kind = case when outbox.kind = 'created' and excluded.kind = 'updated' then 'created' else excluded.kind end`;
