import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the web services of an establishment have answered is kept by revision, so that nothing is asked twice. */
export class HookAnswers1764350000000 implements MigrationInterface {
  name = 'HookAnswers1764350000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table hook_answer (
        entity text not null,
        id uuid not null,
        epoch integer not null,
        revision integer not null,
        -- Of the settings under which it was asked.
        version text not null,
        -- What it adds to the extensions of the record.
        extensions json not null,
        at timestamptz not null default now(),
        primary key (entity, id)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table hook_answer');
  }
}
