import { isUtf8 } from 'node:buffer';
import { pipeline } from 'node:stream/promises';
import { pivotSchema, type Entity, type FieldFault } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { parse } from 'csv-parse';
import { readLine, type ImportLine } from './import-lines.js';
import type { Attributes } from '../tables.js';

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
    // Cells stay bytes, so that those that are no UTF-8 can be named.
    encoding: null,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: 1024 * 1024,
    on_skip: (error) => {
      // The parser does not find the next row after one that is too long: most often a quote that is never closed.
      if (error?.code === 'CSV_MAX_RECORD_SIZE') {
        throw new ProblemError('invalid-document', `the row at line ${Number(error.lines)} is too long to be one`);
      }
      faults.push({
        line: Number(error?.lines ?? 0),
        sourceId: null,
        fault: { field: '', message: 'is no valid CSV row' },
      });
      return undefined;
    },
  });
  // A failure on either side reaches the loop below through the parser.
  pipeline(rest, parser).catch(() => undefined);

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

const LONGEST_HEADER = 64 * 1024;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** The bytes up to the end of the first line, without a byte order mark, and the whole stream again. */
async function firstBytes(bytes: AsyncIterable<Uint8Array>) {
  const iterator = bytes[Symbol.asyncIterator]();
  let start: Buffer = Buffer.alloc(0);
  while (!start.includes(10) && start.length < LONGEST_HEADER) {
    const next = await iterator.next();
    if (next.done) break;
    start = Buffer.concat([start, next.value]);
  }
  if (start.indexOf(BYTE_ORDER_MARK) === 0) start = start.subarray(BYTE_ORDER_MARK.length);
  async function* rest() {
    yield start;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { start, rest: rest() };
}

function separator(start: Buffer): string {
  const line = start.subarray(0, Math.max(start.indexOf(10), 0) || start.length).toString('latin1');
  const count = (character: string) => line.split(character).length;
  return [';', ',', '\t'].reduce((best, character) => (count(character) > count(best) ? character : best));
}

function header(entity: Entity, cells: readonly Buffer[]): { name: string; path: Path }[] {
  const schema = pivotSchema(entity) as {
    $ref: string;
    $defs: Record<string, { properties: Attributes; required?: string[] }>;
  };
  const pivot = schema.$defs[schema.$ref.slice('#/$defs/'.length)];
  const names = cells.map((cell) => cell.toString('utf8').trim());
  const known = (name: string) =>
    name === 'sourceId' ||
    name === 'version' ||
    (Object.hasOwn(pivot?.properties ?? {}, first(name)) && !name.split('.').some((part) => part in Object.prototype));
  const errors: FieldFault[] = [
    ...['sourceId', ...(pivot?.required ?? [])]
      .filter((field) => !names.some((name) => first(name) === field))
      .map((field) => ({ field, message: 'the file has no such column' })),
    ...names.filter((name) => !known(name)).map((field) => ({ field, message: 'is not a column of this contract' })),
    ...clashing(names.filter(known)).map((field) => ({ field, message: 'contradicts a column before it' })),
  ];
  if (errors.length > 0) throw new ProblemError('invalid-document', 'the header of the file is wrong', { errors });
  return names.map((name) => ({ name, path: pathOf(name) }));
}

const first = (name: string) => name.split('.')[0] as string;
const pathOf = (name: string): Path => name.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : part));

/** Columns that cannot stand beside one before them: the same again, or a value that is also an object or a list. */
function clashing(names: readonly string[]): string[] {
  const kinds = new Map<string, string>();
  const agrees = (name: string, kind: string) => {
    const before = kinds.get(name);
    kinds.set(name, before ?? kind);
    return before === undefined || before === kind;
  };
  return names.filter((name, column) => {
    const path = pathOf(name);
    if (isShort(path)) return !agrees(first(name), 'entries');
    const holders = path.map((part, index) =>
      agrees(path.slice(0, index).join('.'), typeof part === 'number' ? 'list' : 'object'),
    );
    return holders.includes(false) || !agrees(name, `value of column ${column}`);
  });
}

/** `identifiers.siham`, `contacts.workMail`: one more entry of a list. */
const isShort = (path: Path): boolean =>
  path.length === 2 && typeof path[1] === 'string' && (path[0] === 'identifiers' || path[0] === 'contacts');

function row(line: number, cells: readonly Buffer[], columns: readonly { name: string; path: Path }[]): ImportLine {
  const bad = cells.findIndex((cell) => !isUtf8(cell));
  const at = (index: number, message: string): ImportLine => ({
    line,
    sourceId: null,
    fault: { field: columns[index]?.name ?? '', message },
  });
  if (bad >= 0) return at(bad, 'is no valid UTF-8');
  if (cells.length < columns.length) return at(cells.length, 'has no cell in this row');
  if (cells.length > columns.length)
    return at(columns.length - 1, 'is followed by more cells than the header has columns');
  const document: Attributes = {};
  columns.forEach(({ path }, index) => {
    const text = (cells[index] as Buffer).toString('utf8').trim();
    if (text !== '') set(document, path, text);
  });
  const { sourceId, version, ...fields } = document;
  return readLine(line, sourceId, version === undefined ? null : Number(version), compact(fields) as Attributes);
}

function set(document: Attributes, path: Path, text: string): void {
  if (isShort(path)) {
    const [list, key] = path as readonly [string, string];
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
