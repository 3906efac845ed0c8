import type { Cause } from '@myelin/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { decide, keyOf, RecordMoved, recordOf, settled, type KnownSource, type Write } from './decide.js';
import { independent, type Ingested, type SourceFact } from './fact.js';
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
  for (let waiting = facts; waiting.length > 0; waiting = waiting.filter((fact) => !outcomes.has(fact))) {
    const round = await contended(() =>
      withStaging(dataSource, (runner) => ingestRound(runner, source, waiting, cause)),
    );
    for (const [fact, outcome] of round) outcomes.set(fact, outcome);
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

/**
 * One round inside the caller's transaction: decides and writes the facts that wait for no other, and answers those.
 * What a source repeats or what is stale locks nothing and is answered at once.
 */
async function ingestRound(
  runner: QueryRunner,
  source: string,
  facts: readonly SourceFact[],
  cause: Cause,
): Promise<Map<SourceFact, Ingested>> {
  const results = new Map<SourceFact, Ingested>();
  const bySourceId = await findKnown(
    runner,
    source,
    facts.map(({ sourceId }) => sourceId),
  );
  const raised = new Map<string, number>();
  const raise = (known: KnownSource, { version }: SourceFact) => {
    if (version === null || version <= (known.version ?? -1)) return;
    raised.set(known.id, version);
    bySourceId.set(known.sourceId, { ...known, version });
  };
  const moving = new Set<string>();
  const open = facts.filter((fact) => {
    const known = bySourceId.get(fact.sourceId);
    const outcome = moving.has(fact.sourceId) ? undefined : settled(fact, known);
    if (!known || !outcome) {
      moving.add(fact.sourceId);
      return true;
    }
    if (outcome === 'unchanged') raise(known, fact);
    results.set(fact, { outcome, recordId: known.recordId, revision: known.revision });
    return false;
  });
  const holders = await findHolders(
    runner,
    open.flatMap(({ claims }) => claims),
  );
  const ready = independent(open, ({ sourceId, claims }) => {
    const linked = bySourceId.get(sourceId);
    const held = claims.flatMap((one) => holders.get(keyOf(one)) ?? []);
    return linked ? [linked.recordId, ...held] : held;
  });
  const touched = new Set(ready.flatMap((fact) => recordOf(fact, { bySourceId, holders })));
  const records = await lockRecords(runner, [...touched]);

  const writes: Write[] = [];
  for (const fact of ready) {
    const decision = decide(fact, { source, bySourceId, holders, records });
    if ('outcome' in decision) {
      const known = bySourceId.get(fact.sourceId);
      // Another writer was quicker with the same words.
      if (decision.outcome === 'unchanged' && known) raise(known, fact);
      results.set(fact, decision);
      continue;
    }
    writes.push(decision);
    const { recordId, revision } = decision;
    results.set(fact, { outcome: decision.mode === 'create' ? 'created' : 'updated', recordId, revision });
  }
  await raiseVersions(runner, raised);
  if (writes.length > 0) {
    await mergeStaged(await stage(runner, writes), writes, source, cause, new Date());
  }
  return results;
}
