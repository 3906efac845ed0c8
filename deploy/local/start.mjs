// Starts Myelin on this machine: `node deploy/local/start.mjs demo|test|bench|chaos|stack|prepare [-- arguments]`. It runs before
// anything is installed, so it uses Node.js's own modules only.
import { mkdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { watchAncestors } from './ancestors.mjs';
import { exitCodeOf, signalGroup, spawnTied } from './child.mjs';
import { endLeftovers } from './leftovers.mjs';
import { claimDataFolder, nodeProgram, root, say, setUp, SetupFault } from './setup.mjs';

/** What each command runs, and whether it begins with no data. */
const COMMANDS = {
  demo: { program: 'deploy/demo/demo.js', args: [] },
  test: { program: 'deploy/local/run.js', args: ['test'], fresh: true },
  bench: { program: 'bench/bench.js', args: [], fresh: true },
  chaos: { program: 'test/chaos/run.js', args: [], fresh: true },
  stack: { program: 'deploy/local/run.js', args: ['stack'] },
  prepare: undefined,
};

// npm passes a Ctrl-C on that the terminal sent already: only a later one is the user's second.
const SAME_CTRL_C_MS = 1000;
const STOP_DEADLINE_MS = 30_000;

const interrupted = new AbortController();
let program;

try {
  checkMachine();
  const [command, ...rest] = process.argv.slice(2);
  if (!(command in COMMANDS))
    throw new SetupFault(`usage: node deploy/local/start.mjs ${Object.keys(COMMANDS).join('|')} [-- arguments]`);
  listen();
  const env = await setUp(interrupted.signal);
  if (COMMANDS[command]) process.exitCode = await runProgram(command, rest[0] === '--' ? rest.slice(1) : rest, env);
} catch (error) {
  if (!interrupted.signal.aborted) say(error instanceof SetupFault ? error.message : error.stack);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}

function checkMachine() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupFault(`Node.js 20.19 or newer is needed to start; this is ${process.versions.node}.`);
  }
  if (process.platform !== 'linux') {
    throw new SetupFault(
      'The local stack runs on Linux (also under WSL); elsewhere docker-compose.yml starts the same services.',
    );
  }
}

async function runProgram(command, args, env) {
  const { program: file, args: first, fresh } = COMMANDS[command];
  const folder = await claimDataFolder(command);
  await endLeftovers(folder);
  if (fresh) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  interrupted.signal.throwIfAborted();
  program = spawnTied(nodeProgram(), ['--enable-source-maps', join(root, 'dist', file), ...first, ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...env,
      MYELIN_LOCAL: folder,
      PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    },
  });
  const code = await exitCodeOf(program);
  // Whatever ended the program, its servers get the moment that they need to leave in order.
  await endLeftovers(folder, 5000);
  return code;
}

/** Ends the run on Ctrl-C and its like, and when npm or a shell between is gone; the second Ctrl-C ends it hard. */
function listen() {
  let since;
  const stop = () => {
    const again = since !== undefined;
    if (again && Date.now() - since < SAME_CTRL_C_MS) return;
    since ??= Date.now();
    interrupted.abort();
    if (!program) return;
    signalGroup(program, again ? 'SIGKILL' : 'SIGTERM');
    setTimeout(() => signalGroup(program, 'SIGKILL'), STOP_DEADLINE_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  // The terminal may be gone before we are.
  process.stderr.on('error', () => undefined);
  watchAncestors(stop);
}
