import type { Status } from '@myelin/contracts';
import type { DataSource } from 'typeorm';

export const SOURCE_FINDINGS = [
  /** The source has it, and it was never received. */
  'missing',
  /** It says something else than what was received last. */
  'different',
  /** Its record is no longer active here. */
  'inactive',
  /** It was received from the source, and the file does not have it. */
  'extra',
  /** It was received, and waits for a steward. */
  'suspected',
  /** Its line breaks the contract. */
  'refused',
] as const;
export type SourceFinding = (typeof SOURCE_FINDINGS)[number];

/** How one record of a source differs. */
export interface FoundAtSource {
  /** Null: its line has no key. */
  readonly sourceId: string | null;
  /** In the file; null for what it does not have. */
  readonly line: number | null;
  readonly finding: SourceFinding;
  readonly recordId: string | null;
  /** What its repair ended with; null: none was tried. */
  readonly outcome: string | null;
  readonly field: string | null;
  readonly reason: string | null;
}

/** What is known here of a record of a source. */
export interface KnownHere {
  readonly sourceId: string;
  /** Null, as is its status: it waits for a steward. */
  readonly recordId: string | null;
  readonly status: Status | null;
  readonly version: number | null;
  /** Of what was received last, in hexadecimal. */
  readonly hash: string;
}

/** What is known of these records of a source, by their keys there. */
export async function knownHere(
  dataSource: DataSource,
  source: string,
  sourceIds: readonly string[],
): Promise<Map<string, KnownHere>> {
  const rows = (await dataSource.query(
    `select s.source_id as "sourceId", l.record_id as "recordId", r.status, s.version::float8 as version, encode(s.hash, 'hex') as hash
       from source_record s left join link l on l.source_record_id = s.id left join record r on r.id = l.record_id
      where s.source = $1 and s.source_id = any($2::text[])`,
    [source, sourceIds],
  )) as KnownHere[];
  return new Map(rows.map((row) => [row.sourceId, row]));
}

/** Notes which keys the file has had. */
export const saveSeen = (dataSource: DataSource, run: string, sourceIds: readonly string[]) =>
  dataSource.query(
    `insert into reconciliation_seen (run_id, source_id) select $1, id from unnest($2::text[]) as id on conflict do nothing`,
    [run, sourceIds],
  );

export async function saveFindings(
  dataSource: DataSource,
  run: string,
  findings: readonly FoundAtSource[],
): Promise<void> {
  if (findings.length === 0) return;
  await dataSource.query(
    `insert into reconciliation_finding (run_id, source_id, line, finding, record_id, outcome, field, reason)
     select $1, "sourceId", line, finding, "recordId", outcome, field, reason
       from jsonb_to_recordset($2::jsonb) as found ("sourceId" text, line integer, finding text, "recordId" uuid, outcome text, field text, reason text)
     on conflict do nothing`,
    [run, JSON.stringify(findings)],
  );
}

/** Finds what the whole file did not have, and ends the run. */
export async function finish(dataSource: DataSource, run: string, source: string): Promise<void> {
  await dataSource.transaction(async (manager) => {
    await manager.query(
      `insert into reconciliation_finding (run_id, source_id, finding, record_id)
       select $1, s.source_id, 'extra', l.record_id from source_record s left join link l on l.source_record_id = s.id
        where s.source = $2 and not exists (select from reconciliation_seen seen where seen.run_id = $1 and seen.source_id = s.source_id)
       on conflict do nothing`,
      [run, source],
    );
    await manager.query(
      `update reconciliation set status = 'done', ended_at = now(),
              counts = (select jsonb_build_object('read', (select count(*) from reconciliation_seen where run_id = $1))
                               || coalesce(jsonb_object_agg(finding, count), '{}')
                               || jsonb_build_object('repaired', coalesce(sum(repaired), 0))
                          from (select finding, count(*) as count, count(*) filter (where outcome not in ('refused', 'suspected')) as repaired
                                  from reconciliation_finding where run_id = $1 group by finding) as counted)
        where id = $1`,
      [run],
    );
    await forgetSeen(manager, run);
  });
}

export const forgetSeen = (manager: Pick<DataSource, 'query'>, run: string): Promise<unknown> =>
  manager.query('delete from reconciliation_seen where run_id = $1', [run]);

/** A comparison of a source with what is known of it. */
export interface SourceRun {
  readonly id: string;
  readonly source: string;
  readonly repair: boolean;
  readonly status: 'running' | 'done' | 'failed';
  readonly failure: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
}

export async function findRun(dataSource: DataSource, id: string): Promise<SourceRun | undefined> {
  const [run] = (await dataSource.query(
    `select id, source, repair, status, failure, counts, started_at as "startedAt", ended_at as "endedAt" from reconciliation where id = $1`,
    [id],
  )) as SourceRun[];
  return run;
}

/** What a run has found, after the one of that number. */
export async function readFindings(
  dataSource: DataSource,
  run: string,
  after: string,
  limit: number,
): Promise<(FoundAtSource & { readonly n: string })[]> {
  return (await dataSource.query(
    `select n, source_id as "sourceId", line, finding, record_id as "recordId", outcome, field, reason
       from reconciliation_finding where run_id = $1 and n > $2 order by n limit $3`,
    [run, after, limit],
  )) as (FoundAtSource & { readonly n: string })[];
}
