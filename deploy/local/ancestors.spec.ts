import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { isAlive, until } from '@myelin/testing';

const watcher = `import { watchAncestors } from '${pathToFileURL(`${__dirname}/ancestors.mjs`).href}';
watchAncestors(() => process.exit(), 50);
setInterval(() => {}, 1000);
console.log(process.pid);`;
// A shell that calls itself npm, a shell as npm starts one, and the process that watches them.
const chain = `exec -a npm bash -c 'echo $$; bash -c "echo \\$\\$; \\"\\$NODE\\" --input-type=module -e \\"\\$WATCHER\\"; :"; :'`;

describe('a process below npm', () => {
  let top: ChildProcess;
  let pids: number[] = [];

  beforeEach(async () => {
    const env = { ...process.env, NODE: process.execPath, WATCHER: watcher };
    top = spawn('bash', ['-c', chain], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    pids = [];
    for await (const line of createInterface({ input: top.stdout! })) if (pids.push(Number(line)) === 3) break;
  });

  afterEach(() => {
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  });

  it.each([
    ['npm', 0],
    ['the shell below npm', 1],
  ])('learns that %s was killed', async (_who, level) => {
    const [npm, shell, below] = pids as [number, number, number];
    expect(new Set([npm, shell, below]).size).toBe(3);
    process.kill(pids[level]!, 'SIGKILL');
    // It runs no longer; whether it is also reaped depends on who inherits orphans on this machine.
    await until('the process below npm to end', () => !isAlive(below));
  });

  it('goes on while all of them are there', async () => {
    await sleep(200);
    expect(pids.map(isAlive)).toEqual([true, true, true]);
  });
});
