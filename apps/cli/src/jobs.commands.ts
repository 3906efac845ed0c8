import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { call, everything, saved } from './client.js';
import { Context } from './context.js';
import { EXIT, Failure, usage } from './failure.js';
import { duration } from './output.js';

interface Job {
  readonly id: string;
  readonly kind: string;
  readonly mode: string;
  readonly status: string;
  readonly author: string;
  readonly planHash: string | null;
  readonly failure: string | null;
  readonly requestedAt: string;
  readonly endedAt: string | null;
  readonly scanned: number;
  readonly plan: {
    readonly total: number | null;
    readonly unchanged: number | null;
    readonly waiting: number | null;
    readonly skipped: number | null;
    readonly dismissed: number | null;
    readonly actions: readonly { readonly entity: string; readonly action: string; readonly count: number }[];
    readonly findings: readonly { readonly entity: string; readonly finding: string; readonly count: number }[];
  };
  readonly progress: {
    readonly done: number;
    readonly outcomes: Readonly<Record<string, number>>;
    readonly perSecond: number | null;
    readonly remainingSeconds: number | null;
  };
}

interface ScopeOptions {
  readonly entity?: string[];
  readonly id?: string[];
  readonly population?: string;
  readonly structure?: string;
  readonly since?: string;
  readonly failed?: boolean;
}

interface RunOptions {
  readonly rate?: string;
  readonly hours?: string;
  readonly reason?: string;
}

/** What takes something away from a target. */
const DESTROYING = ['suspend', 'delete'];
const POLL_MS = 250;
/** Elsewhere than on a terminal, progress is told every so often. */
const TOLD_MS = 5000;

/** Bulk work: plans, their execution, reconciliation. */
export function jobCommands(program: Command): void {
  const resync = program.command('resync').description('resynchronise a target: plan, look, run, watch');

  const plan = resync
    .command('plan')
    .description('find out what there is to do; nothing is written')
    .option('--mode <mode>', 'trust what is known of the target, or verify by reading it', 'trust');
  narrowed(plan);
  paced(plan).action(async (options: ScopeOptions & RunOptions & { mode: string }, command: Command) => {
    const context = new Context(command);
    const job = await begun(context, options.mode, scopeOf(options), options);
    tellPlan(context, await planned(context, job));
  });

  resync
    .command('run')
    .description('carry out a plan that was looked at; one that suspends or deletes only with --no-dry-run')
    .argument('<plan>', 'id of the plan')
    .option('--dry-run', 'say what would be done')
    .option('--no-dry-run', 'do it, also what suspends or deletes')
    .option('--drift <percent>', 'how much of the plan may have changed since', Number)
    .option('--override', 'pass over the guards, once; needs a reason')
    .option('--reason <text>', 'why')
    .option('--detach', 'do not wait for the end')
    .action(
      async (
        id: string,
        options: { dryRun?: boolean; drift?: number; override?: boolean; reason?: string; detach?: boolean },
        command: Command,
      ) => {
        const context = new Context(command);
        await carriedOut(context, await read(context, id), options);
      },
    );

  resync
    .command('undo')
    .description('put back what a job has overwritten: what would be done, then `resync run`')
    .argument('<job>')
    .requiredOption('--reason <text>', 'why')
    .action(async (id: string, { reason }: { reason: string }, command: Command) => {
      const context = new Context(command);
      const url = `${context.connector}/resyncs/${encodeURIComponent(id)}/undo`;
      const job = await call<Job>('POST', url, { body: { author: context.author, reason, planOnly: true } });
      tellPlan(context, await planned(context, job));
    });

  resync
    .command('script')
    .description('a planned undo in the language of its target (LDIF), on the standard output; nothing is written')
    .argument('<plan>', 'id of the undo')
    .action(async (id: string, _, command: Command) => {
      const { connector } = new Context(command);
      await saved(`${connector}/resyncs/${encodeURIComponent(id)}/script`);
    });

  resync
    .command('list')
    .description('the newest jobs')
    .action(async (_, command: Command) => {
      const context = new Context(command);
      context.output.answer(await call<{ items: Job[] }>('GET', `${context.connector}/resyncs`), ({ items }) =>
        context.output.table(
          ['ID', 'KIND', 'MODE', 'STATUS', 'WHO', 'REQUESTED', 'ENDED'],
          items.map(({ id, kind, mode, status, author, requestedAt, endedAt }) => [
            ...[id, kind, mode, status, author, requestedAt, endedAt],
          ]),
        ),
      );
    });

  resync
    .command('show')
    .description('a job, with the entities that it has something to do for')
    .argument('<job>')
    .option('--action <action>', 'entities with this action')
    .option('--outcome <outcome>', 'entities with this outcome; open: not done')
    .option('--finding <finding>', 'entities with this finding')
    .action(async (id: string, filter: Record<string, string | undefined>, command: Command) => {
      const context = new Context(command);
      if (Object.values(filter).every((value) => value === undefined)) {
        tellPlan(context, await read(context, id));
        return;
      }
      type Item = Record<'entity' | 'id' | 'action' | 'finding' | 'outcome', string | null> & { changed: string[] };
      const url = `${context.connector}/resyncs/${encodeURIComponent(id)}/items`;
      const items = await everything<Item>(url, filter, 'after');
      context.output.answer(items, () =>
        context.output.table(
          ['OBJECT', 'ID', 'ACTION', 'FINDING', 'OUTCOME', 'CHANGED'],
          items.map(({ entity, id: record, action, finding, outcome, changed }) => [
            ...[entity, record, action, finding, outcome ?? 'open', changed.join(', ')],
          ]),
        ),
      );
    });

  resync
    .command('watch')
    .description('follow a job to its end; leaves with 1 when it does not end well')
    .argument('<job>')
    .action(async (id: string, _, command: Command) => {
      const context = new Context(command);
      tellEnd(context, await followed(context, await read(context, id)));
    });

  for (const [name, description] of [
    ['pause', 'stop for a while: what has begun is finished'],
    ['resume', 'go on with a paused job'],
    ['cancel', 'end a job: says exactly what was done'],
  ] as const)
    resync
      .command(name)
      .description(description)
      .argument('<job>')
      .option('--reason <text>', 'why')
      .action(async (id: string, { reason }: { reason?: string }, command: Command) => {
        const context = new Context(command);
        const url = `${context.connector}/resyncs/${encodeURIComponent(id)}/${name}`;
        const job = await call<Job>('POST', url, { body: { author: context.author, reason } });
        context.output.answer(job, () => tellProgress(context, job));
      });

  program
    .command('adopt')
    .description('read all that a target holds and say what of it is ours: the plan, then `resync run`')
    .option('--entity <kinds...>', 'these kinds of records only')
    .option('--report <file>', 'write everything that was found to a file, a line of JSON each')
    .option('--reason <text>', 'why')
    .action(async (options: ScopeOptions & RunOptions & { report?: string }, command: Command) => {
      const context = new Context(command);
      const job = await planned(context, await begun(context, 'adopt', scopeOf(options), options));
      await saveReport(context, job, options.report);
      tellPlan(context, job);
    });

  paced(
    program
      .command('reconcile')
      .description('read all that a target holds and say how it differs; --repair brings it back')
      .option('--entity <kinds...>', 'these kinds of records only')
      .option('--report <file>', 'write everything that was found to a file, a line of JSON each')
      .option('--repair', 'carry the plan out; what suspends or deletes only with --no-dry-run')
      .option('--dry-run', 'say what a repair would do')
      .option('--no-dry-run', 'do it, also what suspends or deletes'),
  ).action(
    async (
      options: ScopeOptions & RunOptions & { report?: string; repair?: boolean; dryRun?: boolean },
      command: Command,
    ) => {
      const context = new Context(command);
      const job = await planned(context, await begun(context, 'reconcile', scopeOf(options), options));
      await saveReport(context, job, options.report);
      if (options.repair) await carriedOut(context, job, options);
      else tellPlan(context, job);
    },
  );
}

/** Writes everything that a job has found to a file, where one is wanted. */
async function saveReport({ connector, output }: Context, { id }: Job, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  await saved(`${connector}/resyncs/${id}/report`, file);
  output.note(`written to ${file}`);
}

const narrowed = (command: Command) =>
  command
    .option('--entity <kinds...>', 'kinds of records: person, structure')
    .option('--id <ids...>', 'master ids')
    .option('--population <name>', 'persons with a role in it: resource, external, learner')
    .option('--structure <reference>', 'code:… with all below it, and the persons who name one of them')
    .option('--since <instant>', 'changed in the referential since then')
    .option('--failed', 'what is parked');

const paced = (command: Command) =>
  command
    .option('--rate <number>', 'entities per second at most')
    .option('--hours <from-to>', 'hours of the day in which it may write: 20:00-06:00')
    .option('--reason <text>', 'why');

function scopeOf({ entity, id, population, structure, since, failed }: ScopeOptions): object {
  return {
    ...(entity && { entities: entity }),
    ...(id && { ids: id }),
    ...(population !== undefined && { population }),
    ...(structure !== undefined && { structure }),
    ...(since !== undefined && { changedSince: since }),
    ...(failed && { failedOnly: true }),
  };
}

function begun(context: Context, mode: string, scope: object, { rate, hours, reason }: RunOptions): Promise<Job> {
  const [, from, to] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(hours ?? '') ?? [];
  if (hours !== undefined && to === undefined) throw usage('--hours must be like 20:00-06:00');
  const body = {
    ...{ author: context.author, reason, mode, scope, planOnly: true },
    ...(rate !== undefined && { rate: Number(rate) }),
    ...(to !== undefined && { hours: { from, to } }),
  };
  return call<Job>('POST', `${context.connector}/resyncs`, { body });
}

const read = ({ connector }: Context, id: string) => call<Job>('GET', `${connector}/resyncs/${encodeURIComponent(id)}`);

/** Waits until a plan is ready; one that cannot be made ends the command. */
async function planned(context: Context, { id }: Job): Promise<Job> {
  const job = await until(
    context,
    id,
    ({ status }) => status !== 'planning',
    ({ scanned, plan }) => ({
      ...{ done: scanned, total: plan.total ?? scanned, planning: 'looked at' },
    }),
  );
  if (job.status !== 'planned')
    throw new Failure(EXIT.failed, `the plan is ${job.status}: ${job.failure ?? 'no reason told'}`);
  return job;
}

async function carriedOut(
  context: Context,
  plan: Job,
  options: { dryRun?: boolean; drift?: number; override?: boolean; reason?: string; detach?: boolean },
): Promise<void> {
  const destroying = plan.plan.actions.filter(({ action }) => DESTROYING.includes(action));
  if (options.dryRun ?? destroying.length > 0) {
    tellPlan(context, plan);
    if (options.dryRun === undefined) context.output.note('nothing was done: it suspends or deletes, add --no-dry-run');
    return;
  }
  if (plan.planHash === null) throw new Failure(EXIT.failed, `the job is ${plan.status}: it has no plan to carry out`);
  const { drift, override, reason, detach } = options;
  const body = {
    ...{ author: context.author, reason, hash: plan.planHash },
    ...(drift !== undefined && { driftPercent: drift }),
    ...(override && { override: true }),
  };
  const job = await call<Job>('POST', `${context.connector}/resyncs/${plan.id}/execute`, { body });
  if (detach) context.output.answer(job, () => context.output.line(`myelin resync watch ${job.id}`));
  else tellEnd(context, await followed(context, job));
}

const followed = (context: Context, { id }: Job) =>
  until(
    context,
    id,
    ({ endedAt }) => endedAt !== null,
    ({ status, scanned, plan, progress }) => {
      if (status === 'planning') return { done: scanned, total: plan.total ?? scanned, status };
      const { done, outcomes, perSecond, remainingSeconds } = progress;
      const rate = perSecond === null ? null : `${Math.round(perSecond)}/s`;
      return {
        ...{ done, total: done + (outcomes.open ?? 0), status, rate },
        left: remainingSeconds === null ? null : duration(remainingSeconds),
      };
    },
  );

async function until(
  context: Context,
  id: string,
  isOver: (job: Job) => boolean,
  state: (job: Job) => { done: number; total: number },
): Promise<Job> {
  const { output } = context;
  let told = '';
  for (let next = 0; ; await sleep(POLL_MS)) {
    const job = await read(context, id);
    if (isOver(job)) {
      output.progressed();
      return job;
    }
    const now = JSON.stringify(state(job));
    if (now === told || (!process.stderr.isTTY && Date.now() < next)) continue;
    [told, next] = [now, Date.now() + TOLD_MS];
    output.progress(state(job));
  }
}

function tellPlan(context: Context, job: Job): void {
  const { output } = context;
  output.answer(job, ({ id, status, failure, planHash, plan }) => {
    output.line(`${id}  ${job.mode}  ${status}${failure === null ? '' : `: ${failure}`}`);
    if (plan.findings.length > 0) {
      output.line();
      output.table(
        ['OBJECT', 'FINDING', 'COUNT'],
        plan.findings.map(({ entity, finding, count }) => [entity, finding, count]),
      );
    }
    output.line();
    output.table(
      ['OBJECT', 'ACTION', 'COUNT'],
      plan.actions.map(({ entity, action, count }) => [entity, action, count]),
    );
    const { unchanged, waiting, skipped, dismissed } = plan;
    const alone = Object.entries({ unchanged, waiting, skipped, dismissed }).filter(([, count]) => count !== null);
    output.line(
      `\nleft alone: ${alone.map(([name, count]) => `${count!.toLocaleString('en')} ${name}`).join(', ') || 'not counted yet'}`,
    );
    // To carry out an adoption also puts its conflicts before people.
    if (status === 'planned' && planHash !== null && (plan.actions.length > 0 || job.mode === 'adopt'))
      output.line(`carry it out: myelin resync run ${id}`);
  });
}

function tellProgress({ output }: Context, { id, status, progress, failure }: Job): void {
  output.line(`${id}  ${status}${failure === null ? '' : `: ${failure}`}`);
  output.table(
    ['OUTCOME', 'COUNT'],
    Object.entries(progress.outcomes).map(([outcome, count]) => [outcome, count]),
  );
}

function tellEnd(context: Context, job: Job): void {
  context.output.answer(job, () => tellProgress(context, job));
  const isWell = job.status === 'done' || job.status === 'planned';
  if (!isWell)
    throw new Failure(EXIT.failed, `the job is ${job.status}${job.failure === null ? '' : `: ${job.failure}`}`);
}
