import type { DataSource, QueryRunner } from 'typeorm';

/** Some of the records of which somebody was reminded; the reminders are gone with the transaction. */
export async function takeReminded(runner: QueryRunner, limit: number): Promise<string[]> {
  const [rows] = (await runner.query(
    `delete from reminder where n in (select n from reminder order by n limit $1 for update skip locked) returning record_id as id`,
    [limit],
  )) as [{ id: string }[], number];
  return rows.map(({ id }) => id);
}

/** Locks some of the records that are due, those that have been so for longest first; none that somebody else works on. */
export async function takeDue(runner: QueryRunner, day: string, limit: number): Promise<string[]> {
  const rows = (await runner.query(
    `select id from record where due <= $1::date order by due, id limit $2 for update skip locked`,
    [day, limit],
  )) as { id: string }[];
  return rows.map(({ id }) => id);
}

/** Makes the records due that other survivorship rules may change, when these are not those by which they stand; answers how many. */
export function markForNewRules(dataSource: DataSource, rules: string, day: string): Promise<number> {
  return dataSource.transaction(async (manager) => {
    const [before] = (await manager.query(`select survivorship from referential for update`)) as {
      survivorship: string | null;
    }[];
    if (before?.survivorship === rules) return 0;
    await manager.query(`update referential set survivorship = $1`, [rules]);
    const [, count] = (await manager.query(
      `update record set due = $1::date where (due is null or due > $1::date)
          and ($2 or id in (select record_id from link group by record_id having count(*) > 1))`,
      // Records from before there were rules were never looked at.
      [day, before?.survivorship == null],
    )) as [unknown, number];
    return count;
  });
}
