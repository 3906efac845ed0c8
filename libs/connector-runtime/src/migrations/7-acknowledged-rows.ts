import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The rows that the target acknowledged have a table of their own: they are wide, change rarely, and would be copied by every
 * claim and read by every count.
 */
export class AcknowledgedRows1764320000000 implements MigrationInterface {
  name = 'AcknowledgedRows1764320000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table acknowledged_row (
        entity text not null,
        id uuid not null,
        -- As the connector made it: nobody looks into it here.
        row json not null,
        primary key (entity, id)
      ) with (toast_tuple_target = 8160);
      insert into acknowledged_row (entity, id, row) select entity, id, target_row from ledger where target_row is not null;
      alter table ledger drop target_row;
      alter table ledger reset (toast_tuple_target);
      -- Gives back the room that the rows took.
      cluster ledger using ledger_pkey;
      alter table ledger set without cluster;
      -- What the target could not hold is asked for by page.
      create index ledger_unrepresentable on ledger (entity, id) where unrepresentable is not null;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop index ledger_unrepresentable;
      alter table ledger add target_row jsonb;
      alter table ledger set (toast_tuple_target = 8160);
      update ledger l set target_row = a.row::jsonb from acknowledged_row a where a.entity = l.entity and a.id = l.id;
      drop table acknowledged_row;
    `);
  }
}
