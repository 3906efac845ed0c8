import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import type { Command } from 'commander';
import { call, pages, pathOf, saved } from './client.js';
import { Context } from './context.js';
import { EXIT, Failure, usage } from './failure.js';

const TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;
type Format = keyof typeof TYPES;

interface ImportReport {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly rejections: readonly { readonly line: number; readonly field: string; readonly reason: string }[];
}

interface SourceRun {
  readonly id: string;
  readonly counts: Readonly<Record<string, number>>;
}

interface FileOptions {
  readonly source: string;
  readonly format?: string;
}

/** Records of the referentials: in, out, and onto the topics again. */
export function recordCommands(program: Command): void {
  program
    .command('import')
    .description('load a file of source records; leaves with 1 when lines are refused')
    .argument('<referential>', 'person, structure or third-party')
    .argument('<file>', 'NDJSON or CSV; - for the standard input')
    .requiredOption('--source <name>', 'the source that says so')
    .option('--format <format>', 'ndjson or csv; else as the name of the file ends')
    .action(async (name: string, file: string, options: FileOptions, command: Command) => {
      const context = new Context(command);
      const report = await sent<ImportReport>(`${context.referential(name).url}/imports`, file, options);
      context.output.answer(report, ({ created, updated, unchanged, rejected, rejections }) => {
        context.output.table(
          ['CREATED', 'UPDATED', 'UNCHANGED', 'REJECTED'],
          [[created, updated, unchanged, rejected]],
        );
        if (rejections.length === 0) return;
        context.output.line();
        context.output.table(
          ['LINE', 'FIELD', 'REASON'],
          rejections.map(({ line, field, reason }) => [line, field, reason]),
        );
      });
      if (report.rejected > 0) throw new Failure(EXIT.failed, `${report.rejected} lines were refused`);
    });

  program
    .command('compare')
    .description(
      'compare a file of all that a source holds as active with what is known of it; leaves with 1 when they differ',
    )
    .argument('<referential>', 'person, structure or third-party')
    .argument('<file>', 'NDJSON or CSV; - for the standard input')
    .requiredOption('--source <name>', 'the source that it comes from')
    .option('--format <format>', 'ndjson or csv; else as the name of the file ends')
    .option('--report <file>', 'write everything that was found to a file, a line of JSON each')
    .option('--repair', 'take in what is missing or different, and reactivate what the source still has')
    .action(
      async (
        name: string,
        file: string,
        options: FileOptions & { report?: string; repair?: boolean },
        command: Command,
      ) => {
        const context = new Context(command);
        const url = `${context.referential(name).url}/reconciliations`;
        const run = await sent<SourceRun>(url, file, options, { repair: options.repair === true ? 'yes' : 'no' });
        const { read = 0, repaired = 0, ...findings } = run.counts;
        context.output.answer(run, () => {
          const rows = Object.entries(findings).map(([finding, count]) => [finding, count] as const);
          context.output.table(['FINDING', 'RECORDS'], rows);
          context.output.line(`${read} read, ${repaired} repaired`);
        });
        if (options.report !== undefined) {
          await saved(`${url}/${run.id}/report`, options.report);
          context.output.note(`written to ${options.report}`);
        }
        const left = Object.values(findings).reduce((sum, count) => sum + count, 0) - repaired;
        if (left > 0) throw new Failure(EXIT.failed, `${left} records differ`);
      },
    );

  program
    .command('export')
    .description('all records of a referential, a line of JSON each')
    .argument('<referential>', 'person, structure or third-party')
    .option('--status <status>', 'with this status only')
    .action(async (name: string, { status }: { status?: string }, command: Command) => {
      const { records } = new Context(command).referential(name);
      for await (const record of pages<object>(records, { status, limit: '200' }, 'cursor')) {
        if (!process.stdout.write(`${JSON.stringify(record)}\n`))
          await new Promise((resolve) => process.stdout.once('drain', resolve));
      }
    });

  program
    .command('republish')
    .description('publish records again as they are: those of a list, or all of a referential')
    .argument('<referential>', 'person, structure or third-party')
    .argument('[ids...]', 'master ids')
    .option('--all', 'all records')
    .requiredOption('--reason <text>', 'why')
    .action(async (name: string, ids: string[], options: { all?: boolean; reason: string }, command: Command) => {
      if ((options.all === true) === ids.length > 0) throw usage('say which: master ids, or --all');
      const context = new Context(command);
      const body = { author: context.author, reason: options.reason, ...(ids.length > 0 && { scope: ids }) };
      const answer = await call<{ records: number; queued: number }>(
        ...(['POST', `${context.referential(name).url}/republish`, { body }] as const),
      );
      context.output.answer(answer, ({ records, queued }) =>
        context.output.line(`${records} records, ${queued} queued`),
      );
    });
}

/** Sends a file of source records, and answers what became of it. */
function sent<T>(url: string, file: string, options: FileOptions, query: Record<string, string> = {}): Promise<T> {
  const format = formatOf(options.format ?? extname(file).slice(1));
  const data = file === '-' ? process.stdin : createReadStream(file);
  const path = pathOf(url, { source: options.source, format, ...query });
  return call('POST', path, { stream: { data, type: TYPES[format] } });
}

function formatOf(name: string): Format {
  const format = name === 'jsonl' ? 'ndjson' : name;
  if (!Object.hasOwn(TYPES, format)) throw usage(`--format must be ${Object.keys(TYPES).join(' or ')}`);
  return format as Format;
}
