import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, isAlive, reapLeftover, spawnTied, until, writePidFile } from './process';

const dir = mkdtempSync(join(tmpdir(), 'myelin-process-'));
const log = join(dir, 'log');
const written = () => until('the log to be written', () => existsSync(log) && readFileSync(log, 'utf8').endsWith('\n'));

afterEach(() => rmSync(log, { force: true }));
afterAll(() => rmSync(dir, { recursive: true }));

describe('a tied process', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('is gone when the process that started it ends with %s', async (signal) => {
    const script = `const child = require(${JSON.stringify(join(__dirname, 'process.ts'))}).spawnTied('sleep', ['60']);
      console.log(child.pid); setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line);
    expect(isAlive(pid)).toBe(true);
    parent.kill(signal);
    await until('the child to be gone', () => !isAlive(pid), { deadlineMs: 3000 });
  });

  it('is told to leave, and tells how it did', async () => {
    const child = spawnTied('sleep', ['60'], { log });
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(child.running).toBe(false);
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('is killed when it does not leave in time', async () => {
    const child = spawnTied('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'], { log });
    await written();
    expect(await child.stop('SIGTERM', 100)).toMatchObject({ signal: 'SIGKILL' });
  });

  it('takes what it started with it, frozen or not', async () => {
    const child = spawnTied('sh', ['-c', 'sleep 60 & echo $!; wait'], { log });
    await written();
    const grandchild = Number(readFileSync(log, 'utf8'));
    child.freeze();
    await child.kill();
    expect([child.pid, grandchild].filter(isAlive)).toEqual([]);
  });

  it('stands still between freeze and thaw', async () => {
    const child = spawnTied('sleep', ['60'], { log });
    const state = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[2];
    child.freeze();
    await until('the child to stand still', () => state() === 'T');
    child.thaw();
    await until('the child to go on', () => state() !== 'T');
    await child.kill();
  });

  it('says its last words when it leaves before it is ready', async () => {
    const child = spawnTied('sh', ['-c', 'echo no licence; exit 3'], { log });
    const waiting = until('the server should serve', () => false, { process: child });
    await expect(waiting).rejects.toThrow(/the server should serve: it left at once\nno licence/);
    expect(await child.ended).toEqual({ code: 3, signal: null });
  });
});

describe('a leftover of an earlier run', () => {
  const file = join(dir, 'pid');

  it('is ended when its command line holds the mark, and left alone when not', async () => {
    const child = spawnTied('sleep', ['60.125'], { log });
    writePidFile(file, child);
    // The kernel shows no command line while one program takes the place of another.
    await until('setpriv to be sleep', () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n');
    await reapLeftover(file, '60.126');
    expect(child.running).toBe(true);
    await reapLeftover(file, '60.125');
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  it('may be gone already', async () => {
    await reapLeftover(file, '60.125');
    await reapLeftover(join(dir, 'absent'), '60.125');
  });
});

describe('free ports', () => {
  it('are distinct and can be listened on', async () => {
    const ports = await freePorts(5);
    expect(new Set(ports).size).toBe(5);
    for (const port of ports) {
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
    }
  });
});
