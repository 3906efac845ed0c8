import { Inject, Injectable } from '@nestjs/common';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import type { ReferentialDefinition } from '../definition.js';
import { provenance, type Choice, type SourceView } from '../golden/golden.js';
import { claimsOf, keyOf } from '../golden/identifiers.js';
import { Ingestion } from '../ingest/ingestion.js';
import type { Attributes } from '../tables.js';
import { overridesOn } from '../tasks/decision.sql.js';
import { DEFINITION } from '../tokens.js';
import { difference, type PartChange } from './difference.js';
import { readAsOf, readHistory, type PastRevision } from './history.sql.js';

/** A revision as it is told: what made it, and the parts that it changed. */
export type RevisionView = Omit<PastRevision, 'state'> & { readonly changed: readonly string[] };

/** What a source says of a record now. */
export interface SourceStatement extends SourceView {
  readonly version: number | null;
  readonly receivedAt: Date;
  /** Why it is linked. */
  readonly evidence: string;
  /** Attributes that it said before and is silent about now. */
  readonly silent: readonly string[] | null;
}

/** The past of records, and where their present comes from. */
@Injectable()
export class HistoryService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) private readonly definition: ReferentialDefinition,
    @Inject(Ingestion) private readonly ingestion: Ingestion,
  ) {}

  /** Revisions below one of them, newest first. */
  async history(
    id: string,
    below: number | null,
    limit: number,
  ): Promise<{ items: RevisionView[]; next: string | null }> {
    // One more tells what the last one changed.
    const revisions = await readHistory(this.dataSource, id, below, limit + 1);
    if (revisions.length === 0 && below === null) throw this.unknown(id);
    const items = revisions.slice(0, limit).map(({ state, ...revision }, index) => ({
      ...revision,
      changed: difference(revisions[index + 1]?.state ?? {}, state).map(({ part }) => part),
    }));
    return { items, next: revisions.length > limit ? String(items.at(-1)?.revision) : null };
  }

  /** What became different in a record between two instants. */
  async difference(
    id: string,
    from: Date,
    to: Date,
  ): Promise<{ from: number | null; to: number; changes: PartChange[] }> {
    const [before, after] = await Promise.all([readAsOf(this.dataSource, id, from), readAsOf(this.dataSource, id, to)]);
    if (!after) throw this.unknown(id);
    return {
      from: before?.revision ?? null,
      to: after.revision,
      changes: difference(
        { ...before?.state, ...(before && { status: before.status }) },
        { ...after.state, status: after.status },
      ),
    };
  }

  /** What each source says of a record now. */
  async sources(id: string): Promise<SourceStatement[]> {
    const said = (await this.dataSource.query(
      `select s.source, s.source_id as "sourceId", s.version::float8 as version, s.business_date as "businessDate",
              s.received_at as "receivedAt", l.evidence, s.silent, s.payload
         from link l join source_record s on s.id = l.source_record_id where l.record_id = $1 order by s.source, s.source_id`,
      [id],
    )) as SourceStatement[];
    if (said.length === 0) throw this.unknown(id);
    return said;
  }

  /** Which source and rule gave each part of a record, and since when the source says so. */
  async provenance(id: string): Promise<(Choice & { readonly since: Date | string | null })[]> {
    const said = await this.sources(id);
    const overrides = await overridesOn(this.dataSource, [id]);
    const contested = await this.contested(id, said);
    const since = new Map(said.map((one) => [`${one.source}:${one.sourceId}`, one.businessDate ?? one.receivedAt]));
    return provenance(said, this.ingestion.rules(), { overrides, contested }).map((choice) => ({
      ...choice,
      since: since.get(`${choice.source}:${choice.sourceId}`) ?? null,
    }));
  }

  /** What the sources of a record claim to be called and it does not hold. */
  private async contested(id: string, said: readonly { payload: Attributes }[]): Promise<Set<string>> {
    const held = (await this.dataSource.query(`select scheme, value from identifier where record_id = $1`, [id])) as {
      scheme: string;
      value: string;
    }[];
    const mine = new Set(held.map(keyOf));
    return new Set(said.flatMap(({ payload }) => claimsOf(payload).map(keyOf)).filter((key) => !mine.has(key)));
  }

  private unknown(id: string): ProblemError {
    return new ProblemError('not-found', `there is no ${this.definition.entity} ${id}`);
  }
}
