import { pivotValidator, type Entity, type FieldFault, type Validator } from '@myelin/contracts';
import { unfit } from '../ingest/canonical.js';
import { fact, type SourceFact } from '../ingest/fact.js';
import { csvLines } from './import-csv.js';
import { ndjsonLines, type ImportLine } from './import-lines.js';

/** Facts handed over together: enough for set-based work, few enough to keep memory flat. */
const CHUNK = 250;

export const IMPORT_FORMATS = ['ndjson', 'csv'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** A good line of a file. */
export type LineFact = SourceFact & { readonly line: number };
/** A line that is refused: its field at fault and why. */
export type Rejection = { line: number; sourceId: string | null } & FieldFault;

const LONGEST_NAME = 500;

/** The names in a report come from the file: PostgreSQL takes no NUL character, and nobody reads a name of a megabyte. */
export const storable = (text: string) => text.replaceAll('\0', '\ufffd').slice(0, LONGEST_NAME).toWellFormed();

/** Some lines of a file. */
export interface Chunk {
  readonly facts: readonly LineFact[];
  readonly rejections: readonly Rejection[];
}

/** Reads files of source records as they come, and holds each line to the contract. */
export class ImportReader {
  private readonly validators: Record<ImportFormat, Validator>;

  constructor(private readonly entity: Entity) {
    this.validators = { ndjson: pivotValidator(entity), csv: pivotValidator(entity, { coerce: true }) };
  }

  /** Hands the lines over chunk by chunk: one is worked on while the next is read and checked. What was handed over is finished, also when the file breaks off. */
  async read(
    format: ImportFormat,
    bytes: AsyncIterable<Uint8Array>,
    work: (chunk: Chunk) => Promise<void>,
  ): Promise<void> {
    let working: Promise<void> = Promise.resolve();
    try {
      for await (const chunk of this.chunks(format, bytes)) {
        await working;
        working = work(chunk);
        // Awaited at the next chunk; until then a failure must not count as unhandled.
        working.catch(() => undefined);
      }
      await working;
    } finally {
      await working.catch(() => undefined);
    }
  }

  private async *chunks(format: ImportFormat, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Chunk> {
    const batches = format === 'csv' ? csvLines(this.entity, bytes) : ndjsonLines(bytes);
    let facts: LineFact[] = [];
    let rejections: Rejection[] = [];
    for await (const batch of batches) {
      for (const line of batch) {
        const checked = this.check(line, this.validators[format]);
        if ('json' in checked) facts.push(checked);
        else rejections.push(checked);
        if (facts.length + rejections.length < CHUNK) continue;
        yield { facts, rejections };
        [facts, rejections] = [[], []];
      }
    }
    yield { facts, rejections };
  }

  private check(line: ImportLine, validate: Validator): LineFact | Rejection {
    if ('fault' in line) return { line: line.line, sourceId: line.sourceId, ...line.fault };
    const fault = unfit(line.document) ?? validate(line.document)[0];
    if (fault) return { line: line.line, sourceId: line.sourceId, ...fault };
    return Object.assign(fact(line.sourceId, line.version, line.document), { line: line.line });
  }
}
