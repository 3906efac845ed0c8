import type { Command } from 'commander';
import { servicesOf } from './addresses.js';
import { call } from './client.js';
import { Context } from './context.js';
import { EXIT, Failure } from './failure.js';
import { duration } from './output.js';

interface Health {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
}

interface ConnectorStatus {
  readonly connector: string;
  readonly entities: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly aside: number;
}

interface Control {
  readonly work: string;
  readonly detail: string;
  readonly observe: boolean;
  /** Those that are written while the rest is observed. */
  readonly populations: readonly string[];
}

interface Connectors {
  readonly items: readonly {
    readonly connector: string;
    readonly pulseAge: number | null;
    readonly silent: boolean;
    readonly instances: number;
    readonly work: string | null;
    readonly detail?: string;
    readonly observe: boolean;
    readonly lag: readonly Lag[];
    readonly throughput: readonly { readonly outcome: string; readonly perMinute: number }[];
    readonly errors: readonly { readonly name: string; readonly count: number }[];
  }[];
}

interface Lag {
  readonly entity: string;
  readonly seconds: number;
  readonly why: string | null;
  readonly due: number;
  readonly parked: number;
  readonly waiting: number;
  readonly held: number;
}

interface Operation {
  readonly at: string;
  readonly author: string;
  readonly action: string;
  readonly reason: string | null;
}

/** How the flows are. */
export function flowCommands(program: Command): void {
  program
    .command('status')
    .description('whether each service is well, and where each connector stands')
    .action(async (_, command: Command) => status(new Context(command)));

  program
    .command('connectors')
    .description('sign of life, work, throughput and errors of each connector')
    .action(async (_, command: Command) => {
      const context = new Context(command);
      context.output.answer(await call<Connectors>('GET', `${context.deliveries}/connectors`), ({ items }) =>
        context.output.table(
          ['CONNECTOR', 'ALIVE', 'WORK', 'PER MINUTE', 'ERRORS', ''],
          items.map(({ connector, silent, pulseAge, instances, work, detail, throughput, errors }) => [
            connector,
            silent
              ? `silent${pulseAge === null ? '' : ` for ${duration(pulseAge)}`}`
              : `${instances} instance${instances === 1 ? '' : 's'}`,
            work,
            Math.round(throughput.reduce((sum, { perMinute }) => sum + perMinute, 0)),
            errors.map(({ name, count }) => `${name} ${count}`).join(', '),
            detail,
          ]),
        ),
      );
    });

  program
    .command('lag')
    .description('age of the oldest change that each target has not seen')
    .option('--most <seconds>', 'leave with 1 when one is behind for longer', wholeSeconds)
    .action(async ({ most }: { most?: number }, command: Command) => {
      const context = new Context(command);
      const connectors = await call<Connectors>('GET', `${context.deliveries}/connectors`);
      const rows = connectors.items.flatMap(({ connector, lag }) => lag.map((one) => ({ connector, ...one })));
      context.output.answer(connectors, () =>
        context.output.table(
          ['CONNECTOR', 'OBJECT', 'LAG', 'DUE', 'WAITING', 'HELD', 'PARKED', ''],
          rows.map(({ connector, entity, seconds, due, waiting, held, parked, why }) => [
            ...[connector, entity, duration(seconds), due, waiting, held, parked, why],
          ]),
        ),
      );
      const late = rows.filter(({ seconds }) => most !== undefined && seconds > most);
      if (late.length > 0)
        throw new Failure(
          EXIT.failed,
          late.map(({ connector, entity }) => `${connector}: ${entity} is behind`).join('\n'),
        );
    });

  program
    .command('operations')
    .description('what operators did on a connector: who, when, why')
    .action(async (_, command: Command) => {
      const context = new Context(command);
      const operations = await call<{ items: Operation[] }>('GET', `${context.connector}/operations`);
      context.output.answer(operations, ({ items }) =>
        context.output.table(
          ['AT', 'WHO', 'WHAT', 'WHY'],
          items.map(({ at, author, action, reason }) => [at, author, action, reason]),
        ),
      );
    });

  const switches = {
    enable: 'put a connector back into service',
    disable: 'take a connector out of service',
    resume: 'end a pause',
    observe: 'note every difference and write none',
    write: 'carry out what was noted while observing',
  };
  for (const [name, description] of Object.entries(switches)) {
    const command = program.command(name).description(description).option('--reason <text>', 'why');
    if (name === 'observe' || name === 'write')
      command.option('--population <names...>', 'persons with a role in these only: resource, external, learner');
    command.action(async ({ reason, population }: { reason?: string; population?: string[] }, self: Command) =>
      turn(new Context(self), name, { reason, ...(population && { populations: population }) }),
    );
  }
  program
    .command('pause')
    .description('write nothing until `resume`, or until an instant')
    .option('--until <instant>', 'a day, or an instant with its offset (ISO 8601)')
    .option('--reason <text>', 'why')
    .action(async (body: { until?: string; reason?: string }, command: Command) =>
      turn(new Context(command), 'pause', body),
    );
}

async function status({ addresses, output }: Context): Promise<void> {
  const { connectors } = addresses;
  const health = await Promise.all(
    Object.entries(servicesOf(addresses)).map(async ([name, url]) => ({ name, url, ...(await healthOf(url)) })),
  );
  const answering = health.filter(({ name, status: state }) => name in connectors && state !== 'down');
  const statuses = await Promise.all(
    answering.map(async ({ url }) => ({
      ...(await call<ConnectorStatus>('GET', `${url}/status`)),
      control: await call<Control>('GET', `${url}/control`),
    })),
  );
  output.answer({ services: health, connectors: statuses }, () => {
    output.table(
      ['SERVICE', 'HEALTH', ''],
      health.map(({ name, status: state, checks }) => [name, state, faultsOf(checks)]),
    );
    if (statuses.length === 0) return;
    output.line();
    output.table(
      ['CONNECTOR', 'WORK', 'OBJECT', 'RECORDS', 'APPLIED', 'DUE', 'WAITING', 'HELD', 'PARKED'],
      statuses.flatMap(({ connector, control, entities }) =>
        Object.entries(entities)
          .filter(([, { total = 0 }]) => total > 0)
          .map(([entity, { total = 0, applied = 0, due = 0, waiting = 0, held = 0, parked = 0 }]) => [
            ...[connector, workOf(control), entity, total, applied, due, waiting, held, parked],
          ]),
      ),
    );
  });
  const ill = health.filter(({ status: state }) => state === 'down');
  if (ill.length > 0) throw new Failure(EXIT.unreachable, `down: ${ill.map(({ name }) => name).join(', ')}`);
}

/** Whether anything is written, and for whom where that is not everybody. */
const workOf = ({ work, observe, populations }: Control) =>
  work === 'open' && observe ? `open for ${populations.join(', ')}` : work;

/** The health of a service; one that does not answer is down. */
async function healthOf(url: string): Promise<Health> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5000) });
    return (await response.json()) as Health;
  } catch {
    return { status: 'down', checks: { service: { status: 'down', detail: `${url} does not answer` } } };
  }
}

const faultsOf = (checks: Health['checks']) =>
  Object.entries(checks)
    .filter(([, { status: state }]) => state !== 'ok')
    .map(([name, { detail, status: state }]) => `${name}: ${detail ?? state}`)
    .join('; ');

async function turn(context: Context, name: string, body: object): Promise<void> {
  const url = `${context.connector}/control/${name}`;
  const view = await call<Control>('POST', url, { body: { author: context.author, ...body } });
  context.output.answer(view, ({ work, detail, observe, populations }) => {
    context.output.line(detail === '' ? work : `${work}: ${detail}`);
    if (observe && populations.length > 0)
      context.output.line(`written: ${populations.join(', ')}; the rest is observed`);
  });
}

function wholeSeconds(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Failure(EXIT.usage, '--most must be a number of seconds');
  return value;
}
