import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tables of a referential: records, what sources say, links, identifiers, history, outbox, imports. */
export class FirstFloor1764000000000 implements MigrationInterface {
  name = 'FirstFloor1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table referential (
        only_row boolean primary key default true check (only_row),
        epoch integer not null
      );
      insert into referential (epoch) values (1);

      create table record (
        id uuid primary key,
        revision integer not null,
        status text not null,
        state jsonb not null,
        survivor uuid,
        updated_at timestamptz not null
      );

      create table source_record (
        id uuid primary key,
        source text not null,
        source_id text not null,
        version bigint,
        hash bytea not null,
        payload jsonb not null,
        received_at timestamptz not null,
        unique (source, source_id)
      );

      create table link (
        source_record_id uuid primary key references source_record (id),
        record_id uuid not null references record (id),
        evidence text not null,
        linked_at timestamptz not null
      );
      create index link_record on link (record_id);

      create table identifier (
        scheme text not null,
        value text not null,
        record_id uuid not null,
        source_record_id uuid not null,
        primary key (scheme, value)
      );
      create index identifier_record on identifier (record_id);

      create table revision (
        record_id uuid not null,
        revision integer not null,
        kind text not null,
        status text not null,
        state jsonb not null,
        source text,
        actor text,
        reason text,
        correlation_id text,
        at timestamptz not null,
        primary key (record_id, revision)
      );

      -- The set of dirty entities: emptied by the relay, so vacuumed by count, not by share.
      create table outbox (
        entity_id uuid primary key,
        revision integer not null,
        kind text not null,
        cause jsonb not null,
        changed_at timestamptz not null
      ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

      create table import_run (
        id uuid primary key,
        source text not null,
        format text not null,
        status text not null,
        failure text,
        created integer not null default 0,
        updated integer not null default 0,
        unchanged integer not null default 0,
        stale integer not null default 0,
        rejected integer not null default 0,
        started_at timestamptz not null,
        ended_at timestamptz
      );

      create table import_rejection (
        run_id uuid not null references import_run (id) on delete cascade,
        line integer not null,
        source_id text,
        field text not null,
        reason text not null,
        primary key (run_id, line)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'drop table import_rejection, import_run, outbox, revision, identifier, link, source_record, record, referential',
    );
  }
}
