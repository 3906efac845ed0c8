import { Inject, Injectable } from '@nestjs/common';
import type { Cause } from '@myelin/contracts';
import { briefly, LOGGER, ProblemError, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { settled } from '../ingest/decide.js';
import type { ReferentialDefinition } from '../definition.js';
import type { SourceFact } from '../ingest/fact.js';
import { ImportReader, storable, type Chunk, type ImportFormat, type LineFact } from '../bulk/import-reader.js';
import { contended } from '../ingest/ingest.js';
import { Ingestion } from '../ingest/ingestion.js';
import {
  findRun,
  finish,
  forgetSeen,
  knownHere,
  readFindings,
  saveFindings,
  saveSeen,
  type FoundAtSource,
  type KnownHere,
  type SourceRun,
} from './reconcile.sql.js';
import { checkSource } from '../record/record.service.js';
import { setStatus } from '../record/record.sql.js';
import { DEFINITION, RELAY_SIGNAL, type RelaySignal } from '../tokens.js';

const PAGE = 1000;

/** A comparison that is under way. */
interface Comparison {
  readonly id: string;
  readonly source: string;
  readonly repair: boolean;
  readonly cause: Cause;
}

/**
 * Compares all that a source has with what is known of it here, chunk by chunk as its file comes. A repair takes in what is missing
 * or different as every load does, and reactivates what the source still has; what the source no longer has is only told.
 */
@Injectable()
export class ReconcileService {
  private readonly reader: ImportReader;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) { entity }: ReferentialDefinition,
    @Inject(Ingestion) private readonly ingestion: Ingestion,
    @Inject(RELAY_SIGNAL) private readonly relay: RelaySignal,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.reader = new ImportReader(entity);
  }

  /** Reads the whole file and answers the finished run. */
  async run(
    { source, repair, cause }: Omit<Comparison, 'id'>,
    format: ImportFormat,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<SourceRun> {
    checkSource(source);
    const comparison: Comparison = { id: uuidv7(), source, repair, cause };
    const { id } = comparison;
    await this.dataSource.query(
      `insert into reconciliation (id, source, repair, status, started_at) values ($1, $2, $3, 'running', now())`,
      [id, source, repair],
    );
    try {
      await this.reader.read(format, bytes, (chunk) => this.compare(comparison, chunk));
      await finish(this.dataSource, id, source);
    } catch (error) {
      await this.giveUp(comparison, error);
      throw error;
    }
    const run = await this.find(id);
    this.logger.info(
      { run: id, source, repair, ...run.counts, correlationId: cause.correlationId },
      'source reconciled',
    );
    return run;
  }

  async find(id: string): Promise<SourceRun> {
    const run = await findRun(this.dataSource, id);
    if (!run) throw new ProblemError('not-found', `there is no reconciliation ${id}`);
    return run;
  }

  /** All that a run has found, in the order of the file, then what the file does not have. */
  async *findings(id: string): AsyncGenerator<FoundAtSource> {
    for (let after = '0'; ;) {
      const page = await readFindings(this.dataSource, id, after, PAGE);
      for (const { n, ...finding } of page) {
        yield finding;
        after = n;
      }
      if (page.length < PAGE) return;
    }
  }

  private async compare(comparison: Comparison, { facts, rejections }: Chunk): Promise<void> {
    const { id, source, repair } = comparison;
    const refused = rejections.map(({ field, message, ...one }): FoundAtSource => ({
      ...told(one, 'refused'),
      ...{ field: storable(field), reason: storable(message) },
    }));
    await saveSeen(
      this.dataSource,
      id,
      [...facts, ...refused].flatMap(({ sourceId }) => sourceId ?? []),
    );
    const known = await knownHere(
      this.dataSource,
      source,
      facts.map(({ sourceId }) => sourceId),
    );
    const found = facts.flatMap((fact) => {
      const finding = findingOf(fact, known.get(fact.sourceId));
      return finding ? [{ fact, finding }] : [];
    });
    const findings = repair ? await this.repair(comparison, found) : found.map(({ finding }) => finding);
    await saveFindings(this.dataSource, id, [...findings, ...refused]);
  }

  private async repair(
    { source, cause }: Comparison,
    found: readonly { readonly fact: SourceFact; readonly finding: FoundAtSource }[],
  ): Promise<FoundAtSource[]> {
    const results = await this.ingestion.take(
      source,
      found.map(({ fact }) => fact),
      cause,
    );
    const repaired: FoundAtSource[] = [];
    for (const [index, { finding }] of found.entries()) {
      const result = results[index]!;
      if (result.outcome === 'rejected') {
        const [fault] = result.faults;
        repaired.push({ ...finding, outcome: 'refused', field: fault?.field ?? '', reason: fault?.message ?? '' });
        continue;
      }
      if (result.outcome === 'suspected') {
        repaired.push({ ...finding, outcome: 'suspected' });
        continue;
      }
      const { recordId } = result;
      if (finding.finding === 'inactive') await contended(() => setStatus(this.dataSource, recordId, true, cause));
      repaired.push({ ...finding, recordId, outcome: finding.finding === 'inactive' ? 'reactivated' : result.outcome });
    }
    this.relay.wake();
    return repaired;
  }

  private async giveUp({ id, source, cause: { correlationId } }: Comparison, error: unknown): Promise<void> {
    const failure = error instanceof ProblemError ? error.message : 'the file was not read to its end';
    this.logger.warn({ run: id, source, err: briefly(error), correlationId }, 'reconciliation failed');
    try {
      await this.dataSource.query(
        `update reconciliation set status = 'failed', failure = $2, ended_at = now() where id = $1`,
        [id, failure],
      );
      await forgetSeen(this.dataSource, id);
    } catch {
      // What has failed is told already.
    }
  }
}

/** How a record of the source differs from what is known of it; undefined when it does not. */
function findingOf(fact: LineFact, known: KnownHere | undefined): FoundAtSource | undefined {
  if (!known) return told(fact, 'missing');
  const { recordId, status } = known;
  if (status === null) return settled(fact, known) ? told(fact, 'suspected') : told(fact, 'different');
  if (status !== 'active') return { ...told(fact, 'inactive'), recordId };
  return settled(fact, known) ? undefined : { ...told(fact, 'different'), recordId };
}

const told = (
  { sourceId, line }: Pick<FoundAtSource, 'sourceId' | 'line'>,
  finding: FoundAtSource['finding'],
): FoundAtSource => ({ sourceId, line, finding, recordId: null, outcome: null, field: null, reason: null });
