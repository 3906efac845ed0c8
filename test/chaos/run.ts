import { parseArgs } from 'node:util';
import { startStack } from '@myelin/testing';
import { report, succeeded } from './report.js';
import { runScenario, type Plan } from './scenario.js';

const USAGE =
  'usage: npm run chaos [-- [--seed N] [--seconds N] [--rate N] [--entities N] [--if-match] [--late-repeats]]';

/** Runs the ordering proof and leaves with 1 on any violation. A stop signal ends this process, and with it all that it started. */
async function main(): Promise<number> {
  const plan = planOf(process.argv.slice(2));
  const dir = process.env.MYELIN_LOCAL;
  if (!dir) throw new Error('MYELIN_LOCAL is missing: start.mjs starts this program');
  // Servers that the environment names are not ours to kill or to fill.
  delete process.env.KAFKA_BROKERS;
  delete process.env.DATABASE_URL;
  const stack = await startStack({ dir, mode: 'durable', servers: { slapd: false } });
  try {
    const { settings, kafka } = stack;
    const outcome = await runScenario(plan, { settings, kafka: kafka! }, dir, say);
    say(report(plan, outcome));
    return succeeded(plan, outcome) ? 0 : 1;
  } finally {
    await stack.stop();
  }
}

function planOf(args: string[]): Plan {
  const number = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args,
    options: {
      seed: number,
      seconds: number,
      rate: number,
      entities: number,
      'if-match': flag,
      'late-repeats': flag,
    },
  });
  const whole = (text: string | undefined, otherwise: number) => {
    const value = Number(text ?? otherwise);
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(USAGE);
    return value;
  };
  return {
    seed: whole(values.seed, 1 + Math.floor(Math.random() * 1_000_000)),
    seconds: whole(values.seconds, 180),
    rate: whole(values.rate, 200),
    entities: whole(values.entities, 5_000),
    ifMatch: values['if-match'],
    lateRepeats: values['late-repeats'],
  };
}

const say = (text: string) => void process.stdout.write(`${text}\n`);

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
    process.exit(1);
  },
);
