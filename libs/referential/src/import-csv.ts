import { isUtf8 } from 'node:buffer';
import { pivotSchema, type Entity, type FieldFault } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { parse } from 'csv-parse';
import { readLine, type ImportLine } from './import-lines.js';
import type { Attributes } from './tables.js';

/** Where the cells of a column go in the document. */
type Path = readonly (string | number)[];

interface Row {
  readonly record: Buffer[];
  readonly info: { readonly lines: number };
}

const BATCH = 200;

/**
 * The rows of a CSV file with a header, in batches. Column names are paths: `birthName`, `givenNames.0`, `birth.date`,
 * `roles.resource.0.population`; `identifiers.siham` and `contacts.workMail` are short for an entry of that scheme or kind.
 * Separator `;`, `,` or tab as the header shows; empty cells are absent fields.
 * @throws ProblemError naming the columns that are missing or unknown, before any row is read.
 */
export async function* csvLines(entity: Entity, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ImportLine[]> {
  const { start, rest } = await firstBytes(bytes);
  const faults: ImportLine[] = [];
  const parser = parse({
    delimiter: separator(start),
    bom: true,
    encoding: null,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: 1024 * 1024,
    on_skip: (error) => {
      faults.push({ line: Number(error?.lines ?? 0), sourceId: null, fault: { field: '', message: 'is no valid CSV row' } });
      return undefined;
    },
  });
  feed(parser, rest);

  let columns: { name: string; path: Path }[] | undefined;
  let batch: ImportLine[] = [];
  for await (const { record, info } of parser as unknown as AsyncIterable<Row>) {
    if (!columns) {
      columns = header(entity, record);
      continue;
    }
    batch.push(row(info.lines, record, columns));
    if (batch.length === BATCH) {
      yield [...faults.splice(0), ...batch];
      batch = [];
    }
  }
  if (!columns) throw new ProblemError('invalid-document', 'the file has no header');
  if (batch.length + faults.length > 0) yield [...faults, ...batch];
}

async function feed(parser: ReturnType<typeof parse>, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const piece of bytes) {
      if (!parser.write(piece)) await new Promise((resolve) => parser.once('drain', resolve));
      if (parser.destroyed) return;
    }
    parser.end();
  } catch (error) {
    parser.destroy(error as Error);
  }
}

/** The bytes up to the end of the first line, and the whole stream again. */
async function firstBytes(bytes: AsyncIterable<Uint8Array>) {
  const iterator = bytes[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  for (;;) {
    const { value, done } = await iterator.next();
    if (done) break;
    seen.push(value);
    if (value.includes(10) || seen.length > 16) break;
  }
  async function* rest() {
    yield* seen;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { start: Buffer.concat(seen), rest: rest() };
}

function separator(start: Buffer): string {
  const line = start.subarray(0, Math.max(start.indexOf(10), 0) || start.length).toString('latin1');
  const count = (character: string) => line.split(character).length;
  return [';', ',', '\t'].reduce((best, character) => (count(character) > count(best) ? character : best));
}

function header(entity: Entity, cells: readonly Buffer[]): { name: string; path: Path }[] {
  const schema = pivotSchema(entity) as { $ref: string; $defs: Record<string, { properties: Attributes; required?: string[] }> };
  const pivot = schema.$defs[schema.$ref.slice('#/$defs/'.length)];
  const names = cells.map((cell) => cell.toString('utf8').trim());
  const known = (name: string) => name === 'sourceId' || name === 'version' || Object.hasOwn(pivot?.properties ?? {}, first(name));
  const errors: FieldFault[] = [
    ...['sourceId', ...(pivot?.required ?? [])]
      .filter((field) => !names.some((name) => first(name) === field))
      .map((field) => ({ field, message: 'the file has no such column' })),
    ...names.filter((name) => !known(name)).map((field) => ({ field, message: 'is not a column of this contract' })),
  ];
  if (errors.length > 0) throw new ProblemError('invalid-document', 'the header of the file is wrong', { errors });
  return names.map((name) => ({ name, path: pathOf(name) }));
}

const first = (name: string) => name.split('.')[0] as string;
const pathOf = (name: string): Path => name.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : part));

function row(line: number, cells: readonly Buffer[], columns: readonly { name: string; path: Path }[]): ImportLine {
  const bad = cells.findIndex((cell) => !isUtf8(cell));
  const at = (index: number, message: string): ImportLine => ({ line, sourceId: null, fault: { field: columns[index]?.name ?? '', message } });
  if (bad >= 0) return at(bad, 'is no valid UTF-8');
  if (cells.length < columns.length) return at(cells.length, 'has no cell in this row');
  if (cells.length > columns.length) return at(columns.length - 1, 'is followed by more cells than the header has columns');
  const document: Attributes = {};
  columns.forEach(({ path }, index) => {
    const text = (cells[index] as Buffer).toString('utf8').trim();
    if (text !== '') set(document, path, text);
  });
  const { sourceId, version, ...fields } = document;
  return readLine(line, sourceId, version === undefined ? null : Number(version), compact(fields) as Attributes);
}

function set(document: Attributes, path: Path, text: string): void {
  const [list, key] = path;
  if (path.length === 2 && typeof key === 'string' && (list === 'identifiers' || list === 'contacts')) {
    const entry = list === 'identifiers' ? { scheme: key, value: text } : { kind: key, value: text };
    document[list] = [...((document[list] as unknown[] | undefined) ?? []), entry];
    return;
  }
  let holder: Record<string | number, unknown> = document;
  path.forEach((part, index) => {
    if (index === path.length - 1) holder[part] = text;
    else holder = (holder[part] ??= typeof path[index + 1] === 'number' ? [] : {}) as Record<string | number, unknown>;
  });
}

/** Closes the gaps that empty cells leave in lists. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== undefined).map(compact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, compact(child)]));
}
