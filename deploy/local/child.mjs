import { spawn } from 'node:child_process';

/** Starts a program in a process group of its own; the kernel ends it when this process is gone, however it went. */
export function spawnTied(command, args, options) {
  return spawn('setpriv', ['--pdeathsig=TERM', '--', command, ...args], { ...options, detached: true });
}

/** Sends a signal to a child and to all of its group. */
export function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone meanwhile.
  }
}

/** How a child ended, as a shell would say it. */
export function exitCodeOf(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 137)),
    );
  });
}
