import { kept } from '@myelin/platform';
import type { EntityManager } from 'typeorm';

/**
 * Taken by every transaction that changes many ledger rows: they run one after the other, so that none deadlocks with
 * another, and a wait or a use that is registered in one is seen by whoever brings what it names in the next.
 */
export const lockLedger = (manager: EntityManager) =>
  manager.query(kept(`select pg_advisory_xact_lock(hashtext('myelin ledger'))`, 1));

/**
 * What is done in this transaction may be lost if PostgreSQL crashes within the next half second: its commit does not wait
 * for the disk. Nothing that is durable rests on it, since every commit that waits takes the earlier ones with it.
 */
export const relaxDurability = (manager: EntityManager) => manager.query(`set local synchronous_commit = off`);
