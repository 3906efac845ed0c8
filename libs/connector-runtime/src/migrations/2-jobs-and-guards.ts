import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What operators ask of a connector and what it reports: causes, jobs, guards, control, parked entities with a reference. */
export class JobsAndGuards1764100000000 implements MigrationInterface {
  name = 'JobsAndGuards1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table state
        -- Transaction time of the newest state in its referential.
        add changed_at timestamptz;

      alter table ledger
        -- Why the entity is due: change, reference, date, remap, resync.
        add cause text not null default 'change',
        -- When the oldest change was made that the target has not seen; null when it has them all.
        add pending_since timestamptz,
        -- Day in Europe/Paris at whose start the entity must be mapped again.
        add due_day date,
        add etag text,
        -- Of the row that the target acknowledged: scans compare it without reading the row.
        add row_hash text,
        -- The job that made it due, and what its plan or an operator allows past the guards.
        add job uuid,
        add permit text,
        -- Master ids of the entities that its mapping used: entity|id.
        add uses text[],
        -- Day in Europe/Paris on which it was suspended in the target, until its grace is over.
        add suspended_on date,
        -- What would have been done, where the connector observes or a guard holds it: create, change, suspend, delete.
        add held text,
        add held_changes text[],
        -- Parked entities: cause in a form that is the same for all of its kind, reference for a support ticket, dismissal.
        add fingerprint text,
        add ticket text,
        add parked_at timestamptz,
        add dismissal jsonb;
      drop index ledger_trouble;
      create index ledger_trouble on ledger (entity, status, id) where status in ('parked', 'dismissed', 'waiting', 'held', 'observed', 'suspended');
      create index ledger_pending on ledger (entity, pending_since) where pending_since is not null;
      create unique index ledger_ticket on ledger (ticket) where ticket is not null;
      create index ledger_fingerprint on ledger (fingerprint) where fingerprint is not null;
      create index ledger_job on ledger (job) where job is not null;

      -- States and rows of ordinary size stay in their tuples, uncompressed: scans read hundreds of thousands of them.
      alter table state set (toast_tuple_target = 8160);
      alter table ledger set (toast_tuple_target = 8160);

      -- Who used whom in a mapping: when the used one changes in the target, the user is mapped again.
      create table reference_use (
        entity text not null,
        id uuid not null,
        used_entity text not null,
        used_id uuid not null,
        primary key (used_entity, used_id, entity, id)
      );
      create index reference_use_user on reference_use (entity, id);

      -- Used entities that have changed and whose users are being made due, in the order of their ids.
      create table ripple (
        entity text not null,
        id uuid not null,
        after_entity text not null default '',
        after_id uuid not null default '00000000-0000-0000-0000-000000000000',
        primary key (entity, id)
      );

      -- Version of the mapping under which the whole population was last mapped.
      create table projection (
        entity text primary key,
        version text not null
      );

      create table job (
        id uuid primary key,
        -- resync or remap.
        kind text not null,
        -- trust the ledger, or verify by reading the target.
        mode text not null,
        scope jsonb not null,
        status text not null,
        -- Execute when planned, without asking.
        automatic boolean not null,
        -- The approved plan from which what is found now may not have drifted too far.
        plan uuid,
        idempotency_key text unique,
        author text not null,
        reason text,
        rate integer,
        hours jsonb,
        drift_percent float8 not null,
        override jsonb,
        -- Where planning has come to: entity, then id.
        cursor_entity text,
        cursor_id uuid,
        scanned integer not null default 0,
        -- Entities in the scope, where they have been counted.
        total integer,
        plan_hash text,
        -- What a paused job goes on with: planning or running.
        paused_from text,
        failure text,
        requested_at timestamptz not null default now(),
        planned_at timestamptz,
        started_at timestamptz,
        ended_at timestamptz,
        leased_by text,
        leased_until timestamptz
      );
      create index job_active on job (requested_at) where ended_at is null;

      -- What a job has to do: entities that differ only.
      create table job_item (
        job uuid not null references job (id) on delete cascade,
        entity text not null,
        id uuid not null,
        -- create, change, suspend, delete, retry.
        action text not null,
        changed text[] not null,
        fed boolean not null default false,
        outcome text,
        ended_at timestamptz,
        primary key (job, entity, id)
      );
      create index job_item_unfed on job_item (job, entity, id) where not fed;
      create index job_item_open on job_item (job) where outcome is null;

      -- Budgets set by operators in the place of the ordinary ones.
      create table budget (
        entity text not null,
        action text not null,
        -- A cause, or * for all that have none of their own.
        cause text not null,
        absolute integer,
        percent float8,
        primary key (entity, action, cause)
      );
      create table campaign (
        id uuid primary key,
        name text not null,
        owner text not null,
        entity text not null,
        action text not null,
        cause text not null,
        absolute integer,
        percent float8,
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        ended_by text
      );
      create table guard_use (
        entity text not null,
        action text not null,
        cause text not null,
        minute timestamptz not null,
        count integer not null,
        primary key (entity, action, cause, minute)
      );

      -- One row: what operators have switched.
      create table control (
        one boolean primary key default true check (one),
        enabled boolean not null default true,
        observe boolean not null default false,
        pause jsonb,
        maintenance jsonb not null default '[]'
      );
      insert into control default values;

      -- What operators did: appended, never changed.
      create table operation (
        n bigserial primary key,
        at timestamptz not null default now(),
        author text not null,
        action text not null,
        reason text,
        detail jsonb
      );

      -- Delivery reports on their way to Kafka, one row per batch of work.
      create table report (
        n bigserial primary key,
        reports jsonb not null
      );

      -- The incarnation of each topic that this connector reads.
      create table topic_incarnation (
        topic text primary key,
        incarnation text not null,
        found text
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table topic_incarnation, report, operation, control, guard_use, campaign, budget, job_item, job, projection, ripple, reference_use;
      drop index ledger_job, ledger_fingerprint, ledger_ticket, ledger_pending, ledger_trouble;
      alter table ledger drop cause, drop pending_since, drop due_day, drop etag, drop row_hash, drop job, drop permit, drop uses, drop suspended_on, drop held,
        drop held_changes, drop fingerprint, drop ticket, drop parked_at, drop dismissal;
      create index ledger_trouble on ledger (entity, status, id) where status in ('parked', 'waiting');
      alter table state drop changed_at;
      alter table state reset (toast_tuple_target);
      alter table ledger reset (toast_tuple_target);
    `);
  }
}
