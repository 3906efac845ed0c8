import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a referential must remember to recover from a lost topic and from a restored database. */
export class Recovery1764200000000 implements MigrationInterface {
  name = 'Recovery1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table referential
        -- Of the topic, in every message; another one after the topic was lost.
        add incarnation uuid,
        -- How far each partition reaches, as far as the relay has recorded it.
        add ends bigint[] not null default '{}',
        -- Set until everything is published anew on a topic that was lost.
        add topic_lost_at timestamptz;
      alter table referential set (fillfactor = 50);

      -- What stands on the topic and is no record here, since this database was restored to an earlier point.
      create table unknown_record (
        id uuid primary key,
        epoch integer not null,
        revision integer not null,
        time timestamptz not null,
        -- The whole message: master fields and attributes.
        document jsonb not null
      );

      -- What operators did: appended, never changed.
      create table operation (
        n bigserial primary key,
        at timestamptz not null default now(),
        author text not null,
        action text not null,
        reason text not null,
        detail jsonb not null
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table operation, unknown_record;
      alter table referential drop incarnation, drop ends, drop topic_lost_at;
    `);
  }
}
