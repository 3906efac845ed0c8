import { compareVersions } from '@myelin/contracts';
import type { LoggedWrite } from './log.js';

/** A record as the referential shows it: `hash` of the row that it maps to, null when it must not be in the target. */
export interface Shown {
  readonly id: string;
  readonly revision: number;
  readonly hash: string | null;
}

/** A state on the topic, in the order of its partition. */
export interface Published extends Shown {
  readonly epoch: number;
  readonly correlationId: string | undefined;
}

export const PROMISES = {
  'older write': 'no write of an older revision is executed after one of a newer revision',
  'double creation': 'a row is created once, and again only after its removal',
  'missing row': 'every active record has its row',
  'stale row': 'every row is the map of the newest revision',
  'orphan row': 'no row stands for a record that must not be there',
  'other request': 'every write names the request that caused the revision it carries out',
  'topic goes back': 'the revisions of a record on the topic never decrease',
  'topic differs': 'the newest state on the topic is the one that the referential shows',
} as const;
/** The promises that may be found broken. */
export type Promised = keyof typeof PROMISES;

export interface Violation {
  readonly broken: Promised;
  readonly id: string;
  /** Versions and request numbers; no value of the record. */
  readonly detail: string;
}

export interface Verdict {
  readonly records: number;
  readonly revisions: number;
  readonly writes: number;
  /** Writes of a revision that had been written to that row already: harmless, and what retries and a repeating network cost. */
  readonly repeated: number;
  /** Writes that the target refused. */
  readonly refused: number;
  readonly violations: readonly Violation[];
}

/**
 * Holds what a target executed against what the referential says, from their outside only: the target's log, the topic from its
 * beginning, and the records over HTTP. Fails when there is no record: nothing would have been proved.
 */
export async function check(
  log: AsyncIterable<LoggedWrite> | Iterable<LoggedWrite>,
  topic: AsyncIterable<Published> | Iterable<Published>,
  records: AsyncIterable<Shown> | Iterable<Shown>,
): Promise<Verdict> {
  const published = await newest(topic);
  const target = await replay(log, published.requests);
  const violations = [...target.violations, ...published.violations];
  const unseen = { rows: new Set(target.rows.keys()), states: new Set(published.states.keys()) };
  let count = 0;
  for await (const { id, revision, hash } of records) {
    count++;
    unseen.rows.delete(id);
    unseen.states.delete(id);
    const state = published.states.get(id);
    if (state?.revision !== revision || state.hash !== hash) {
      const found = state ? `revision ${state.revision}` : 'nothing';
      violations.push({ broken: 'topic differs', id, detail: `${found} for revision ${revision}` });
    }
    const row = target.rows.get(id);
    if (row?.hash === hash || (!row && hash === null)) continue;
    const broken = hash === null ? 'orphan row' : row ? 'stale row' : 'missing row';
    const last = target.last.get(id);
    const detail = `the record is at revision ${revision}, the last write was ${last ? written(last) : 'none'}`;
    violations.push({ broken, id, detail });
  }
  if (count === 0) throw new Error('the referential shows no record: nothing was checked');
  for (const id of unseen.rows)
    violations.push({ broken: 'orphan row', id, detail: 'the referential has no such record' });
  for (const id of unseen.states)
    violations.push({ broken: 'topic differs', id, detail: 'the referential has no such record' });
  const { writes, repeated, refused } = target;
  return { records: count, revisions: published.count, writes, repeated, refused, violations };
}

/** What the rows of the target came to, write by write; `requests` are the correlation ids of the versions. */
async function replay(
  log: AsyncIterable<LoggedWrite> | Iterable<LoggedWrite>,
  requests: ReadonlyMap<string, string | undefined>,
) {
  const rows = new Map<string, { hash: string }>();
  const last = new Map<string, LoggedWrite>();
  const violations: Violation[] = [];
  const counts = { writes: 0, repeated: 0, refused: 0 };
  for await (const write of log) {
    const { id, verb, status, hash, execution } = write;
    // A creation that the network brings once more is refused as it should be; one that the caller repeats would be two rows elsewhere.
    const isDouble = verb === 'PUT' && (status < 400 ? rows.has(id) : status === 409 && execution === 1);
    const before = last.get(id);
    const version = versionOf(write);
    if (requests.has(version) && requests.get(version) !== write.correlationId)
      violations.push({ broken: 'other request', id, detail: written(write) });
    if (isDouble) violations.push({ broken: 'double creation', id, detail: written(write) });
    if (status >= 400) {
      counts.refused++;
      continue;
    }
    counts.writes++;
    const order = before ? compareVersions(write, before) : 1;
    if (order === 0) counts.repeated++;
    if (before && order < 0)
      violations.push({ broken: 'older write', id, detail: `${written(write)} after ${written(before)}` });
    // The newest stays the measure, so that every older write after it is seen.
    if (order >= 0) last.set(id, write);
    if (hash === null) rows.delete(id);
    else rows.set(id, { hash });
  }
  return { rows, last, violations, ...counts };
}

/** The newest state of each record on the topic, and the correlation id of every version. */
async function newest(topic: AsyncIterable<Published> | Iterable<Published>) {
  const states = new Map<string, Published>();
  const requests = new Map<string, string | undefined>();
  const violations: Violation[] = [];
  let count = 0;
  for await (const state of topic) {
    count++;
    const before = states.get(state.id);
    if (before && compareVersions(state, before) < 0) {
      const detail = `revision ${state.revision} of epoch ${state.epoch} after ${before.revision} of ${before.epoch}`;
      violations.push({ broken: 'topic goes back', id: state.id, detail });
    }
    states.set(state.id, state);
    requests.set(versionOf(state), state.correlationId);
  }
  return { states, requests, violations, count };
}

const versionOf = ({ id, epoch, revision }: Pick<Published, 'id' | 'epoch' | 'revision'>) =>
  `${id} ${epoch}.${revision}`;

const written = ({ verb, epoch, revision, request, execution, at }: LoggedWrite) =>
  `${verb} of ${epoch}.${revision} at ${at} (request ${request}${execution > 1 ? `, time ${execution}` : ''})`;
