import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Counts the entities of a job as they come and go: to ask how far it is costs the same for ten and for a million. */
export class JobTally1764200000000 implements MigrationInterface {
  name = 'JobTally1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- How many entities of a job need which action and have which outcome; open: none yet.
      create table job_tally (
        job uuid not null references job (id) on delete cascade,
        entity text not null,
        action text not null,
        outcome text not null,
        count integer not null,
        primary key (job, entity, action, outcome)
      );
      insert into job_tally
      select job, entity, action, coalesce(outcome, 'open'), count(*) from job_item group by 1, 2, 3, 4;

      create function tally_job_items() returns trigger language plpgsql as $$
      begin
        if tg_op = 'INSERT' then
          insert into job_tally as t
          select job, entity, action, coalesce(outcome, 'open'), count(*) from now_so group by 1, 2, 3, 4
          on conflict (job, entity, action, outcome) do update set count = t.count + excluded.count;
        else
          insert into job_tally as t
          select job, entity, action, coalesce(outcome, 'open'), sum(change)
            from (select *, 1 as change from now_so union all select *, -1 from before_so) as changes
           group by 1, 2, 3, 4 having sum(change) <> 0
          on conflict (job, entity, action, outcome) do update set count = t.count + excluded.count;
        end if;
        return null;
      end $$;
      create trigger tally_new after insert on job_item
        referencing new table as now_so for each statement execute function tally_job_items();
      create trigger tally_changed after update on job_item
        referencing old table as before_so new table as now_so for each statement execute function tally_job_items();

      -- What was done lately, for the rate of a job.
      create index job_item_ended on job_item (job, ended_at) where ended_at is not null;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop index job_item_ended;
      drop trigger tally_new on job_item;
      drop trigger tally_changed on job_item;
      drop function tally_job_items;
      drop table job_tally;
    `);
  }
}
