import { readFileSync } from 'node:fs';
import { setInterval, clearInterval } from 'node:timers';

/**
 * Calls `gone` once when this process's parent, or any ancestor up to npm, is no longer there. A shell whose npm was killed lives
 * on, and would keep this process without anybody who could stop it. Without npm among the ancestors nothing is watched: a user
 * may leave a process that was started by hand in the background.
 * @returns a function that ends the watch
 */
export function watchAncestors(gone, everyMs = 300) {
  const watched = ancestorsUpToNpm();
  if (watched.length === 0) return () => undefined;
  const timer = setInterval(() => {
    if (watched.every(({ pid, started }) => processOf(pid)?.started === started)) return;
    clearInterval(timer);
    gone();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

function ancestorsUpToNpm() {
  const chain = [];
  for (let pid = process.ppid; pid > 1;) {
    const found = processOf(pid);
    if (!found) return [];
    chain.push({ pid, started: found.started });
    if (isNpm(pid)) return chain;
    pid = found.parent;
  }
  return [];
}

/** npm writes its own command line, such as "npm run demo". */
function isNpm(pid) {
  return /^([^\0]*\/)?npm[\s\0]|\/npm(-cli\.js)?\0/.test(read(`/proc/${pid}/cmdline`));
}

/** Parent and start of a living process; the start tells it from a later one with the same number. */
function processOf(pid) {
  const stat = read(`/proc/${pid}/stat`);
  // The command stands in brackets and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, started] = [fields[0], Number(fields[1]), fields[19]];
  return stat === '' || state === 'Z' || state === 'X' ? undefined : { parent, started };
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
