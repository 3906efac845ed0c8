import { Inject, Injectable } from '@nestjs/common';
import { DERIVED, pivotFaults, type Cause, type FieldFault, type MasterFields } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { unfit } from '../ingest/canonical.js';
import { amend, hubSource, KEY_TAKEN } from '../ingest/decide.js';
import type { ReferentialDefinition } from '../definition.js';
import { fact, type Ingested, type SourceFact } from '../ingest/fact.js';
import { HUB } from '../golden/hub.js';
import { claimsOf } from '../golden/identifiers.js';
import { addHolders, contended, write } from '../ingest/ingest.js';
import { findHolders, lockRecords } from '../ingest/ingest.sql.js';
import { Ingestion } from '../ingest/ingestion.js';
import { mergePatch } from './merge-patch.js';
import { numberOf, shortName } from './number.js';
import { DEFINITION, RELAY_SIGNAL, type RelaySignal } from '../tokens.js';
import { listAsOf, readAsOf } from '../history/history.sql.js';
import { countRecords, listRecords, type ListFilter, type Page, type Position } from './list.js';
import { findByIdentifier, setStatus } from './record.sql.js';
import { withStaging } from '../ingest/staging.js';
import { MasterRecord, type Attributes } from '../tables.js';

/** A master record as the API shows it. */
export type RecordView = MasterFields & Attributes & { revision: number };

/** The one way by which the data of a record leave the referential over HTTP; `letter` begins the short names of its records. */
export const present = (
  { id, revision, status, survivor, number, state }: MasterRecord,
  letter: string,
): RecordView => ({
  ...state,
  id,
  number: shortName(letter, Number(number)),
  revision,
  status,
  ...(survivor ? { survivor } : {}),
});

const SOURCE_NAME = /^[a-z][a-z0-9-]{0,40}$/;

/** Refuses a name that cannot be a source, or that is the hub's own. */
export function checkSource(source: string): void {
  if (!SOURCE_NAME.test(source) || source === HUB) {
    throw new ProblemError(
      'invalid-document',
      `"${source}" cannot be a source: lower-case letters, digits and -, not "${HUB}"`,
      {
        errors: [{ field: 'source', message: 'is no name of a source' }],
      },
    );
  }
}

/** Reads and writes of single records; every write goes the same way as a bulk load. */
@Injectable()
export class RecordService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) private readonly definition: ReferentialDefinition,
    @Inject(Ingestion) private readonly ingestion: Ingestion,
    @Inject(RELAY_SIGNAL) private readonly relay: RelaySignal,
  ) {}

  /** A record as it is, or as it was at an instant. */
  async get(id: string, asOf?: Date): Promise<RecordView> {
    const record = asOf
      ? await readAsOf(this.dataSource, id, asOf)
      : await this.dataSource.getRepository(MasterRecord).findOneBy({ id });
    if (!record) throw this.unknown(id);
    return this.present(record);
  }

  /** One page of records, and where it ends. */
  async list(filter: ListFilter, page: Page): Promise<{ items: RecordView[]; last: Position | null }> {
    const { records, last } = await listRecords(this.dataSource, filter, page);
    return { items: records.map(this.present), last };
  }

  count = (filter: ListFilter) => countRecords(this.dataSource, filter);

  /** One page of the records that there were at an instant, by id. */
  async listAsOf(
    asOf: Date,
    { status }: Pick<ListFilter, 'status'>,
    { limit, after }: Page,
  ): Promise<{ items: RecordView[]; last: Position | null }> {
    const records = await listAsOf(this.dataSource, asOf, { limit, after: after?.id, status });
    const last = records.length === limit ? records.at(-1) : undefined;
    return { items: records.map(this.present), last: last ? { value: null, id: last.id } : null };
  }

  /** The record that holds an identifier or has that short name: one, or none. */
  async find(key: { scheme: string; value: string } | { number: string }): Promise<RecordView[]> {
    if ('scheme' in key) return (await findByIdentifier(this.dataSource, key)).map(this.present);
    const number = numberOf(this.definition.letter, key.number);
    if (number === undefined)
      throw new ProblemError('malformed-request', `number must be like ${shortName(this.definition.letter, 1)}`);
    return (await this.dataSource.getRepository(MasterRecord).findBy({ number: String(number) })).map(this.present);
  }

  private present = (record: MasterRecord): RecordView => present(record, this.definition.letter);

  /**
   * Creates a record from what a person entered. `key` is the caller's Idempotency-Key: the same key and document again
   * answer the record that the first call created.
   */
  async create(
    document: unknown,
    key: string | undefined,
    cause: Cause,
  ): Promise<{ record: RecordView; created: boolean }> {
    const entered = fact(key ?? uuidv7(), null, this.valid(document));
    const [result] = await this.ingestion.take(HUB, [entered], cause);
    if (result?.outcome === 'rejected' && result.faults.includes(KEY_TAKEN)) {
      const id = await this.createdBy(entered);
      if (id) return { record: await this.get(id), created: false };
      throw new ProblemError('conflict', 'this Idempotency-Key was used for another document');
    }
    const done = accepted(result);
    if (done.outcome === 'suspected') throw new Error('what is entered in the hub never waits');
    return { record: await this.get(done.recordId), created: done.outcome === 'created' };
  }

  /** Applies a merge patch to the state that the caller saw at `revision`. */
  async patch(id: string, revision: number, patch: unknown, cause: Cause): Promise<RecordView> {
    if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
      throw new ProblemError('invalid-document', 'a merge patch is an object', {
        errors: [{ field: '', message: 'must be an object' }],
      });
    }
    await contended(() => this.patchOnce(id, revision, patch as Attributes, cause));
    this.relay.wake();
    return this.get(id);
  }

  private patchOnce(id: string, revision: number, patch: Attributes, cause: Cause): Promise<void> {
    return withStaging(this.dataSource, async (runner) => {
      const record = (await lockRecords(runner, [id])).get(id);
      if (!record) throw this.unknown(id);
      if (record.revision !== revision) throw mismatch(id, revision, record.revision);
      const wanted = mergePatch(stated(record.state), patch);
      this.valid(wanted);
      const entered = { ...hubSource(record)?.payload };
      for (const name of Object.keys(patch)) entered[name] = wanted[name];
      const holders = await findHolders(runner, claimsOf(entered));
      await addHolders(runner, new Map([[id, record]]), holders);
      const decision = amend(record, fact(id, null, entered), holders, this.ingestion.rules());
      if ('outcome' in decision) accepted(decision);
      else await write(runner, [decision], HUB, cause);
    });
  }

  /** Takes in a whole record from a source; repeating it changes nothing. */
  async assert(
    source: string,
    { sourceId, version, businessDate }: { sourceId: string; version: number | null; businessDate: string | null },
    document: unknown,
    cause: Cause,
  ) {
    checkSource(source);
    const said = fact(sourceId, version, this.valid(document), businessDate);
    const [result] = await this.ingestion.take(source, [said], cause);
    return accepted(result);
  }

  /** Ends or reopens a record; saying so twice changes nothing. */
  async setActive(id: string, active: boolean, cause: Cause): Promise<RecordView> {
    const known = await contended(() => setStatus(this.dataSource, id, active, cause));
    if (!known) throw this.unknown(id);
    this.relay.wake();
    return this.get(id);
  }

  /** The record that was created from this very document under this key, though it may have changed since. */
  private async createdBy({ sourceId, hash }: SourceFact): Promise<string | undefined> {
    const [first] = (await this.dataSource.query(
      `select l.record_id as id, encode(coalesce(v.hash, s.hash), 'hex') as hash from source_record s
         join link l on l.source_record_id = s.id left join source_version v on v.source_record_id = s.id and v.n = 1
        where s.source = $1 and s.source_id = $2`,
      [HUB, sourceId],
    )) as { id: string; hash: string }[];
    return first?.hash === hash ? first.id : undefined;
  }

  private valid(document: unknown): Attributes {
    const fault = unfit(document);
    const errors = fault ? [fault] : pivotFaults(this.definition.entity, document);
    if (errors.length > 0) throw invalid(errors);
    return document as Attributes;
  }

  private unknown(id: string): ProblemError {
    return new ProblemError('not-found', `there is no ${this.definition.entity} ${id}`);
  }
}

/** A state without what follows from its dates. */
function stated(state: Attributes): Attributes {
  const said = { ...state };
  for (const name of DERIVED) delete said[name];
  return said;
}

const invalid = (errors: readonly FieldFault[]) =>
  new ProblemError('invalid-document', `the document breaks the contract in ${errors.length} place(s)`, { errors });

const mismatch = (id: string, seen: number, present: number) =>
  new ProblemError('version-mismatch', `record ${id} is at revision ${present}, not ${seen}: read it again`);

function accepted(result: Ingested | undefined) {
  if (!result) throw new Error('ingest answered nothing');
  if (result.outcome === 'rejected') {
    throw new ProblemError('conflict', 'an identifier of the document belongs to another record', {
      errors: result.faults,
    });
  }
  return result;
}
