import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a job has entities left is in its tally: no index of the open ones has to be kept with each that is done. */
export class OpenItems1764290000000 implements MigrationInterface {
  name = 'OpenItems1764290000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`drop index job_item_open`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`create index job_item_open on job_item (job) where outcome is null`);
  }
}
