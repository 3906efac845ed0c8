import type { Cause, Status } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { NEWEST_DIRTY } from '../ingest/ingest.sql.js';
import { MasterRecord, RecordIdentifier } from '../tables.js';

/** The record that holds an identifier, if there is one. */
export async function findByIdentifier(
  dataSource: DataSource,
  identifier: { scheme: string; value: string },
): Promise<MasterRecord[]> {
  const held = await dataSource
    .getRepository(RecordIdentifier)
    .findOneBy({ scheme: identifier.scheme, value: identifier.value });
  return held ? dataSource.getRepository(MasterRecord).findBy({ id: held.recordId }) : [];
}

/**
 * Makes a record active or inactive, with its revision and outbox row, in one transaction.
 * @returns false when there is no such record.
 */
export function setStatus(dataSource: DataSource, id: string, active: boolean, cause: Cause): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    const at = new Date();
    const [record] = (await manager.query(`select status from record where id = $1 for update`, [id])) as {
      status: Status;
    }[];
    if (!record) return false;
    if (record.status !== (active ? 'inactive' : 'active')) return true;
    const kind = active ? 'reactivated' : 'deactivated';
    await manager.query(`update record set status = $2, revision = revision + 1, updated_at = $3 where id = $1`, [
      id,
      active ? 'active' : 'inactive',
      at,
    ]);
    await manager.query(
      `insert into revision (record_id, revision, kind, status, source, actor, reason, correlation_id, at)
       select id, revision, $2, status, 'hub', $3, $4, $5, $6 from record where id = $1`,
      [id, kind, cause.actor ?? null, cause.reason ?? null, cause.correlationId, at],
    );
    await manager.query(
      `insert into outbox (entity_id, revision, kind, cause, changed_at)
       select id, revision, $2, $3::jsonb, $4 from record where id = $1 ${NEWEST_DIRTY}`,
      [id, kind, JSON.stringify({ ...cause, origin: cause.origin ?? 'hub' }), at],
    );
    return true;
  });
}
