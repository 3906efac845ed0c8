import { ProblemError } from '@myelin/platform';
import type { DataSource, QueryRunner } from 'typeorm';
import { HUB } from '../golden/hub.js';

/** A source, as far as the referential knows it. */
export interface Source {
  readonly name: string;
  readonly heardAt: Date;
  readonly retiredAt: Date | null;
  readonly retiredBy: string | null;
  readonly reason: string | null;
}

/** Remembers that a source speaks. */
export async function hearSource(runner: QueryRunner, name: string): Promise<void> {
  if (name === HUB) return;
  const [known] = (await runner.query(`select retired_at from source where name = $1`, [name])) as {
    retired_at: Date | null;
  }[];
  if (known?.retired_at)
    throw new ProblemError(
      'conflict',
      `the source ${name} is retired: what it holds is read, nothing is taken from it`,
    );
  if (!known) await runner.query(`insert into source (name) values ($1) on conflict do nothing`, [name]);
}

const COLUMNS = `name, heard_at as "heardAt", retired_at as "retiredAt", retired_by as "retiredBy", reason`;

/** Every source that was ever heard, by name, with how many records it speaks of and how many wait for a steward. */
export async function listSources(dataSource: DataSource): Promise<(Source & { records: number; waiting: number })[]> {
  return (await dataSource.query(
    `select ${COLUMNS}, coalesce(linked, 0)::integer as records, coalesce(unlinked, 0)::integer as waiting
       from source left join (
         select s.source as name, count(l.record_id) as linked, count(*) filter (where l.record_id is null) as unlinked
           from source_record s left join link l on l.source_record_id = s.id group by s.source) counted using (name)
      order by name`,
  )) as (Source & { records: number; waiting: number })[];
}

/** Retires a source, or hears it again; undefined when there is none of that name. */
export async function setRetired(
  dataSource: DataSource,
  name: string,
  retired: boolean,
  { author, reason }: { readonly author: string; readonly reason: string },
): Promise<Source | undefined> {
  const [rows] = (await dataSource.query(
    `update source set retired_at = case when $2 then coalesce(retired_at, now()) end, retired_by = $3, reason = $4
      where name = $1 returning ${COLUMNS}`,
    [name, retired, author, reason],
  )) as [Source[], number];
  return rows[0];
}
