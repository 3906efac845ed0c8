import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '@myelin/testing';
import { firstLoadBench } from './first-load.bench.js';
import { Services } from './hub.js';
import { idleBench } from './idle.bench.js';
import { importBench } from './import.bench.js';
import { lagBench, lagResyncBench } from './lag.bench.js';
import { shown, type Bench, type Result } from './measure.js';
import { memoryBench } from './memory.bench.js';
import { relayBench } from './relay.bench.js';
import { overlayBench, remapBench, resyncEmptyBench, resyncVerifyBench } from './resync.bench.js';

const BENCHES: readonly Bench[] = [
  ...[importBench, relayBench, firstLoadBench, lagBench, memoryBench, idleBench],
  ...[resyncVerifyBench, remapBench, overlayBench, resyncEmptyBench, lagResyncBench],
];
const USAGE = `usage: npm run bench [-- ${BENCHES.map(({ name }) => name).join('|')}] [--n N] [--json]`;

/** Runs one bench, or all, and prints what was found. A stop signal ends this process, and with it all that it started. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { n: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const chosen = positionals.length === 0 ? BENCHES : BENCHES.filter(({ name }) => positionals.includes(name));
  const unknown = positionals.find((name) => !BENCHES.some((bench) => bench.name === name));
  const size = values.n === undefined ? undefined : Number(values.n);
  if (unknown !== undefined || (size !== undefined && !(Number.isSafeInteger(size) && size > 0)))
    throw new Error(USAGE);

  const say = (text: string) => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
  const services = new Services(process.env.MYELIN_LOCAL ?? join(repositoryRoot(), '.local/bench'));
  const results: Result[] = [];
  try {
    for (const bench of chosen) {
      const n = size ?? bench.n;
      say(`${bench.name} (n = ${n.toLocaleString('en')})`);
      results.push({ name: bench.name, n, ...(await bench.run({ n, services, log: say })) });
    }
  } finally {
    await services.stop();
  }
  if (values.json) for (const result of results) process.stdout.write(`${JSON.stringify(rounded(result))}\n`);
  else say(table(results));
}

function rounded(result: Result): Result {
  const { name, n, ours, reference, unit, ratio, peakRssMb } = result;
  const short = (value: number) => Number(value.toPrecision(4));
  return { name, n, ours: short(ours), reference: short(reference), unit, ratio: short(ratio), peakRssMb };
}

function table(results: readonly Result[]): string {
  const rows = [
    ['bench', 'n', 'ours', 'reference', 'unit', 'ratio', 'peak RSS'],
    ...results.map(({ name, n, ours, reference, unit, ratio, peakRssMb }) => {
      return [name, n.toLocaleString('en'), shown(ours), shown(reference), unit, shown(ratio), `${peakRssMb} MB`];
    }),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
    process.exit(1);
  },
);
