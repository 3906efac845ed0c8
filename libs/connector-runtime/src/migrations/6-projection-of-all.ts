import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A version of the mapping is kept once for a whole population: mapping it again without a difference writes nothing. */
export class ProjectionOfAll1764310000000 implements MigrationInterface {
  name = 'ProjectionOfAll1764310000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Version under which the population is being mapped now; null when it is not.
      alter table projection add next text;
      -- From here on null: that of the population.
      update ledger l set projection = null from projection p where p.entity = l.entity and p.version = l.projection;
      -- Under which version a job of before maps is not known: it begins anew.
      update job set status = 'cancelled' where kind = 'remap' and status in ('planning', 'running', 'paused');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      update ledger l set projection = p.version from projection p
       where p.entity = l.entity and l.projection is null and l.acknowledged_at is not null;
      alter table projection drop next;
    `);
  }
}
