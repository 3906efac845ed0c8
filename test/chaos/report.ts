import { PROMISES, type Violation } from './checker.js';
import type { Outcome, Plan } from './scenario.js';

/** Violations that are shown one by one. */
const SHOWN = 20;

/** Whether everything that was promised was kept, and seen to be. */
export function succeeded({ entities }: Plan, { verdict, convergedAfter, sent }: Outcome): boolean {
  const isWhole = verdict.records === entities && sent.acknowledged > 0 && convergedAfter !== undefined;
  return isWhole && verdict.violations.length === 0;
}

/** What happened in a run, for people. */
export function report(plan: Plan, outcome: Outcome): string {
  const { sent, kills, faults, resync, convergedAfter, verdict } = outcome;
  const { violations } = verdict;
  const number = (value: number) => value.toLocaleString('en');
  const rows: [string, string][] = [
    ['changes sent', `${number(sent.changes)}, ${sent.rate.toFixed(0)} a second`],
    ...Object.entries(sent.failures).map(([how, n]): [string, string] => [`  failed with ${how}`, number(n)]),
    ['most changes in flight', number(sent.inFlight)],
    ['records', number(verdict.records)],
    ['revisions on the topic', number(verdict.revisions)],
    ...Object.entries(kills).map(([name, count]): [string, string] => [
      `kill -9 of ${name}`,
      `${count}, started again`,
    ]),
    ...Object.entries(faults).map(([fault, count]): [string, string] => [`fault: ${inWords(fault)}`, number(count)]),
    ['resynchronisation', resync],
    ['converged', convergedAfter === undefined ? 'no' : `after ${convergedAfter.toFixed(0)} s`],
    ['writes executed', number(verdict.writes)],
    ['of a revision written before', number(verdict.repeated)],
    ['writes refused', number(verdict.refused)],
    ['violations', number(violations.length)],
    ...Object.entries(PROMISES).map(([broken, promise]): [string, string] => {
      const count = violations.filter((one) => one.broken === broken).length;
      return [`  ${broken}`, count === 0 ? `0: ${promise}` : number(count)];
    }),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  return ['', ...table, ...told(violations, outcome.log), `seed ${plan.seed}: ${command(plan)}`].join('\n');
}

function told(violations: readonly Violation[], log: string): string[] {
  if (violations.length === 0) return [];
  const lines = violations.slice(0, SHOWN).map(({ broken, id, detail }) => `${broken}: ${id}: ${detail}`);
  if (violations.length > SHOWN) lines.push(`and ${violations.length - SHOWN} more`);
  return [...lines, `the target's log: ${log}`];
}

const inWords = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** The command that runs the same plan again. */
function command({ seed, seconds, rate, entities, ifMatch, lateRepeats }: Plan): string {
  const flags = { '--if-match': ifMatch, '--late-repeats': lateRepeats };
  const given = Object.entries(flags).flatMap(([flag, on]) => (on ? [` ${flag}`] : []));
  return `npm run chaos -- --seed ${seed} --seconds ${seconds} --rate ${rate} --entities ${entities}${given.join('')}`;
}
