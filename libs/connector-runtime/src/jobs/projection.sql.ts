import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { lockLedger } from '../work/lock.sql.js';

/** Versions of the mapping of one population. */
export interface Projection {
  /** Under which it was mapped; null when that is not known. */
  readonly version: string | null;
  /** Under which it is being mapped. */
  readonly next: string | null;
}

/** The versions of a population; one that the target has nothing of is mapped under `version` from the first entity on. */
export async function readProjection(dataSource: DataSource, entity: Entity, version: string): Promise<Projection> {
  await dataSource.query(
    `insert into projection (entity, version)
     select $1, $2 where not exists (select from ledger where entity = $1 and acknowledged_at is not null)
     on conflict (entity) do nothing`,
    [entity, version],
  );
  const [known] = (await dataSource.query(
    `select nullif(version, '') as version, next from projection where entity = $1`,
    [entity],
  )) as Projection[];
  return known ?? { version: null, next: null };
}

/** From here on, whatever is written says under which version it was mapped. */
export const beginProjection = (dataSource: DataSource, entity: Entity, version: string) =>
  dataSource.transaction(async (manager) => {
    await lockLedger(manager);
    await manager.query(
      `insert into projection (entity, version, next) values ($1, '', $2) on conflict (entity) do update set next = excluded.next`,
      [entity, version],
    );
  });

/** All that has not been written meanwhile has been found to be the same under the next version. */
export const endProjections = (dataSource: DataSource, entities: readonly Entity[]) =>
  dataSource.query(
    `update projection set version = next, next = null where entity = any($1::text[]) and next is not null`,
    [entities],
  );
