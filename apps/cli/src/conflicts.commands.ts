import type { Command } from 'commander';
import { call, everything } from './client.js';
import { Context } from './context.js';
import { usage } from './failure.js';

interface Conflict {
  readonly entity: string;
  readonly id: string;
  readonly targetIds: readonly string[];
  readonly schemes: readonly string[];
  readonly foundAt: string;
  readonly ticket: string | null;
}

interface Decision {
  readonly adopt?: string;
  readonly create?: boolean;
  readonly reason: string;
}

/** Records that an adoption could not tell from what the target has. */
export function conflictCommands(program: Command): void {
  const conflicts = program
    .command('conflicts')
    .description('records that the target may have already, which a person decides on')
    .action(async (_, command: Command) => {
      const context = new Context(command);
      const all = await everything<Conflict>(`${context.connector}/conflicts`, {}, 'after');
      context.output.answer(all, () =>
        context.output.table(
          ['OBJECT', 'ID', 'TICKET', 'SINCE', 'BY', 'MAY BE'],
          all.map(({ entity, id, ticket, foundAt, schemes, targetIds }) => [
            ...[entity, id, ticket, foundAt, schemes.join(', '), targetIds.join(' | ')],
          ]),
        ),
      );
    });

  conflicts
    .command('decide')
    .description('say that a record is one of the entries, or none of them')
    .argument('<entity>', 'person, structure')
    .argument('<id>', 'master id')
    .option('--adopt <target id>', 'it is this entry')
    .option('--create', 'it is none of them, and gets an entry of its own')
    .requiredOption('--reason <text>', 'why')
    .action(async (entity: string, id: string, { adopt, create, reason }: Decision, command: Command) => {
      if ((adopt === undefined) === (create !== true)) throw usage('say either --adopt or --create');
      const context = new Context(command);
      const body = {
        ...{ author: context.author, reason, decision: create ? 'create' : 'adopt' },
        ...(adopt !== undefined && { targetId: adopt }),
      };
      const url = `${context.connector}/conflicts/${encodeURIComponent(entity)}/${encodeURIComponent(id)}`;
      const answer = await call<{ decided: string[] }>('POST', url, { body });
      context.output.answer(answer, ({ decided }) => context.output.line(`decided: ${decided.join(' | ')}`));
    });
}
