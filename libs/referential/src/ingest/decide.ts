import { identifierScheme, type FieldFault, type Status } from '@myelin/contracts';
import { v7 as uuidv7 } from 'uuid';
import { canonicalJson } from './canonical.js';
import type { Ingested, SourceFact } from './fact.js';
import { effective } from '../golden/effective.js';
import { golden, type Override, type Rules, type SourceView } from '../golden/golden.js';
import { HUB } from '../golden/hub.js';
import { claimsOf, identifiersIn, keyOf, union, type IdentifierKey } from '../golden/identifiers.js';
import { assemble, partsOf } from '../golden/parts.js';
import type { Attributes } from '../tables.js';
import type { TaskDraft } from '../tasks/draft.js';

/** A source record that was heard before. */
export interface KnownSource {
  readonly id: string;
  /** Null: it waits for a steward. */
  readonly recordId: string | null;
  /** Revision of the record it is linked to; 0 without one. */
  readonly revision: number;
  readonly source: string;
  readonly sourceId: string;
  readonly version: number | null;
  readonly businessDate: string | null;
  readonly hash: string;
  readonly payload: Attributes;
}

/** A master record under lock, with all that its sources say. */
export interface LockedRecord {
  readonly id: string;
  readonly revision: number;
  readonly status: Status;
  readonly state: Attributes;
  readonly due: string | null;
  readonly sources: readonly KnownSource[];
  readonly overrides: readonly Override[];
}

/** What is written of a source record. */
export interface SourceWrite {
  readonly id: string;
  readonly fact: SourceFact;
  readonly isNew: boolean;
  /** JSON of what it says now, with what it said before and is silent about. */
  readonly json: string;
  readonly silent: readonly string[];
  /** Why it is linked now; null: its link stays, or it has none. */
  readonly evidence: string | null;
}

/** What is written of a master record. */
export interface RecordWrite {
  readonly id: string;
  readonly isNew: boolean;
  readonly revision: number;
  readonly status: Status;
  /** Null: what its only source says, with `facts`. */
  readonly state: Attributes | null;
  /** What follows from the dates on the day of the decision. */
  readonly facts: Attributes;
  readonly due: string | null;
  /** What it is called, and the source record that says so. Null: the identifiers of what its only source says. */
  readonly identifiers: readonly (IdentifierKey & { readonly by?: string })[] | null;
  /** False when nothing of it shows in the golden state. */
  readonly changed: boolean;
}

/** One thing to write: a source record that is new or changed, what it makes of its master record, and what a person must decide. */
export interface Write {
  readonly source: SourceWrite | null;
  readonly record: RecordWrite | null;
  /** The records and source records whose open tasks these take the place of. */
  readonly subjects: readonly string[];
  readonly tasks: readonly TaskDraft[];
}

/** What stewards have decided about source records: with which records they are to be linked, and with which not. */
export interface Bonds {
  readonly must: ReadonlySet<string>;
  readonly cannot: ReadonlySet<string>;
}

/** What is known of the world when a round of facts is decided. */
export interface Known {
  readonly source: string;
  readonly bySourceId: ReadonlyMap<string, KnownSource>;
  /** Record that holds an identifier, by `scheme:value`. */
  readonly holders: ReadonlyMap<string, string>;
  readonly records: ReadonlyMap<string, LockedRecord>;
  /** By id of a source record that waits. */
  readonly bonds: ReadonlyMap<string, Bonds>;
}

/** True when the fact says nothing new about a known source record: no record needs to be locked for it. */
export function settled(
  fact: SourceFact,
  known: Pick<KnownSource, 'version' | 'hash'> | undefined,
): 'unchanged' | 'stale' | undefined {
  if (!known) return undefined;
  if (fact.version !== null && known.version !== null && fact.version < known.version) return 'stale';
  return fact.hash === known.hash ? 'unchanged' : undefined;
}

/** The records that a fact may speak of: that of its key; else those with whom it shares a strong identifier, save where stewards have decided. */
export function candidates(fact: SourceFact, known: Pick<Known, 'bySourceId' | 'holders' | 'bonds'>): string[] {
  const own = known.bySourceId.get(fact.sourceId);
  if (own?.recordId) return [own.recordId];
  const bonds = own && known.bonds.get(own.id);
  if (bonds && bonds.must.size > 0) return [...bonds.must];
  const holders = fact.claims.flatMap((one) => known.holders.get(keyOf(one)) ?? []);
  return [...new Set(holders)].filter((id) => !bonds?.cannot.has(id));
}

/** Decides what becomes of one fact. Pure but for the ids of new records, which are minted here. */
export function decide(fact: SourceFact, known: Known, rules: Rules): Ingested | Write {
  const own = known.bySourceId.get(fact.sourceId);
  if (own?.recordId) return decideLinked(fact, own, own.recordId, known, rules);
  const [first, ...others] = candidates(fact, known);
  if (first === undefined) return create(fact, own, known, rules);
  const record = others.length === 0 ? recordUnderLock(first, known) : undefined;
  const bound = own !== undefined && known.bonds.get(own.id)?.must.has(first) === true;
  const doubt = record ? (bound ? undefined : contradiction(fact, record, known)) : 'belongs to different records';
  if (doubt === undefined && record) return attach(fact, own, record, known, rules, bound);
  const claimed = claimedBy(fact, known, [first, ...others]);
  // A person who enters a record is there to be asked.
  if (known.source === HUB) return rejected(fact, claimed, doubt ?? '');
  return wait(fact, own, known, [first, ...others]);
}

function decideLinked(
  fact: SourceFact,
  heard: KnownSource,
  recordId: string,
  known: Known,
  rules: Rules,
): Ingested | Write {
  const record = recordUnderLock(recordId, known);
  const own = record.sources.find(({ id }) => id === heard.id);
  if (!own) throw new RecordMoved();
  const outcome = settled(fact, newest(own, heard));
  if (outcome) return { outcome, recordId, revision: record.revision };
  // What was entered is changed by `amend` only: another document under its key is a mistake of the caller.
  if (known.source === HUB) return { outcome: 'rejected', faults: [KEY_TAKEN] };
  return say(fact, own, record, known.holders, rules);
}

function recordUnderLock(id: string, { records }: Known): LockedRecord {
  const record = records.get(id);
  if (!record) throw new RecordMoved();
  return record;
}

/** A source record as it stands under lock, with the version that was heard of since, if that is higher. */
const newest = (locked: KnownSource, heard: KnownSource): KnownSource =>
  (heard.version ?? -1) > (locked.version ?? -1) ? { ...locked, version: heard.version } : locked;

/** Fault of a document that comes under the key of another one that was entered in the hub. */
export const KEY_TAKEN: FieldFault = { field: 'Idempotency-Key', message: 'was used for another document' };

/** What entering `payload` in the hub makes of a record: the hub's own source record is changed, or added. */
export function amend(
  record: LockedRecord,
  entered: SourceFact,
  holders: ReadonlyMap<string, string>,
  rules: Rules,
): Ingested | Write {
  const foreign = entered.claims.flatMap((one, index) =>
    (holders.get(keyOf(one)) ?? record.id) === record.id ? [] : [index],
  );
  if (foreign.length > 0) return rejected(entered, foreign, 'already belongs to another record');
  const own = hubSource(record);
  if (own) return say({ ...entered, sourceId: own.sourceId }, own, record, holders, rules);
  const said = { id: uuidv7(), fact: entered, isNew: true, json: entered.json, silent: [], evidence: HUB };
  return change(record, said, [...record.sources, viewOf(said.id, HUB, entered)], holders, rules);
}

/** What was entered in the hub about a record, if anything was. */
export const hubSource = (record: LockedRecord): KnownSource | undefined =>
  record.sources.find(({ source }) => source === HUB);

/** What becomes of a record without a word of any source: because a date passed, or a decision fell. */
export const review = (record: LockedRecord, holders: ReadonlyMap<string, string>, rules: Rules): Write =>
  change(record, null, record.sources, holders, rules);

/** The world moved between the look-up and the lock: the round is decided again. */
export class RecordMoved extends Error {}

/** Why a fact cannot speak of the record with which it shares an identifier; undefined when it can. */
function contradiction(fact: SourceFact, record: LockedRecord, { source }: Known): string | undefined {
  if (record.sources.some((one) => one.source === source)) return 'already belongs to another record of this source';
  const held = new Map(
    record.sources.flatMap(({ payload }) => claimsOf(payload)).map((one) => [one.scheme, one.value]),
  );
  const differs = fact.claims.some(({ scheme, value }) => {
    const other = held.get(scheme);
    return other !== undefined && other !== value && identifierScheme(scheme)?.single === true;
  });
  return differs ? 'contradicts an identifier of the record that it shares another one with' : undefined;
}

function create(fact: SourceFact, own: KnownSource | undefined, known: Known, rules: Rules): Write {
  const id = uuidv7();
  const { facts, due } = effective(fact.payload, rules.day, rules.roles);
  const denied = fact.claims.filter((one) => known.holders.has(keyOf(one)));
  const state = denied.length > 0 ? { ...withoutIdentifiers(fact.payload, denied), ...facts } : null;
  const plain = denied.length === 0 && !fact.claims.some(({ scheme }) => scheme === 'code');
  return {
    source: saidAnew(fact, own, 'new'),
    record: {
      ...{ id, isNew: true, revision: 1, status: 'active', state, facts, due, changed: true },
      identifiers: plain ? null : union([fact.claims.filter((one) => !denied.includes(one))]),
    },
    subjects: own ? [own.id] : [],
    tasks: denied.map((one) => contest(id, keyOf(one), known.holders)),
  };
}

const contest = (subject: string, key: string, holders: ReadonlyMap<string, string>): TaskDraft => ({
  ...{ kind: 'identifier', subject, key, others: [holders.get(key) as string], detail: {} },
});

const withoutIdentifiers = (payload: Attributes, denied: readonly IdentifierKey[]): Attributes => ({
  ...payload,
  identifiers: identifiersIn(payload).filter((one) => !denied.some((other) => keyOf(other) === keyOf(one))),
});

function attach(
  fact: SourceFact,
  own: KnownSource | undefined,
  record: LockedRecord,
  known: Known,
  rules: Rules,
  bound: boolean,
): Ingested | Write {
  const shared = fact.claims.find((one) => known.holders.get(keyOf(one)) === record.id);
  const said = saidAnew(fact, own, bound ? 'decision' : shared ? keyOf(shared) : HUB);
  return change(record, said, [...record.sources, viewOf(said.id, known.source, fact)], known.holders, rules);
}

/** It is kept without a record until a steward decides. */
function wait(fact: SourceFact, own: KnownSource | undefined, known: Known, records: readonly string[]): Write {
  const source = saidAnew(fact, own, null);
  const fields = claimedBy(fact, known, records).map((index) => fieldOf(fact, index));
  const key = `${known.source}:${fact.sourceId}`;
  return {
    source,
    record: null,
    subjects: [source.id],
    tasks: [
      {
        kind: 'contradiction',
        subject: source.id,
        key,
        others: [...records].sort(),
        detail: { source: known.source, fields },
      },
    ],
  };
}

const saidAnew = (fact: SourceFact, own: KnownSource | undefined, evidence: string | null): SourceWrite => ({
  ...{ id: own?.id ?? uuidv7(), fact, isNew: own === undefined, json: fact.json, silent: [], evidence },
});

/** What becomes of a record when one of its sources says something else. */
function say(
  fact: SourceFact,
  own: KnownSource,
  record: LockedRecord,
  holders: ReadonlyMap<string, string>,
  rules: Rules,
): Ingested | Write {
  const carried = own.source === HUB ? {} : heldOver(own, fact.payload, rules);
  const silent = Object.keys(carried);
  const payload = silent.length === 0 ? fact.payload : { ...fact.payload, ...carried };
  const codeTaken = fact.claims.findIndex(
    (one) => one.scheme === 'code' && (holders.get(keyOf(one)) ?? record.id) !== record.id,
  );
  if (codeTaken >= 0) return rejected(fact, [codeTaken], 'already belongs to another record');
  const json = silent.length === 0 ? fact.json : canonicalJson(payload);
  const said: SourceWrite = { id: own.id, fact, isNew: false, json, silent, evidence: null };
  const view: View = { ...viewOf(own.id, own.source, fact), payload };
  const views = record.sources.map((one): View => (one.id === own.id ? view : one));
  return change(record, said, views, holders, rules);
}

/** What a source said before and is silent about now: silence erases only what the source owns. */
function heldOver(own: KnownSource, now: Attributes, { survivorship }: Rules): Attributes {
  const kept: Attributes = {};
  for (const [name, value] of Object.entries(own.payload)) {
    if (name in now) continue;
    const parts = partsOf(name, value);
    const owns = (part: string) => survivorship.owns(own.source, part);
    if (parts.length === 0 ? !owns(name) : parts.every((part) => !owns(part))) kept[name] = value;
    else {
      const rest = assemble(name, [{ value, gives: (part) => !owns(part) }]);
      if (rest !== undefined) kept[name] = rest;
    }
  }
  return kept;
}

/** What a source record says. */
type View = SourceView & { readonly id: string };

const viewOf = (id: string, source: string, { sourceId, businessDate, payload }: SourceFact): View => ({
  ...{ id, source, sourceId, businessDate, payload },
});

function change(
  record: LockedRecord,
  source: SourceWrite | null,
  views: readonly View[],
  holders: ReadonlyMap<string, string>,
  rules: Rules,
): Write {
  const claims = union(views.map(({ payload }) => claimsOf(payload)));
  const givers = new Map(
    views.toReversed().flatMap(({ id, payload }) => claimsOf(payload).map((one) => [keyOf(one), id] as const)),
  );
  const contested = new Set(claims.map(keyOf).filter((key) => (holders.get(key) ?? record.id) !== record.id));
  const { overrides } = record;
  const { state, due, ties } =
    views.length === 0 ? { state: record.state, due: null, ties: [] } : golden(views, rules, { overrides, contested });
  const changed = canonicalJson(state) !== canonicalJson(record.state);
  return {
    source,
    record: {
      ...{ id: record.id, isNew: false, status: record.status, state, facts: {}, due, changed },
      revision: changed ? record.revision + 1 : record.revision,
      identifiers: claimsOf(state).map((one) => ({ scheme: one.scheme, value: one.value, by: givers.get(keyOf(one)) })),
    },
    subjects: source?.evidence ? [record.id, source.id] : [record.id],
    tasks: [
      ...ties.map(({ part, sources }): TaskDraft => ({
        ...{ kind: 'tie', subject: record.id, key: part, others: [], detail: { sources } },
      })),
      ...[...contested].sort().map((key) => contest(record.id, key, holders)),
    ],
  };
}

/** Places among the claims of a fact of those that one of these records holds. */
const claimedBy = (fact: SourceFact, { holders }: Known, records: readonly string[]): number[] =>
  fact.claims.flatMap((one, index) => (records.includes(holders.get(keyOf(one)) ?? '') ? [index] : []));

const fieldOf = ({ payload }: SourceFact, index: number): string =>
  index < identifiersIn(payload).length ? `identifiers[${index}].value` : 'code';

const rejected = (fact: SourceFact, indexes: readonly number[], message: string): Ingested => ({
  outcome: 'rejected',
  faults: indexes.map((index) => ({ field: fieldOf(fact, index), message })),
});
