import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Comparisons of all that a source has with what is known of it here. */
export class Reconciliation1764350000000 implements MigrationInterface {
  name = 'Reconciliation1764350000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table reconciliation (
        id uuid primary key,
        source text not null,
        -- What was found was repaired at once.
        repair boolean not null,
        status text not null,
        failure text,
        -- How many records of each finding, and how many of them were repaired.
        counts jsonb not null default '{}',
        started_at timestamptz not null,
        ended_at timestamptz
      );
      create table reconciliation_finding (
        run_id uuid not null references reconciliation (id) on delete cascade,
        n bigint generated always as identity,
        -- Null: the line has no key.
        source_id text,
        line integer,
        -- missing, different, inactive, extra, refused.
        finding text not null,
        record_id uuid,
        -- Of a repair; null: none was tried.
        outcome text,
        field text,
        reason text,
        primary key (run_id, n),
        unique (run_id, source_id)
      );
      -- Keys that the file has had so far. After a crash the run is begun anew.
      create unlogged table reconciliation_seen (
        run_id uuid not null,
        source_id text not null,
        primary key (run_id, source_id)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table reconciliation_seen, reconciliation_finding, reconciliation');
  }
}
