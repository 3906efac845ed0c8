import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a reconciliation finds in a target. */
export class Findings1764330000000 implements MigrationInterface {
  name = 'Findings1764330000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- How the target differs: missing, stale, edited, orphan; null where it was not looked at.
      alter table job_item add finding text;
      -- How many of each, counted when the plan is ready.
      alter table job add findings jsonb;

      -- Entities of ours that a listing of the target has shown so far. What a crash takes from it is looked for one by one.
      create unlogged table job_seen (
        job uuid not null references job (id) on delete cascade,
        entity text not null,
        id uuid not null,
        target_id text not null,
        primary key (job, entity, id)
      );

      -- What the target has and nobody here answers for: foreign, or duplicate with the master id that it carries.
      create table job_stranger (
        job uuid not null references job (id) on delete cascade,
        entity text not null,
        target_id text not null,
        id uuid,
        finding text not null,
        primary key (job, entity, target_id)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table job_stranger, job_seen;
      alter table job drop findings;
      alter table job_item drop finding;
    `);
  }
}
