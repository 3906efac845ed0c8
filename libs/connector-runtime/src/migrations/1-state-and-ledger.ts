import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a connector remembers: newest states, what its target acknowledged, allocated names, messages it could not read. */
export class StateAndLedger1764000000000 implements MigrationInterface {
  name = 'StateAndLedger1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- The newest master state of each entity; null once its tombstone came.
      create table state (
        entity text not null,
        id uuid not null,
        epoch integer not null,
        revision integer not null,
        state jsonb,
        correlation_id text,
        received_at timestamptz not null,
        primary key (entity, id)
      );

      -- By what other names an entity is referred to: scheme:value.
      create table state_key (
        entity text not null,
        key text not null,
        id uuid not null,
        primary key (entity, key)
      );
      create index state_key_id on state_key (entity, id);

      create table ledger (
        entity text not null,
        id uuid not null,
        priority smallint not null,
        status text not null,
        epoch integer,
        revision integer,
        projection text,
        target_id text,
        target_row jsonb,
        unrepresentable jsonb,
        waits_for text[],
        error jsonb,
        attempts integer not null default 0,
        due_at timestamptz,
        mark integer not null default 0,
        verify boolean not null default false,
        claimed_by text,
        claimed_until timestamptz,
        acknowledged_at timestamptz,
        primary key (entity, id)
      ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
      create index ledger_due on ledger (priority, due_at) where due_at is not null;
      -- Looked into after every batch, written rarely: a list of pending entries would be searched key by key.
      create index ledger_waits on ledger using gin (waits_for) with (fastupdate = off) where waits_for is not null;
      create index ledger_trouble on ledger (entity, status, id) where status in ('parked', 'waiting');

      -- Names given by the connector: never given again, even when their owner is gone. Owner null = taken by somebody else.
      create table allocated_name (
        entity text not null,
        name text not null,
        base text not null,
        number integer not null,
        owner uuid,
        primary key (entity, name)
      );
      create unique index allocated_name_owner on allocated_name (entity, owner) where owner is not null;
      create index allocated_name_base on allocated_name (entity, base, number);

      create table aside (
        topic text not null,
        partition integer not null,
        kafka_offset bigint not null,
        key text,
        reason text not null,
        bytes bytea,
        kept_at timestamptz not null,
        primary key (topic, partition, kafka_offset)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table aside, allocated_name, ledger, state_key, state');
  }
}
