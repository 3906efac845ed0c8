import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Ends every process that was started for the data folder of a run, after `graceMs` in which it may leave by itself. */
export async function endLeftovers(folder, graceMs = 0) {
  const patience = Date.now() + graceMs;
  const deadline = patience + 10_000;
  for (;;) {
    const left = processesOf(folder);
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`processes of ${folder} do not end: ${left.join(', ')}`);
    if (Date.now() >= patience) left.forEach(kill);
    await sleep(50);
  }
}

function processesOf(folder) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => `\0${environmentOf(pid)}`.includes(`\0MYELIN_LOCAL=${folder}\0`));
}

function environmentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid) {
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    // Gone meanwhile.
  }
}
