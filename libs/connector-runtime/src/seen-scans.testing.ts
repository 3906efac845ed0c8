import { createLogger, openDatabase } from '@myelin/platform';
import { createDatabase, dropDatabase, suiteName } from '@myelin/testing';
import { DataSource } from 'typeorm';
import { MIGRATIONS } from './migrations.js';

const server = process.env.DATABASE_URL ?? '';

/** The database of a connector that nobody works on, and how often its tables were read as a whole. */
export class SeenScans {
  private constructor(
    private readonly name: string,
    readonly dataSource: DataSource,
  ) {}

  static async open(suite: string): Promise<SeenScans> {
    const name = suiteName(suite).replaceAll('-', '_');
    const url = await createDatabase(server, name);
    const logger = createLogger('spec', 'fatal');
    const migrated = await openDatabase({ url, applicationName: name, entities: [], migrations: MIGRATIONS, logger });
    await migrated.destroy();
    // One connection: its statistics are those that it flushes itself.
    return new SeenScans(name, await new DataSource({ type: 'postgres', url, poolSize: 1 }).initialize());
  }

  /** Scans of the whole ledger and of all states until now. */
  async count(): Promise<number> {
    await this.dataSource.query('select pg_stat_force_next_flush()');
    const [row] = (await this.dataSource.query(
      `select sum(seq_scan)::integer as n from pg_stat_user_tables where relname in ('ledger', 'state')`,
    )) as [{ n: number }];
    return row.n;
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
    await dropDatabase(server, this.name);
  }
}
