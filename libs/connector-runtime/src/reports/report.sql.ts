import type { DeliveryReport } from '@myelin/contracts';
import { kept } from '@myelin/platform';
import type { EntityManager } from 'typeorm';

/** Stores the reports of one batch of work, to be published: in the transaction that records its results. */
export async function saveReports(manager: EntityManager, reports: readonly DeliveryReport[]): Promise<void> {
  if (reports.length === 0) return;
  await manager.query(kept(`insert into report (reports) values ($1::jsonb)`, 1), [JSON.stringify(reports)]);
}

/** Takes the reports of up to `batches` batches that nobody else has taken, oldest first, for the rest of the transaction. */
export async function takeReports(
  manager: EntityManager,
  batches: number,
): Promise<{ rows: string[]; reports: DeliveryReport[] }> {
  const taken = (await manager.query(
    kept(`select n, reports from report order by n limit $1 for update skip locked`, batches),
    [batches],
  )) as { n: string; reports: DeliveryReport[] }[];
  return { rows: taken.map(({ n }) => n), reports: taken.flatMap(({ reports }) => reports) };
}

/** Forgets reports that were published. */
export async function deleteReports(manager: EntityManager, rows: readonly string[]): Promise<void> {
  await manager.query(kept(`delete from report where n = any($1::bigint[])`, rows.length), [rows]);
}
