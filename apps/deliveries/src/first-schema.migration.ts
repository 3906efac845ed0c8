import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was published, what each connector did with it, and where each stands. Ids, names of attributes and times: no values. */
export class FirstSchema1764200000000 implements MigrationInterface {
  name = 'FirstSchema1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table published (
        entity text not null,
        id uuid not null,
        epoch integer not null,
        revision integer not null,
        kind text not null,
        -- When the change was made in the referential, and when it was sent to the topic.
        accepted_at timestamptz not null,
        published_at timestamptz,
        origin text,
        correlation_id text,
        primary key (entity, id, epoch, revision)
      );
      create index published_accepted on published (accepted_at);
      create index published_correlation on published (correlation_id, entity, id, epoch, revision) where correlation_id is not null;

      create table delivery (
        entity text not null,
        id uuid not null,
        connector text not null,
        epoch integer not null,
        revision integer not null,
        at timestamptz not null,
        outcome text not null,
        cause text not null,
        attempt integer not null,
        changed text[] not null,
        duration_ms integer not null,
        job text,
        error_name text,
        fingerprint text,
        ticket text,
        primary key (entity, id, connector, epoch, revision, at)
      );
      create index delivery_at on delivery (at) include (connector, outcome);

      -- Where each connector stands with each entity: its last report, and the newest revision that it acknowledged.
      create table standing (
        entity text not null,
        id uuid not null,
        connector text not null,
        epoch integer not null,
        revision integer not null,
        at timestamptz not null,
        outcome text not null,
        error_name text,
        fingerprint text,
        ticket text,
        applied_epoch integer,
        applied_revision integer,
        applied_at timestamptz,
        primary key (entity, id, connector)
      ) with (fillfactor = 80);
      create index standing_error on standing (connector, fingerprint) where fingerprint is not null;
      create index standing_gone on standing (at) where outcome in ('removed', 'skipped');

      create table pulse (
        connector text not null,
        instance text not null,
        at timestamptz not null,
        work text not null,
        detail text,
        observe boolean not null,
        entities jsonb not null,
        primary key (connector, instance)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table pulse, standing, delivery, published');
  }
}
