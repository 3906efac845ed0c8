import type { Command } from 'commander';
import { call, everything } from './client.js';
import { Context } from './context.js';
import { usage } from './failure.js';

interface Parked {
  readonly ticket: string;
  readonly entity: string;
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly fingerprint: string;
  readonly error: { readonly name: string; readonly message: string; readonly attributes?: readonly string[] };
  readonly parkedAt: string | null;
}

interface Group {
  readonly fingerprint: string;
  readonly entity: string;
  readonly count: number;
  readonly oldest: string | null;
  readonly error: Parked['error'];
}

interface Choice {
  readonly fingerprint?: string;
  readonly entity?: string;
  readonly all?: boolean;
  readonly reason?: string;
}

/** Entities that a target has refused. */
export function parkedCommands(program: Command): void {
  program
    .command('parked')
    .description('what a target has refused: by cause, or the entities of one cause')
    .argument('[ticket]', 'one entity, by the reference of a support ticket')
    .option('--fingerprint <cause>', 'the entities of one cause')
    .option('--entity <kind>', 'of this kind only')
    .option('--each', 'all entities, whatever the cause')
    .option('--dismissed', 'those that were put away')
    .action(
      async (
        ticket: string | undefined,
        options: Choice & { each?: boolean; dismissed?: boolean },
        command: Command,
      ) => {
        const context = new Context(command);
        const { output, connector } = context;
        if (ticket !== undefined) {
          const one = await call<Parked>('GET', `${connector}/parked/${encodeURIComponent(ticket)}`);
          output.answer(one, () => entities(context, [one]));
        } else if (options.each || options.dismissed || options.fingerprint !== undefined) {
          const { fingerprint, entity, dismissed } = options;
          const query = { fingerprint, entity, ...(dismissed && { status: 'dismissed' }) };
          const all = await everything<Parked>(`${connector}/parked`, query, 'after');
          output.answer(all, () => entities(context, all));
        } else {
          output.answer(await call<{ items: Group[] }>('GET', `${connector}/parked/groups`), ({ items }) =>
            output.table(
              ['CAUSE', 'OBJECT', 'COUNT', 'SINCE', 'ERROR'],
              items.map(({ fingerprint, entity, count, oldest, error }) => [
                ...[fingerprint, entity, count, oldest, textOf(error)],
              ]),
            ),
          );
        }
      },
    );

  program
    .command('retry')
    .description('try parked entities again')
    .argument('[tickets...]')
    .option('--fingerprint <cause>', 'all of one cause')
    .option('--entity <kind>', 'of this kind only')
    .option('--all', 'all of them')
    .option('--reason <text>', 'why')
    .action(async (tickets: string[], choice: Choice, command: Command) => {
      const context = new Context(command);
      const answer = await order<{ retried: number }>(context, 'retry', tickets, choice);
      context.output.answer(answer, ({ retried }) => context.output.line(`${retried} tried again`));
    });

  program
    .command('dismiss')
    .description('put parked entities away until they change')
    .argument('[tickets...]')
    .requiredOption('--reason <text>', 'why')
    .option('--fingerprint <cause>', 'all of one cause')
    .option('--entity <kind>', 'of this kind only')
    .option('--all', 'all of them')
    .action(async (tickets: string[], choice: Choice, command: Command) => {
      const context = new Context(command);
      const answer = await order<{ dismissed: number }>(context, 'dismiss', tickets, choice);
      context.output.answer(answer, ({ dismissed }) => context.output.line(`${dismissed} put away`));
    });
}

function order<T>(context: Context, what: string, tickets: readonly string[], choice: Choice): Promise<T> {
  if (tickets.length === 0 && choice.fingerprint === undefined && choice.entity === undefined && !choice.all)
    throw usage(`say which: tickets, --fingerprint, --entity or --all`);
  const body = { author: context.author, ...choice, ...(tickets.length > 0 && { tickets }) };
  return call<T>('POST', `${context.connector}/parked/${what}`, { body });
}

const entities = ({ output }: Context, all: readonly Parked[]) =>
  output.table(
    ['TICKET', 'OBJECT', 'ID', 'ATTEMPTS', 'SINCE', 'CAUSE', 'ERROR'],
    all.map(({ ticket, entity, id, attempts, parkedAt, fingerprint, error }) => [
      ...[ticket, entity, id, attempts, parkedAt, fingerprint, textOf(error)],
    ]),
  );

const textOf = ({ name, message, attributes = [] }: Parked['error']) =>
  `${name}: ${message}${attributes.length > 0 ? ` (${attributes.join(', ')})` : ''}`;
