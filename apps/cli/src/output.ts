import type { Writable } from 'node:stream';

export type Cell = string | number | boolean | null | undefined;

const BAR = 24;

/** The values of an attribute in one cell. */
export const values = (value: unknown) =>
  value === undefined || value === null ? '' : [value].flat().map(String).join(' | ');

/** What a command tells: tables and sentences for people, JSON for programs. */
export class Output {
  /** `json`: answers as the services gave them. */
  constructor(
    readonly json: boolean,
    private readonly out: Writable & { isTTY?: boolean } = process.stdout,
    private readonly err: Writable & { isTTY?: boolean } = process.stderr,
  ) {}

  /** An answer: the whole of it as JSON, or what `told` says of it. */
  answer<T>(value: T, told: (value: T) => void): void {
    if (this.json) this.line(JSON.stringify(value, null, 2));
    else told(value);
  }

  line(text = ''): void {
    this.out.write(`${text}\n`);
  }

  /** Something beside the answer. */
  note(text: string): void {
    this.err.write(`${text}\n`);
  }

  /** Rows under their titles, as wide as they must be. */
  table(titles: readonly string[], rows: readonly (readonly Cell[])[]): void {
    const texts = rows.map((row) => row.map((cell) => (cell === null || cell === undefined ? '' : shown(cell))));
    const widths = titles.map((title, i) => Math.max(title.length, ...texts.map((row) => row[i]?.length ?? 0)));
    const aligned = (row: readonly string[], numbers: boolean) =>
      row
        .map((text, i) =>
          numbers && typeof rows[0]?.[i] === 'number' ? text.padStart(widths[i]!) : text.padEnd(widths[i]!),
        )
        .join('  ')
        .trimEnd();
    this.line(aligned(titles, true));
    for (const row of texts) this.line(aligned(row, true));
    if (rows.length === 0) this.line('(none)');
  }

  /** How far something is: a bar that moves on a terminal, elsewhere a line of JSON. */
  progress(state: { readonly done: number; readonly total: number; readonly [detail: string]: Cell }): void {
    if (!this.err.isTTY) {
      this.err.write(`${JSON.stringify(state)}\n`);
      return;
    }
    const { done, total, ...details } = state;
    const part = total > 0 ? Math.min(1, done / total) : 0;
    const bar = '█'.repeat(Math.round(part * BAR)).padEnd(BAR, '░');
    const rest = Object.entries(details)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => `${name} ${shown(value as string | number | boolean)}`);
    this.err.write(`\r\x1b[2K${bar} ${shown(done)}/${shown(total)}  ${rest.join('  ')}`);
  }

  /** Ends the line of a bar. */
  progressed(): void {
    if (this.err.isTTY) this.err.write('\r\x1b[2K');
  }
}

const shown = (cell: string | number | boolean) =>
  typeof cell === 'number' ? cell.toLocaleString('en') : String(cell);

/** A number of seconds as people say it. */
export function duration(seconds: number): string {
  const rounded = Math.round(seconds);
  if (rounded < 120) return `${rounded} s`;
  return rounded < 7200 ? `${Math.round(rounded / 60)} min` : `${Math.round(rounded / 3600)} h`;
}
