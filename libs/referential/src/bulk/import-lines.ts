import { isUtf8 } from 'node:buffer';
import type { FieldFault } from '@myelin/contracts';
import type { Attributes } from '../tables.js';

/** One line of a file, read as far as it can be. */
export type ImportLine =
  | { readonly line: number; readonly sourceId: string; readonly version: number | null; readonly document: Attributes }
  | { readonly line: number; readonly sourceId: string | null; readonly fault: FieldFault };

/** Longest line that is read, in bytes; a longer one is reported and passed over. */
const LONGEST_LINE = 1024 * 1024;
const TOO_LONG = `exceeds ${LONGEST_LINE} bytes`;

/** The lines of an NDJSON file, in batches as the bytes come; blank lines are passed over. */
export async function* ndjsonLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ImportLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  let skipping = false;
  let line = 0;
  for await (const piece of bytes) {
    const buffer =
      rest.length === 0 ? Buffer.from(piece.buffer, piece.byteOffset, piece.length) : Buffer.concat([rest, piece]);
    const batch: ImportLine[] = [];
    let start = 0;
    for (let end = buffer.indexOf(10, start); end >= 0; end = buffer.indexOf(10, start)) {
      line++;
      if (skipping) skipping = false;
      else push(batch, buffer.subarray(start, end), line);
      start = end + 1;
    }
    rest = buffer.subarray(start);
    if (rest.length > LONGEST_LINE) {
      if (!skipping) batch.push(unread(line + 1, TOO_LONG));
      skipping = true;
      rest = Buffer.alloc(0);
    }
    if (batch.length > 0) yield batch;
  }
  if (rest.length > 0 && !skipping) {
    const batch: ImportLine[] = [];
    push(batch, rest, line + 1);
    yield batch;
  }
}

const unread = (line: number, message: string): ImportLine => ({ line, sourceId: null, fault: { field: '', message } });

function push(batch: ImportLine[], bytes: Buffer, line: number): void {
  if (bytes.length === 0 || (bytes.length === 1 && bytes[0] === 13)) return;
  batch.push(bytes.length > LONGEST_LINE ? unread(line, TOO_LONG) : parse(bytes, line));
}

function parse(bytes: Buffer, line: number): ImportLine {
  if (!isUtf8(bytes)) return unread(line, 'is no valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return unread(line, 'is no valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return unread(line, 'must be an object');
  const { sourceId, version = null, ...document } = value as Attributes;
  return readLine(line, sourceId, version, document);
}

/** Checks the key and the version of a line; the document is checked against the contract afterwards. */
export function readLine(line: number, sourceId: unknown, version: unknown, document: Attributes): ImportLine {
  if (
    typeof sourceId !== 'string' ||
    sourceId === '' ||
    sourceId.length > 200 ||
    sourceId.includes('\0') ||
    !sourceId.isWellFormed()
  ) {
    return { line, sourceId: null, fault: { field: 'sourceId', message: 'must be text of 1 to 200 characters' } };
  }
  if (version !== null && !(Number.isSafeInteger(version) && (version as number) >= 0)) {
    return { line, sourceId, fault: { field: 'version', message: 'must be a whole number' } };
  }
  return { line, sourceId, version: version as number | null, document };
}
