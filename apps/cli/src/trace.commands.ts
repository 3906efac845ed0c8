import type { Command } from 'commander';
import { REFERENTIALS } from './addresses.js';
import { call } from './client.js';
import { Context } from './context.js';
import { EXIT, Failure } from './failure.js';
import { values } from './output.js';

interface Step {
  readonly step: string;
  readonly at: string | null;
  readonly afterMs: number | null;
  readonly connector?: string;
  readonly outcome?: string;
  readonly changed?: readonly string[];
  readonly error?: { readonly name: string; readonly ticket: string | null };
  readonly note?: string;
}

interface Revision {
  readonly entity: string;
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  readonly kind: string | null;
  readonly origin: string | null;
  readonly correlationId: string | null;
  readonly settled: boolean;
  readonly steps: readonly Step[];
}

interface Trace {
  readonly revisions: readonly Revision[];
  readonly connectors?: readonly {
    readonly connector: string;
    readonly state: string;
    readonly appliedAt: string | null;
  }[];
}

interface Explanation {
  readonly connector: string;
  readonly entity: string;
  readonly id: string;
  readonly status: string;
  readonly would: string;
  readonly why: readonly string[];
  readonly unrepresentable: readonly { readonly field: string; readonly message: string }[];
  readonly attributes: readonly {
    readonly attribute: string;
    readonly rule: string | null;
    readonly standing: string;
    readonly wanted?: unknown;
    readonly acknowledged?: unknown;
  }[];
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Where a change is, and why a target has what it has. */
export function traceCommands(program: Command): void {
  program
    .command('trace')
    .description('the way of a record or of one request to each target')
    .argument('<id>', 'a master id, or the correlation id of a request')
    .action(async (id: string, _, command: Command) => {
      const context = new Context(command);
      const base = context.deliveries;
      const byRecord = UUID.test(id)
        ? await ofAnyKind((entity) => call<Trace>('GET', `${base}/entities/${entity}/${id}/trace`))
        : undefined;
      const trace = byRecord ?? (await call<Trace>('GET', `${base}/changes/${encodeURIComponent(id)}`));
      context.output.answer(trace, () => tell(context, trace));
    });

  program
    .command('explain')
    .description('what a target receives for a record, attribute by attribute, and why')
    .argument('<id>', 'a master id')
    .option('--differing', 'only attributes that are not as they must be')
    .action(async (id: string, { differing }: { differing?: boolean }, command: Command) => {
      const context = new Context(command);
      const found = await ofAnyKind((entity) =>
        call<Explanation>('GET', `${context.connector}/explain/${entity}/${encodeURIComponent(id)}`),
      );
      if (!found) throw new Failure(EXIT.notFound, 'the connector has never heard of that record');
      context.output.answer(found, ({ entity, status, would, why, attributes, unrepresentable }) => {
        context.output.line(`${entity} ${id}: ${status}; now it would ${would}`);
        for (const reason of why) context.output.line(`  ${reason}`);
        context.output.line();
        context.output.table(
          ['ATTRIBUTE', 'STANDING', 'WANTED', 'RULE'],
          attributes
            .filter(({ standing }) => !differing || standing !== 'same')
            .map(({ attribute, standing, wanted, rule }) => [attribute, standing, values(wanted), rule]),
        );
        for (const { field, message } of unrepresentable) context.output.line(`${field} ${message}`);
      });
    });
}

/** The answer for the first kind of record that has one; undefined when none has. */
async function ofAnyKind<T>(ask: (entity: string) => Promise<T>): Promise<T | undefined> {
  for (const entity of Object.keys(REFERENTIALS)) {
    try {
      return await ask(entity);
    } catch (error) {
      if (!(error instanceof Failure) || error.exitCode !== EXIT.notFound) throw error;
    }
  }
  return undefined;
}

function tell({ output }: Context, { revisions, connectors = [] }: Trace): void {
  if (connectors.length > 0) {
    output.table(
      ['CONNECTOR', 'STATE', 'SINCE'],
      connectors.map(({ connector, state, appliedAt }) => [connector, state, appliedAt]),
    );
    output.line();
  }
  for (const { entity, id, epoch, revision, kind, origin, correlationId, settled, steps } of revisions) {
    const whole = [
      entity,
      id,
      `${epoch}.${revision}`,
      kind,
      origin && `from ${origin}`,
      settled ? 'settled' : 'under way',
    ];
    output.line(whole.filter((part) => part !== null && part !== '').join('  '));
    if (correlationId !== null) output.line(`  correlation id ${correlationId}`);
    for (const step of steps) output.line(`  ${wordsOf(step)}`);
  }
}

function wordsOf({ step, at, afterMs, connector, outcome, changed = [], error, note }: Step): string {
  const parts = [
    at ?? 'not yet',
    afterMs === null ? '' : `+${afterMs} ms`,
    [step, connector, outcome].filter((part) => part !== undefined).join(' '),
    changed.length > 0 ? `(${changed.join(', ')})` : '',
    error ? `${error.name}${error.ticket === null ? '' : ` ${error.ticket}`}` : '',
    note ?? '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}
