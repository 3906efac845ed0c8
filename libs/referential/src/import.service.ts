import { Inject, Injectable } from '@nestjs/common';
import { pivotValidator, type Cause, type FieldFault, type Validator } from '@myelin/contracts';
import { briefly, LOGGER, ProblemError, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { unfit } from './canonical.js';
import type { ReferentialDefinition } from './definition.js';
import { fact, type SourceFact } from './fact.js';
import { csvLines } from './import-csv.js';
import { ndjsonLines, type ImportLine } from './import-lines.js';
import { ingest } from './ingest.js';
import { checkSource } from './record.service.js';
import { ImportRejection, ImportRun } from './tables.js';
import { DEFINITION, RELAY_SIGNAL, type RelaySignal } from './tokens.js';

/** Facts written in one transaction: large enough for set-based work, small enough to keep memory flat. */
const CHUNK = 250;

export const IMPORT_FORMATS = ['ndjson', 'csv'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

type LineFact = SourceFact & { readonly line: number };
type Rejection = { line: number; sourceId: string | null } & FieldFault;
type Counts = Pick<ImportRun, 'created' | 'updated' | 'unchanged' | 'stale' | 'rejected'>;

/** Loads files of source records: streaming, chunk by chunk, good lines taken and bad ones reported. */
@Injectable()
export class ImportService {
  private readonly validators: Record<ImportFormat, Validator>;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) private readonly definition: ReferentialDefinition,
    @Inject(RELAY_SIGNAL) private readonly relay: RelaySignal,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { entity } = definition;
    this.validators = { ndjson: pivotValidator(entity), csv: pivotValidator(entity, { coerce: true }) };
  }

  /** Reads the whole stream and answers the finished run; what was loaded before a failure stays, and may be sent again. */
  async run(source: string, format: ImportFormat, bytes: AsyncIterable<Uint8Array>, cause: Cause): Promise<ImportRun> {
    checkSource(source);
    const id = uuidv7();
    const runs = this.dataSource.getRepository(ImportRun);
    const counts: Counts = { created: 0, updated: 0, unchanged: 0, stale: 0, rejected: 0 };
    await runs.insert({ id, source, format, status: 'running', startedAt: new Date(), ...counts });
    try {
      await this.load(id, source, format, bytes, cause, counts);
      await runs.update({ id }, { ...counts, status: 'done', endedAt: new Date() });
    } catch (error) {
      const failure = error instanceof ProblemError ? error.message : 'the file was not read to its end';
      await runs.update({ id }, { ...counts, status: 'failed', failure, endedAt: new Date() }).catch(() => undefined);
      this.logger.warn(
        { run: id, ...counts, err: briefly(error), correlationId: cause.correlationId },
        'import failed',
      );
      throw error;
    }
    this.logger.info({ run: id, source, format, ...counts, correlationId: cause.correlationId }, 'import done');
    return runs.findOneByOrFail({ id });
  }

  /** The run and the first lines it refused. */
  async read(id: string, after: number, limit: number): Promise<{ run: ImportRun; rejections: ImportRejection[] }> {
    const run = await this.dataSource.getRepository(ImportRun).findOneBy({ id });
    if (!run) throw new ProblemError('not-found', `there is no import ${id}`);
    const rejections = await this.dataSource
      .getRepository(ImportRejection)
      .createQueryBuilder('rejection')
      .where('rejection.runId = :id and rejection.line > :after', { id, after })
      .orderBy('rejection.line')
      .take(limit)
      .getMany();
    return { run, rejections };
  }

  private async load(
    id: string,
    source: string,
    format: ImportFormat,
    bytes: AsyncIterable<Uint8Array>,
    cause: Cause,
    counts: Counts,
  ) {
    const batches = format === 'csv' ? csvLines(this.definition.entity, bytes) : ndjsonLines(bytes);
    // One chunk is written while the next is read and validated.
    let writing: Promise<void> = Promise.resolve();
    let facts: LineFact[] = [];
    let rejections: Rejection[] = [];
    const flush = async () => {
      await writing;
      const [nextFacts, nextRejections] = [facts, rejections];
      [facts, rejections] = [[], []];
      writing = this.write(id, source, nextFacts, nextRejections, cause, counts);
      // Awaited at the next flush; until then a failure must not count as unhandled.
      writing.catch(() => undefined);
    };
    try {
      for await (const batch of batches) {
        for (const line of batch) {
          const checked = this.check(line, this.validators[format]);
          if ('json' in checked) facts.push(checked);
          else rejections.push(checked);
          if (facts.length + rejections.length >= CHUNK) await flush();
        }
      }
      await flush();
      await writing;
    } finally {
      // When the file breaks off, the chunk that is being written still counts.
      await writing.catch(() => undefined);
    }
  }

  private check(line: ImportLine, validate: Validator): LineFact | Rejection {
    if ('fault' in line) return { line: line.line, sourceId: line.sourceId, ...line.fault };
    const fault = unfit(line.document) ?? validate(line.document)[0];
    if (fault) return { line: line.line, sourceId: line.sourceId, ...fault };
    return Object.assign(fact(line.sourceId, line.version, line.document), { line: line.line });
  }

  private async write(
    id: string,
    source: string,
    facts: LineFact[],
    rejections: Rejection[],
    cause: Cause,
    counts: Counts,
  ): Promise<void> {
    const results = await ingest(this.dataSource, source, facts, cause);
    results.forEach((result, index) => {
      const { line, sourceId } = facts[index] as LineFact;
      if (result.outcome === 'rejected') rejections.push({ line, sourceId, ...(result.faults[0] as FieldFault) });
      else counts[result.outcome]++;
    });
    counts.rejected += rejections.length;
    await this.keep(id, rejections);
    this.relay.wake();
  }

  private async keep(id: string, rejections: readonly Rejection[]): Promise<void> {
    if (rejections.length === 0) return;
    await this.dataSource.query(
      `insert into import_rejection (run_id, line, source_id, field, reason)
       select $1, line, source_id, field, reason
         from unnest($2::int[], $3::text[], $4::text[], $5::text[]) as refused (line, source_id, field, reason)
       on conflict do nothing`,
      [
        id,
        rejections.map((r) => r.line),
        rejections.map((r) => r.sourceId),
        rejections.map((r) => storable(r.field)),
        rejections.map((r) => storable(r.message)),
      ],
    );
  }
}

const LONGEST_NAME = 500;

/** The names in a report come from the file: PostgreSQL takes no NUL character, and nobody reads a name of a megabyte. */
const storable = (text: string) => text.replaceAll('\0', '\ufffd').slice(0, LONGEST_NAME).toWellFormed();
