import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was written and not read since, where the walk through the ledger has come to, and what verification has found. */
export class Verification1764370000000 implements MigrationInterface {
  name = 'Verification1764370000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- When it was written, for as long as nobody has looked at it in the target since.
      alter table ledger add unverified_since timestamptz;
      create index ledger_unverified on ledger (unverified_since) where unverified_since is not null;

      -- One row: the last entity that was looked at, and when the last turn was taken.
      create table verification (
        one boolean primary key default true check (one),
        entity text not null default '',
        id uuid not null default '00000000-0000-0000-0000-000000000000',
        taken_at timestamptz not null default now()
      );
      insert into verification default values;

      create table verification_hour (
        hour timestamptz not null,
        entity text not null,
        verified integer not null,
        differing integer not null,
        primary key (hour, entity)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table verification_hour, verification;
      drop index ledger_unverified;
      alter table ledger drop unverified_since;
    `);
  }
}
