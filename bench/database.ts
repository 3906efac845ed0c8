import pg from 'pg';
import { until } from '@myelin/testing';

/** Runs some work on one connection. */
export async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Makes the server write out what earlier work left in its buffers, so that the next measure does not pay for it. */
export async function settle(client: pg.Client): Promise<void> {
  await client.query('checkpoint');
}

/** Counts of rows by table. */
export async function countRows(client: pg.Client, tables: readonly string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const { rows } = await client.query<{ count: number }>(`select count(*)::integer as count from ${table}`);
    counts[table] = rows[0]?.count ?? 0;
  }
  return counts;
}

/** Waits until the relay has published everything; the last id is the last to go, so one look at an index is enough. */
export async function outboxEmpty(client: pg.Client): Promise<void> {
  const look = async () => {
    const { rowCount } = await client.query('select from outbox order by entity_id desc limit 1');
    return rowCount === 0;
  };
  await until('the outbox should be empty', look, { deadlineMs: 600_000, everyMs: 20 });
}
