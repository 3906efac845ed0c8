import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { call } from './client.js';
import { Context } from './context.js';
import { EXIT, Failure, usage } from './failure.js';
import { values } from './output.js';

interface Preview {
  readonly items: readonly {
    readonly id: string;
    readonly would: string;
    readonly row: readonly {
      readonly attribute: string;
      readonly difference: string;
      readonly now?: unknown;
      readonly then?: unknown;
    }[];
    readonly unrepresentable: readonly { readonly field: string; readonly message: string }[];
    readonly error: { readonly message: string } | null;
  }[];
}

/** The overlay of a mapping. */
export function overlayCommands(program: Command): void {
  program
    .command('overlay')
    .description('change the mapping of a connector by configuration')
    .command('preview')
    .description('what an overlay would make of some records; leaves with 1 when one would be parked')
    .argument('[connector]', 'its name, where there are several')
    .requiredOption('--file <file>', 'the document')
    .requiredOption('--entity <kind>', 'person or structure')
    .option('--id <ids...>', 'master ids; else the first records')
    .option('--count <number>', 'how many records', Number)
    .action(
      async (
        connector: string | undefined,
        { file, entity, id, count }: { file: string; entity: string; id?: string[]; count?: number },
        command: Command,
      ) => {
        if (count !== undefined && !Number.isSafeInteger(count)) throw usage('--count must be a number of records');
        const context = new Context(command, connector);
        const body = { overlay: read(file), entity, ...(id && { ids: id }), ...(count !== undefined && { count }) };
        const preview = await call<Preview>('POST', `${context.connector}/overlay/preview`, { body });
        context.output.answer(preview, ({ items }) => tell(context, items));
        const failed = preview.items.filter(({ error }) => error !== null);
        if (failed.length > 0) throw new Failure(EXIT.failed, `${failed.length} records would be parked`);
      },
    );
}

function tell({ output }: Context, items: Preview['items']): void {
  output.table(
    ['ID', 'WOULD', 'ATTRIBUTE', '', 'NOW', 'THEN'],
    items.flatMap(({ id, would, row, error }) =>
      row.length === 0
        ? [[id, would, null, error?.message ?? 'as it is', null, null]]
        : row.map(({ attribute, difference, now, then }) => [
            id,
            would,
            attribute,
            difference,
            values(now),
            values(then),
          ]),
    ),
  );
  for (const { id, unrepresentable } of items)
    for (const { field, message } of unrepresentable) output.line(`${id} ${field} ${message}`);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read: ${(error as Error).message}`);
  }
}
