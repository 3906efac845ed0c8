import type { Command } from 'commander';
import { servicesOf } from './addresses.js';
import { call } from './client.js';
import { Context } from './context.js';
import { EXIT, Failure } from './failure.js';

/** Beyond this, the order of steps in traces and the days of mappings cannot be trusted. */
const MOST_SKEW_MS = 5000;
const PATIENCE_MS = 5000;

interface Finding {
  readonly subject: string;
  readonly check: string;
  readonly isWell: boolean;
  readonly detail: string;
}

interface Check {
  readonly settings: { readonly ok: boolean; readonly detail?: string };
  readonly target: { readonly ok: boolean; readonly detail?: string };
}

/** Looks at everything that an installation needs, as far as its services tell. */
export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('servers, topics, access to targets, clocks and versions; leaves with 1 when something is amiss')
    .action(async (_, command: Command) => {
      const context = new Context(command);
      const { addresses } = context;
      const findings = (
        await Promise.all([
          ...Object.entries(servicesOf(addresses)).map(([name, url]) => ofService(name, url)),
          ...Object.entries(addresses.connectors).map(([name, url]) => ofConnector(name, url)),
        ])
      ).flat();
      const versions = new Set(findings.filter(({ check }) => check === 'version').map(({ detail }) => detail));
      if (versions.size > 1)
        findings.push({
          subject: 'all',
          check: 'versions',
          isWell: false,
          detail: `differ: ${[...versions].join(', ')}`,
        });
      context.output.answer(findings, () =>
        context.output.table(
          ['', 'SUBJECT', 'CHECK', ''],
          findings.map(({ isWell, subject, check, detail }) => [isWell ? 'ok' : 'AMISS', subject, check, detail]),
        ),
      );
      const amiss = findings.filter(({ isWell }) => !isWell);
      if (amiss.length > 0) throw new Failure(EXIT.failed, `${amiss.length} of ${findings.length} checks are amiss`);
    });
}

/** What a service says of itself and of what it needs, and what its clock says. */
async function ofService(subject: string, url: string): Promise<Finding[]> {
  const asked = Date.now();
  let response: Response;
  try {
    response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    return [{ subject, check: 'answers', isWell: false, detail: `${url} does not answer` }];
  }
  const [before, now] = [asked, Date.now()];
  const health = (await response.json()) as {
    readonly version?: string;
    readonly checks?: Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;
  };
  const checks = Object.entries(health.checks ?? {}).map(([check, { status, detail = '' }]) => ({
    ...{ subject, check, isWell: status === 'ok', detail: detail || status },
  }));
  const told = Date.parse(response.headers.get('date') ?? '');
  // The header says whole seconds.
  const skew = Number.isNaN(told) ? 0 : Math.max(before - told - 1000, told - now, 0);
  const clock = {
    subject,
    check: 'clock',
    isWell: skew <= MOST_SKEW_MS,
    detail: `${Math.round(skew / 1000)} s from here`,
  };
  const version = health.version;
  return [
    ...checks,
    clock,
    ...(version === undefined ? [] : [{ subject, check: 'version', isWell: true, detail: version }]),
  ];
}

/** Whether a connector's settings are right, its target lets it in, and its topics are those that it knows. */
async function ofConnector(subject: string, url: string): Promise<Finding[]> {
  try {
    const { settings, target } = await call<Check>('GET', `${url}/check`);
    const { items } = await call<{ items: { topic: string; found: string | null }[] }>(
      ...(['GET', `${url}/topics`] as const),
    );
    return [
      { subject, check: 'settings', isWell: settings.ok, detail: settings.detail ?? '' },
      { subject, check: 'target', isWell: target.ok, detail: target.detail ?? '' },
      ...items.map(({ topic, found }) => ({
        ...{ subject, check: `topic ${topic}`, isWell: found === null },
        detail: found === null ? '' : 'is another than the one that was read',
      })),
    ];
  } catch (error) {
    // That it does not answer is told already.
    if (error instanceof Failure && error.exitCode === EXIT.unreachable) return [];
    throw error;
  }
}
