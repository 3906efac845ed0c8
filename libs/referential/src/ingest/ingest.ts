import type { Cause } from '@myelin/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Rules } from '../golden/golden.js';
import { claimsOf, keyOf } from '../golden/identifiers.js';
import { hearSource } from '../sources/source.sql.js';
import { saveTasks } from '../tasks/task.sql.js';
import { candidates, decide, RecordMoved, settled, type KnownSource, type LockedRecord, type Write } from './decide.js';
import { independent, type Ingested, type SourceFact } from './fact.js';
import { findBonds, findHolders, findKnown, lockRecords, mergeStaged, raiseVersions } from './ingest.sql.js';
import { stage, withStaging } from './staging.js';

const ATTEMPTS = 5;

/** SQLSTATEs after which the same work may succeed: somebody else claimed the key first, or a deadlock was broken. */
const CONTENTION = new Set(['23505', '40P01', '40001', '55P03']);

/** How facts are taken in. */
export interface Intake {
  readonly source: string;
  readonly cause: Cause;
  readonly rules: Rules;
  /** What waits for a steward is decided again, though it says nothing new. */
  readonly reconsider?: boolean;
}

/**
 * Takes in what a source asserts, one fact or thousands by the same way: link, golden state, revision, outbox and tasks are
 * written in one transaction per round, or nothing is. Answers one outcome per fact, in order.
 * @throws ProblemError when the source is retired.
 */
export async function ingest(
  dataSource: DataSource,
  facts: readonly SourceFact[],
  intake: Intake,
): Promise<Ingested[]> {
  const outcomes = new Map<SourceFact, Ingested>();
  for (let waiting = facts; waiting.length > 0; waiting = waiting.filter((fact) => !outcomes.has(fact))) {
    const round = await contended(() => withStaging(dataSource, (runner) => ingestRound(runner, waiting, intake)));
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
  facts: readonly SourceFact[],
  { source, cause, rules, reconsider = false }: Intake,
): Promise<Map<SourceFact, Ingested>> {
  await hearSource(runner, source);
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
    if (!known || !outcome || (known.recordId === null && reconsider)) {
      moving.add(fact.sourceId);
      return true;
    }
    if (outcome === 'unchanged') raise(known, fact);
    const { recordId, revision } = known;
    results.set(fact, recordId === null ? { outcome: 'suspected' } : { outcome, recordId, revision });
    return false;
  });
  const holders = await findHolders(
    runner,
    open.flatMap(({ claims }) => claims),
  );
  const waiting = open.flatMap(({ sourceId }) => {
    const known = bySourceId.get(sourceId);
    return known?.recordId === null ? [known.id] : [];
  });
  const bonds = await findBonds(runner, waiting);
  const ready = independent(open, (fact) => {
    const held = fact.claims.flatMap((one) => holders.get(keyOf(one)) ?? []);
    return [...candidates(fact, { bySourceId, holders, bonds }), ...held];
  });
  const touched = new Set(ready.flatMap((fact) => candidates(fact, { bySourceId, holders, bonds })));
  const records = await lockRecords(runner, [...touched]);
  await addHolders(runner, records, holders);

  const writes: Write[] = [];
  for (const fact of ready) {
    const decision = decide(fact, { source, bySourceId, holders, records, bonds }, rules);
    if ('outcome' in decision) {
      const known = bySourceId.get(fact.sourceId);
      // Another writer was quicker with the same words.
      if (decision.outcome === 'unchanged' && known) raise(known, fact);
      results.set(fact, decision);
      continue;
    }
    writes.push(decision);
    results.set(fact, outcomeOf(decision));
  }
  await raiseVersions(runner, raised);
  await write(runner, writes, source, cause);
  return results;
}

function outcomeOf({ record }: Write): Ingested {
  if (!record) return { outcome: 'suspected' };
  const { id: recordId, revision, isNew } = record;
  return { outcome: isNew ? 'created' : 'updated', recordId, revision };
}

/** Looks up who holds what the sources of these records claim, beside what is known already. */
export async function addHolders(
  runner: QueryRunner,
  records: ReadonlyMap<string, LockedRecord>,
  holders: Map<string, string>,
): Promise<void> {
  const claims = [...records.values()].flatMap(({ sources }) => sources.flatMap(({ payload }) => claimsOf(payload)));
  const unknown = claims.filter((one) => !holders.has(keyOf(one)));
  for (const [key, id] of await findHolders(runner, unknown)) holders.set(key, id);
}

/** Writes what was decided, with the tasks that it leaves. */
export async function write(
  runner: QueryRunner,
  writes: readonly Write[],
  source: string,
  cause: Cause,
): Promise<void> {
  if (writes.length === 0) return;
  await mergeStaged(await stage(runner, writes), writes, source, cause, new Date());
  await saveTasks(runner, writes, cause);
}
