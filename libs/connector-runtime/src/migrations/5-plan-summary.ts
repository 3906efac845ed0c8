import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a plan leaves alone although it is not as it should be, and some of the entities that it has something to do for. */
export class PlanSummary1764300000000 implements MigrationInterface {
  name = 'PlanSummary1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table job
        -- How many entities of the scope are waiting, skipped or dismissed and stay so.
        add apart jsonb,
        -- Some entities for each action.
        add samples jsonb;
      -- Counted with every plan.
      create index ledger_apart on ledger (entity, status, id) where status in ('waiting', 'skipped', 'dismissed');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop index ledger_apart;
      alter table job drop apart, drop samples;
    `);
  }
}
