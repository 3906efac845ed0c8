import { Inject, Injectable } from '@nestjs/common';
import type { Cause, FieldFault } from '@myelin/contracts';
import { briefly, LOGGER, ProblemError, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { ReferentialDefinition } from '../definition.js';
import {
  ImportReader,
  storable,
  type Chunk,
  type ImportFormat,
  type LineFact,
  type Rejection,
} from './import-reader.js';
import { Ingestion } from '../ingest/ingestion.js';
import { checkSource } from '../record/record.service.js';
import { ImportRejection, ImportRun } from '../tables.js';
import { DEFINITION } from '../tokens.js';

type Counts = Pick<ImportRun, 'created' | 'updated' | 'unchanged' | 'stale' | 'suspected' | 'rejected'>;

/** Loads files of source records: streaming, chunk by chunk, good lines taken and bad ones reported. */
@Injectable()
export class ImportService {
  private readonly reader: ImportReader;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DEFINITION) { entity }: ReferentialDefinition,
    @Inject(Ingestion) private readonly ingestion: Ingestion,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.reader = new ImportReader(entity);
  }

  /** Reads the whole stream and answers the finished run; what was loaded before a failure stays, and may be sent again. */
  async run(source: string, format: ImportFormat, bytes: AsyncIterable<Uint8Array>, cause: Cause): Promise<ImportRun> {
    checkSource(source);
    const id = uuidv7();
    const runs = this.dataSource.getRepository(ImportRun);
    const counts: Counts = { created: 0, updated: 0, unchanged: 0, stale: 0, suspected: 0, rejected: 0 };
    await runs.insert({ id, source, format, status: 'running', startedAt: new Date(), ...counts });
    try {
      await this.reader.read(format, bytes, (chunk) => this.write(id, source, chunk, cause, counts));
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

  private async write(
    id: string,
    source: string,
    { facts, rejections: refused }: Chunk,
    cause: Cause,
    counts: Counts,
  ): Promise<void> {
    const rejections = [...refused];
    const results = await this.ingestion.take(source, facts, cause);
    results.forEach((result, index) => {
      const { line, sourceId } = facts[index] as LineFact;
      if (result.outcome === 'rejected') rejections.push({ line, sourceId, ...(result.faults[0] as FieldFault) });
      else counts[result.outcome]++;
    });
    counts.rejected += rejections.length;
    await this.keep(id, rejections);
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
