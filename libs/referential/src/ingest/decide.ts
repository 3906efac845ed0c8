import type { FieldFault, Status } from '@myelin/contracts';
import { v7 as uuidv7 } from 'uuid';
import { canonicalJson } from './canonical.js';
import { type Ingested, type SourceFact } from './fact.js';
import { claimsOf, golden, HUB, union, type IdentifierKey } from '../golden/golden.js';
import type { Attributes } from '../tables.js';

/** A source record that is already linked. */
export interface KnownSource {
  readonly id: string;
  readonly recordId: string;
  /** Revision of the record it is linked to. */
  readonly revision: number;
  readonly source: string;
  readonly sourceId: string;
  readonly version: number | null;
  readonly hash: string;
  readonly payload: Attributes;
}

/** A master record under lock, with all that its sources say in the order in which they were linked. */
export interface LockedRecord {
  readonly id: string;
  readonly revision: number;
  readonly status: Status;
  readonly state: Attributes;
  readonly sources: readonly KnownSource[];
}

/** One row to write: a source record that is new or changed, and what it makes of its master record. */
export interface Write {
  readonly fact: SourceFact;
  readonly recordId: string;
  readonly sourceRecordId: string;
  /** `create`: new record. `attach`: new source record of a known record. `update`: known source record. */
  readonly mode: 'create' | 'attach' | 'update';
  readonly evidence: string;
  /** Null: the golden state is the payload itself. */
  readonly state: Attributes | null;
  /** All that the record's sources claim to call it. Null: the identifiers of the payload. */
  readonly identifiers: readonly IdentifierKey[] | null;
  readonly status: Status;
  readonly revision: number;
  /** False when what the source changed does not show in the golden state. */
  readonly changed: boolean;
}

/** What is known of the world when a round of facts is decided. */
export interface Known {
  readonly source: string;
  readonly bySourceId: ReadonlyMap<string, KnownSource>;
  /** Record that holds an identifier, by `scheme:value`. */
  readonly holders: ReadonlyMap<string, string>;
  readonly records: ReadonlyMap<string, LockedRecord>;
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

/** The record that a fact speaks of: by its key, else by the strong identifiers it shares; null when it is new. */
export function recordOf(fact: SourceFact, known: Pick<Known, 'bySourceId' | 'holders'>): string[] {
  const linked = known.bySourceId.get(fact.sourceId);
  if (linked) return [linked.recordId];
  const holders = fact.claims.flatMap((one) => known.holders.get(keyOf(one)) ?? []);
  return [...new Set(holders)];
}

export const keyOf = ({ scheme, value }: IdentifierKey): string => `${scheme}:${value}`;

/** Decides what becomes of one fact. Pure but for the ids of new records, which are minted here. */
export function decide(fact: SourceFact, known: Known): Ingested | Write {
  const [recordId, ...others] = recordOf(fact, known);
  if (recordId === undefined) return create(fact);
  if (others.length > 0) return rejected(fact, foreignClaims(fact, known, undefined), 'belongs to different records');

  const record = known.records.get(recordId);
  if (!record) throw new RecordMoved();
  const own = record.sources.find((one) => one.source === known.source && one.sourceId === fact.sourceId);
  const outcome = settled(fact, own && newest(own, known.bySourceId.get(fact.sourceId)));
  if (outcome) return { outcome, recordId, revision: record.revision };

  const foreign = foreignClaims(fact, known, recordId);
  if (foreign.length > 0) return rejected(fact, foreign, 'already belongs to another record');
  if (own) {
    // What was entered is changed by `amend` only: another document under its key is a mistake of the caller.
    if (known.source === HUB) return { outcome: 'rejected', faults: [KEY_TAKEN] };
    return change(fact, record, own.id, 'update', '', replace(record.sources, own, fact));
  }
  if (record.sources.some((one) => one.source === known.source)) {
    return rejected(
      fact,
      identifierIndexes(fact, known, (id) => id === recordId),
      'already belongs to another record of this source',
    );
  }
  const shared = fact.claims.find((one) => known.holders.get(keyOf(one)) === recordId);
  const joined = [...record.sources, { source: known.source, payload: fact.payload }];
  return change(fact, record, uuidv7(), 'attach', shared ? keyOf(shared) : 'hub', joined);
}

/** A source record as it stands under lock, with the version that was heard of since, if that is higher. */
const newest = (locked: KnownSource, heard: KnownSource | undefined): KnownSource =>
  (heard?.version ?? -1) > (locked.version ?? -1) ? { ...locked, version: heard?.version ?? null } : locked;

/** Fault of a document that comes under the key of another one that was entered in the hub. */
export const KEY_TAKEN: FieldFault = { field: 'Idempotency-Key', message: 'was used for another document' };

/** What entering `payload` in the hub makes of a record: the hub's own source record is changed, or added. */
export function amend(
  record: LockedRecord,
  entered: SourceFact,
  holders: ReadonlyMap<string, string>,
): Ingested | Write {
  const foreign = entered.claims.flatMap((one, index) =>
    (holders.get(keyOf(one)) ?? record.id) === record.id ? [] : [index],
  );
  if (foreign.length > 0) return rejected(entered, foreign, 'already belongs to another record');
  const own = hubSource(record);
  return own
    ? change(
        { ...entered, sourceId: own.sourceId },
        record,
        own.id,
        'update',
        '',
        replace(record.sources, own, entered),
      )
    : change(entered, record, uuidv7(), 'attach', HUB, [...record.sources, { source: HUB, payload: entered.payload }]);
}

/** What was entered in the hub about a record, if anything was. */
export const hubSource = (record: LockedRecord): KnownSource | undefined =>
  record.sources.find(({ source }) => source === HUB);

/** The world moved between the look-up and the lock: the round is decided again. */
export class RecordMoved extends Error {}

function create(fact: SourceFact): Write {
  return {
    fact,
    recordId: uuidv7(),
    sourceRecordId: uuidv7(),
    mode: 'create',
    evidence: 'new',
    state: null,
    identifiers: fact.claims.some(({ scheme }) => scheme === 'code') ? union([fact.claims]) : null,
    status: 'active',
    revision: 1,
    changed: true,
  };
}

type Views = readonly { source: string; payload: Attributes }[];

function change(
  fact: SourceFact,
  record: LockedRecord,
  id: string,
  mode: 'attach' | 'update',
  evidence: string,
  sources: Views,
): Write {
  const state = golden(sources);
  const changed = canonicalJson(state) !== canonicalJson(record.state);
  return {
    fact,
    recordId: record.id,
    sourceRecordId: id,
    mode,
    evidence,
    state,
    identifiers: union(sources.map(({ payload }) => claimsOf(payload))),
    status: record.status,
    revision: changed ? record.revision + 1 : record.revision,
    changed,
  };
}

const replace = (sources: readonly KnownSource[], own: KnownSource, fact: SourceFact): Views =>
  sources.map((one) => (one === own ? { source: own.source, payload: fact.payload } : one));

const foreignClaims = (fact: SourceFact, known: Known, recordId: string | undefined) =>
  identifierIndexes(fact, known, (holder) => holder !== recordId);

function identifierIndexes(fact: SourceFact, known: Known, wrong: (holder: string) => boolean): number[] {
  return fact.claims.flatMap((one, index) => {
    const holder = known.holders.get(keyOf(one));
    return holder !== undefined && wrong(holder) ? [index] : [];
  });
}

function rejected({ payload }: SourceFact, indexes: readonly number[], message: string): Ingested {
  const identifiers = (payload.identifiers ?? []) as unknown[];
  const faults: FieldFault[] = indexes.map((index) => ({
    field: index < identifiers.length ? `identifiers[${index}].value` : 'code',
    message,
  }));
  return { outcome: 'rejected', faults };
}
