import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'csv-parse/sync';
import type { Defect, DefectKind } from './defects.js';

/** One line of a data file; what is wrong with it goes into the report it was read with. */
export class Row {
  constructor(
    private readonly file: string,
    private readonly line: number,
    private readonly cells: Record<string, string>,
    private readonly defects: Defect[],
  ) {}

  /** The cell as it stands in the file, '' when it is empty. */
  raw(field: string): string {
    const value = this.cells[field];
    if (value === undefined) throw new Error(`${this.file} has no column "${field}"`);
    return value;
  }

  /** The text of a cell with single spaces, undefined when it is empty. */
  text(field: string): string | undefined {
    const value = this.raw(field);
    const clean = value.replace(/\s+/g, ' ').trim();
    if (clean !== value) this.report(field, 'stray spaces', 'one space kept between words');
    return clean === '' ? undefined : clean;
  }

  /** A name: as `text`, and several words all in capitals are reported. */
  name(field: string): string | undefined {
    const value = this.text(field);
    // One word in capitals is an acronym, as it should be written.
    if (value?.includes(' ') && value === value.toUpperCase()) {
      this.report(field, 'in capitals', 'kept: the accents that capitals lost cannot be known');
    }
    return value;
  }

  /** The values of a cell that holds several. */
  list(field: string, separator: string | RegExp): string[] {
    const parts = this.raw(field).split(separator);
    const values = parts.map((part) => part.trim());
    if (values.some((value, i) => value !== parts[i])) this.report(field, 'stray spaces', 'left out of the value');
    return values.filter((value) => value !== '');
  }

  /** The same row, whose defects are not reported again. */
  silenced(): Row {
    return new Row(this.file, this.line, this.cells, []);
  }

  report(field: string, defect: DefectKind, consequence: string, value = this.raw(field)): void {
    this.defects.push({ file: this.file, line: this.line, field, value, defect, consequence });
  }
}

interface CsvRecord {
  record: Record<string, string>;
  info: { lines: number };
}

/** The rows of a data file (UTF-8, separator `;`, names of the columns in the first line). */
export function readRows(path: string, defects: Defect[]): Row[] {
  const options = { delimiter: ';', columns: true, info: true, bom: true, relax_quotes: true } as const;
  const records = parse(readFileSync(path), options) as unknown as CsvRecord[];
  return records.map(({ record, info }) => new Row(basename(path), info.lines, record, defects));
}
