import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a job has overwritten is kept for a while, so that it can be put back. */
export class Undo1764340000000 implements MigrationInterface {
  name = 'Undo1764340000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table job_row (
        job uuid not null,
        entity text not null,
        id uuid not null,
        -- What stood in the target before the first write of the job; null: nothing.
        before json,
        -- Hash of what its last write left there; null: nothing.
        after_hash text,
        at timestamptz not null default now(),
        primary key (job, entity, id)
      ) with (toast_tuple_target = 8160);
      create index job_row_at on job_row (at);
      create index job_row_of on job_row (entity, id);
      -- The job that this one undoes.
      alter table job add undoes uuid references job (id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      delete from job where undoes is not null;
      alter table job drop undoes;
      drop table job_row;
    `);
  }
}
