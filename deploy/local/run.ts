import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnTied, startStack, type StackSettings } from '@myelin/testing';

/** Runs `stack` or `test` for the launcher: starts the servers in the folder of the run, and leaves nothing behind. */
async function main(command: string, args: string[]): Promise<number> {
  const dir = process.env['MYELIN_LOCAL'];
  if (!dir) throw new Error('MYELIN_LOCAL is missing: start.mjs starts this program');
  const stopping = stopSignal();
  const stack = await startStack({ dir, mode: command === 'test' ? 'test' : 'durable' });
  try {
    return command === 'test' ? await test(dir, stack.settings, args, stopping) : await show(stack.settings, stopping);
  } finally {
    await stack.stop();
  }
}

/** Shows where the servers are until the user has enough. */
async function show(settings: StackSettings, stopping: Promise<void>): Promise<number> {
  const lines = Object.entries(settings).map(([name, value]) => `export ${name}='${value}'`);
  process.stdout.write(`${lines.join('\n')}\n`);
  process.stderr.write('The servers run until Ctrl-C.\n');
  await stopping;
  return 0;
}

/** Runs Jest on the servers, and ends with one line that says how many tests passed and failed. */
async function test(dir: string, settings: StackSettings, args: string[], stopping: Promise<void>): Promise<number> {
  const results = join(dir, 'results.json');
  const jest = require.resolve('jest/bin/jest');
  const child = spawnTied(process.execPath, [jest, ...args, '--json', `--outputFile=${results}`], {
    what: 'Jest',
    env: { ...process.env, ...settings },
  });
  void stopping.then(() => child.stop('SIGTERM', 3000));
  const { code } = await child.ended;
  process.stdout.write(`${summary(results)}\n`);
  return code ?? 1;
}

interface JestResults {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numRuntimeErrorTestSuites: number;
}

function summary(file: string): string {
  if (!existsSync(file)) return '0 passed, 1 failed';
  const results = JSON.parse(readFileSync(file, 'utf8')) as JestResults;
  // A suite that could not even be loaded counts as one failed test.
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const skipped = results.numPendingTests + results.numTodoTests;
  return `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
}

// The terminal may be gone before we are.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

main(process.argv[2] ?? 'stack', process.argv.slice(3)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
