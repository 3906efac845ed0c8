import { Readable } from 'node:stream';

/** A record of an import: the fields of the pivot document beside the id that the source gives it. */
export interface ImportRecord {
  sourceId: string;
  /** Of two versions of a record the higher one wins; absent = the later one. */
  version?: number;
  document: object;
}

/** Size of the pieces of text that go down the stream. */
const CHUNK = 64 * 1024;

/** One line of the import format: `{"sourceId": "…", …pivot fields}` and a line feed. */
export function ndjsonLine({ sourceId, version, document }: ImportRecord): string {
  return `${JSON.stringify({ sourceId, ...(version !== undefined && { version }), ...document })}\n`;
}

/** Records as the body of an import (`format=ndjson`); the next ones are made only when the reader asks for more. */
export function ndjson(records: Iterable<ImportRecord>, { chunk = CHUNK } = {}): Readable {
  // Readable.from pulls one piece at a time and counts pieces, not bytes: two of them wait at most.
  return Readable.from(pieces(records, chunk), { highWaterMark: 2 });
}

function* pieces(records: Iterable<ImportRecord>, chunk: number): Generator<string> {
  let piece = '';
  for (const record of records) {
    piece += ndjsonLine(record);
    if (piece.length < chunk) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
