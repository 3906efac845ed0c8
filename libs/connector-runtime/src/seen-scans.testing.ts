import { DataSource } from 'typeorm';
import { TestDatabase } from './database.testing.js';

/** The database of a connector that nobody works on, and how often its tables were read as a whole. */
export class SeenScans {
  private constructor(
    private readonly database: TestDatabase,
    readonly dataSource: DataSource,
  ) {}

  static async open(): Promise<SeenScans> {
    const database = await TestDatabase.create();
    // One connection: its statistics are those that it flushes itself.
    const alone = new DataSource({ type: 'postgres', url: database.url, poolSize: 1 });
    return new SeenScans(database, await alone.initialize());
  }

  /** Scans of the whole ledger and of all states until now. */
  async count(): Promise<number> {
    await this.dataSource.query('select pg_stat_force_next_flush()');
    const [row] = (await this.dataSource.query(
      `select sum(seq_scan)::integer as n from pg_stat_user_tables where relname in ('ledger', 'state')`,
    )) as [{ n: number }];
    return row.n;
  }

  /** Rows of the ledger and states that indexes have led to until now. */
  async fetched(): Promise<number> {
    await this.dataSource.query('select pg_stat_force_next_flush()');
    const [row] = (await this.dataSource.query(
      `select sum(idx_tup_fetch)::integer as n from pg_stat_user_tables where relname in ('ledger', 'state')`,
    )) as [{ n: number }];
    return row.n;
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
    await this.database.drop();
  }
}
