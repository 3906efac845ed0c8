import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was in a target before the hub is adopted; populations are switched on one by one. */
export class Adoption1764360000000 implements MigrationInterface {
  name = 'Adoption1764360000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table ledger
        -- What stands under its id in the target does not carry the master id: until its first write.
        add adopted boolean not null default false,
        -- Where a difference was only noted: the populations of the person, or the kind of the entity.
        add observed_as text[];
      create index ledger_adopted on ledger (entity, target_id) where adopted;
      create index ledger_observed on ledger using gin (observed_as) with (fastupdate = off) where status = 'observed';
      update ledger l
         set observed_as = case l.entity when 'person'
               then array(select p from unnest('{resource,external,learner}'::text[]) as p
                           where jsonb_typeof(s.state->'roles'->p) = 'array' and s.state->'roles'->p <> '[]')
               else array[l.entity] end
        from state s where s.entity = l.entity and s.id = l.id and l.status = 'observed';

      -- Populations of persons that are written while the rest is observed.
      alter table control add populations jsonb not null default '[]';

      -- Of what is adopted, its id in the target; of a conflict, the records that it may be.
      alter table job_item add target_id text;
      alter table job_stranger add candidates uuid[];

      -- What a target has and may be ours, while an adoption is planned and carried out.
      create table job_match (
        job uuid not null references job (id) on delete cascade,
        entity text not null,
        target_id text not null,
        id uuid not null,
        -- It carries the master id; else identifiers of the record, of these schemes.
        carries boolean not null,
        schemes text[] not null,
        -- Nobody else claims the record, and it claims no other: it can be adopted.
        fits boolean not null default false,
        changed text[] not null,
        -- As it stands there, where it will be adopted.
        row json,
        etag text,
        -- Its login or the like.
        name text,
        primary key (job, entity, target_id, id)
      ) with (toast_tuple_target = 8160);
      create index job_match_id on job_match (job, entity, id);

      -- What in the target may be a record that it does not have: until a person has decided, the record is not created there.
      create table adoption_conflict (
        entity text not null,
        id uuid not null,
        target_id text not null,
        name text,
        -- Of the identifiers that both have.
        schemes text[] not null,
        found_at timestamptz not null default now(),
        -- Who has decided that they are two, and why.
        apart jsonb,
        primary key (entity, id, target_id)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table adoption_conflict, job_match;
      alter table job_stranger drop candidates;
      alter table job_item drop target_id;
      alter table control drop populations;
      drop index ledger_observed, ledger_adopted;
      alter table ledger drop observed_as, drop adopted;
    `);
  }
}
