import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a process is started. */
export interface SpawnOptions {
  /** What messages call it. */
  what?: string;
  /** File that its output is appended to; without it the output goes to this process's own. */
  log?: string;
  /** Its whole environment; that of this process by default. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Whom it runs as; only root may say so. */
  user?: { uid: number; gid: number };
  /** What the kernel sends it when this process is gone, however it went. */
  deathSignal?: NodeJS.Signals;
}

/** How a process ended. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process that does not outlive the one that started it. */
export class TiedProcess {
  readonly what: string;
  readonly pid: number;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #log: string | undefined;

  constructor(child: ChildProcess, pid: number, what: string, log?: string) {
    this.#child = child;
    this.#log = log;
    this.pid = pid;
    this.what = what;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        // What it started and did not end, such as the workers of a test runner, is in its group.
        signalAll([-pid], 'SIGKILL');
        resolve({ code, signal });
      });
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last lines that it wrote to its log. */
  get lastWords(): string {
    return this.#log && existsSync(this.#log) ? readFileSync(this.#log, 'utf8').slice(-2000) : '';
  }

  /** Asks it to leave, and ends it with everything it started when it is still there after the deadline. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', deadlineMs = 15_000): Promise<Ending> {
    if (!this.running) return this.ended;
    this.thaw();
    this.#child.kill(signal);
    const late = new AbortController();
    const kill = sleep(deadlineMs, undefined, { signal: late.signal }).then(
      () => this.kill(),
      () => undefined,
    );
    const ending = await this.ended;
    late.abort();
    await kill;
    return ending;
  }

  /** Ends it and everything it started with SIGKILL; done when all of them are gone. */
  async kill(): Promise<Ending> {
    const tree = this.running ? processTree(this.pid) : [];
    signalAll(tree, 'SIGKILL');
    const ending = await this.ended;
    await until(`${this.what} to be gone`, () => !tree.some(isAlive), { everyMs: 5 });
    return ending;
  }

  /** Stops the clock of it and of everything it started, as a hanging machine would. */
  freeze(): void {
    signalAll(processTree(this.pid), 'SIGSTOP');
  }

  /** Ends a freeze. */
  thaw(): void {
    signalAll(processTree(this.pid), 'SIGCONT');
  }
}

/** Starts a process in a group of its own, so that Ctrl-C reaches only its supervisor, and ties it to this process. */
export function spawnTied(command: string, args: readonly string[], options: SpawnOptions = {}): TiedProcess {
  const { log, user, what = command, deathSignal = 'SIGKILL' } = options;
  const as = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
  const output = log === undefined ? 'inherit' : openSync(log, 'a');
  const child = spawn('setpriv', [...as, `--pdeathsig=${deathSignal.slice(3)}`, '--', command, ...args], {
    stdio: [log === undefined ? 'inherit' : 'ignore', output, output],
    // The launcher finds what a run left behind by this variable.
    env: { ...(options.env ?? process.env), MYELIN_RUN: process.env['MYELIN_RUN'] },
    cwd: options.cwd,
    detached: true,
  });
  if (typeof output === 'number') closeSync(output);
  if (child.pid === undefined) {
    child.once('error', () => undefined);
    throw new Error(`${what} cannot be started: setpriv (util-linux) is missing`);
  }
  return new TiedProcess(child, child.pid, what, log);
}

/** Waits until `ready` says so; errors of `ready` mean "not yet". Fails at the deadline, or at once when `process` ends. */
export async function until(
  what: string,
  ready: () => boolean | Promise<boolean>,
  options: { deadlineMs?: number; everyMs?: number; process?: TiedProcess } = {},
): Promise<void> {
  const { deadlineMs = 30_000, everyMs = 25, process } = options;
  const end = Date.now() + deadlineMs;
  for (;;) {
    if (process && !process.running) throw new Error(`${what}: it left at once\n${process.lastWords}`);
    const yes = await Promise.resolve()
      .then(ready)
      .catch(() => false);
    if (yes) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms\n${process?.lastWords ?? ''}`);
    await sleep(everyMs);
  }
}

/** Free TCP ports of the loopback address, below those the kernel gives to clients: a server that is down keeps its port. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    held.push(server);
    ports.push(port);
  }
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Notes a process for `reapLeftover`. */
export function writePidFile(file: string, process: TiedProcess): void {
  writeFileSync(file, `${process.pid}\n`);
}

/** Ends what an earlier run left: the process noted in the file, if its command line still holds `mark`. */
export async function reapLeftover(file: string, mark: string): Promise<void> {
  const pid = Number(readOrNothing(file).split('\n')[0]);
  if (!pid || !readOrNothing(`/proc/${pid}/cmdline`).includes(mark)) return;
  const tree = processTree(pid);
  signalAll(tree, 'SIGKILL');
  await until(`process ${pid} of an earlier run to be gone`, () => !tree.some(isAlive));
}

/** A process and everything below it, parents first. */
function processTree(pid: number): number[] {
  const children = threadsOf(pid)
    .flatMap((thread) => readOrNothing(`/proc/${pid}/task/${thread}/children`).split(' '))
    .filter((child) => child !== '');
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** None when it is gone, which may be at any moment. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone meanwhile.
    }
  }
}

/** Whether a process runs; one that ended and whose parent has not noticed yet does not. */
export function isAlive(pid: number): boolean {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  // The state follows the command, which stands in brackets and may hold anything; a zombie holds no file and no port.
  return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
