import type { Cause } from '@myelin/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { decide, RecordMoved, recordOf, settled, type Write } from './decide.js';
import { rounds, type Ingested, type SourceFact } from './fact.js';
import { claimsOf } from './golden.js';
import { findHolders, findKnown, lockRecords, mergeStaged, raiseVersions } from './ingest.sql.js';
import { stage, withStaging } from './staging.js';

const ATTEMPTS = 5;

/** SQLSTATEs after which the same work may succeed: somebody else claimed the key first, or a deadlock was broken. */
const CONTENTION = new Set(['23505', '40P01', '40001', '55P03']);

/**
 * Takes in what a source asserts, one fact or thousands by the same way: link, golden state, revision and outbox are written
 * in one transaction per round, or nothing is. Answers one outcome per fact, in order.
 */
export async function ingest(
  dataSource: DataSource,
  source: string,
  facts: readonly SourceFact[],
  cause: Cause,
): Promise<Ingested[]> {
  const outcomes = new Map<SourceFact, Ingested>();
  for (const round of rounds(facts)) {
    const results = await contended(() =>
      withStaging(dataSource, (runner) => ingestRound(runner, source, round, cause)),
    );
    round.forEach((fact, index) => outcomes.set(fact, results[index] as Ingested));
  }
  return facts.map((fact) => outcomes.get(fact) as Ingested);
}

/** Repeats work that lost a race against another writer. */
export async function contended<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const code =
        (error as { code?: string; driverError?: { code?: string } }).driverError?.code ??
        (error as { code?: string }).code;
      const again = error instanceof RecordMoved || (code !== undefined && CONTENTION.has(code));
      if (!again || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * 20 * attempt);
    }
  }
}

/** One round inside the caller's transaction; the facts share neither keys nor identifiers. */
export async function ingestRound(
  runner: QueryRunner,
  source: string,
  facts: readonly SourceFact[],
  cause: Cause,
): Promise<Ingested[]> {
  const bySourceId = await findKnown(
    runner,
    source,
    facts.map(({ sourceId }) => sourceId),
  );
  const open = facts.filter((fact) => settled(fact, bySourceId.get(fact.sourceId)) === undefined);
  const holders = await findHolders(
    runner,
    open.flatMap(({ payload }) => claimsOf(payload)),
  );
  const touched = new Set(open.flatMap((fact) => recordOf(fact, { bySourceId, holders })));
  const records = await lockRecords(runner, [...touched]);

  const writes: Write[] = [];
  const raised: { id: string; version: number }[] = [];
  const results = facts.map((fact): Ingested => {
    const known = bySourceId.get(fact.sourceId);
    const outcome = settled(fact, known);
    if (known && outcome) {
      if (outcome === 'unchanged' && fact.version !== null && fact.version !== known.version)
        raised.push({ id: known.id, version: fact.version });
      return { outcome, recordId: known.recordId, revision: known.revision };
    }
    const decision = decide(fact, { source, bySourceId, holders, records });
    if ('outcome' in decision) return decision;
    if (decision.mode === 'attach' && writes.some((write) => write.recordId === decision.recordId)) {
      return {
        outcome: 'rejected',
        faults: [{ field: 'identifiers', message: 'already belongs to another record of this source' }],
      };
    }
    writes.push(decision);
    return {
      outcome: decision.mode === 'create' ? 'created' : 'updated',
      recordId: decision.recordId,
      revision: decision.revision,
    };
  });
  await raiseVersions(runner, raised);
  if (writes.length > 0) {
    await stage(runner, writes);
    await mergeStaged(runner, source, cause, new Date());
  }
  return results;
}
