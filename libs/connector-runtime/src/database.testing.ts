import { createLogger, openDatabase } from '@myelin/platform';
import { createDatabase, dropDatabase, suiteName } from '@myelin/testing';
import type { DataSource } from 'typeorm';
import { MIGRATIONS } from './migrations.js';

const server = process.env.DATABASE_URL ?? '';
const logger = createLogger('spec', 'fatal');

/** A database of a connector that is there for one test. */
export class TestDatabase {
  private constructor(
    private readonly name: string,
    readonly url: string,
    readonly dataSource: DataSource,
  ) {}

  /** Creates it, with the tables of a connector unless others do that. */
  static async create(migrations = MIGRATIONS): Promise<TestDatabase> {
    const name = suiteName('runtime').replaceAll('-', '_');
    const url = await createDatabase(server, name);
    return new TestDatabase(
      name,
      url,
      await openDatabase({ url, applicationName: 'test', entities: [], migrations, logger }),
    );
  }

  async drop(): Promise<void> {
    await this.dataSource.destroy();
    await dropDatabase(server, this.name);
  }
}
