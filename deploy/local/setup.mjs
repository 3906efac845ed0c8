import { createHash } from 'node:crypto';
import { accessSync, chmodSync, constants, createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { lstatSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { exitCodeOf, signalGroup, spawnTied } from './child.mjs';
import { claim, digest } from './claim.mjs';

/** A reason to stop that the user can do something about. */
export class SetupFault extends Error {}

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const local = join(root, '.local');
const uid = process.getuid?.();
const isRoot = uid === 0;

/** Prints a line of progress; standard output belongs to the program that is started. */
export const say = (text) => process.stderr.write(`${text}\n`);

/**
 * Installs and builds what is missing, one run at a time for each clone.
 * @returns the environment variables that tell the programs where the servers' files are
 */
export async function setUp(signal) {
  mkdirSync(local, { recursive: true });
  const release = await claimSoon(`setup of ${root}`, signal);
  try {
    await step('packages', signal, installPackages);
    const env = {};
    if (process.env.KAFKA_BROKERS) say('kafka      named by KAFKA_BROKERS');
    else {
      env.MYELIN_JAVA = await step('java', signal, findJava);
      env.MYELIN_KAFKA_LIBS = await step('kafka', signal, fetchKafka);
    }
    if (process.env.LDAP_URL) say('slapd      named by LDAP_URL');
    else env.MYELIN_SLAPD_ROOT = await step('slapd', signal, fetchSlapd);
    await step('build', signal, build);
    return env;
  } finally {
    release();
  }
}

/** Claims the data folder of one run: the second of two runs at once gets another one. */
export async function claimDataFolder(name) {
  for (let n = 1; n < 100; n++) {
    const folder = join(dataRoot(), n === 1 ? name : `${name}-${n}`);
    if (await claim(folder)) return folder;
  }
  throw new SetupFault(`a hundred runs of "${name}" at once are too many`);
}

/** The Node.js that runs our own code: the one that npm installed, or this one. */
export function nodeProgram() {
  const installed = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(installed)) return installed;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new SetupFault(
    'No Node.js 24 for this machine came with the packages: please start this with Node.js 24 or newer.',
  );
}

async function claimSoon(name, signal) {
  for (let waited = false; ; waited = true) {
    const release = await claim(name);
    if (release) return release;
    if (!waited) say('waiting    another run sets this clone up');
    await sleep(200, undefined, { signal });
  }
}

/** Runs one step with a line of progress; a step tells what it does by `tell` when it will take a while. */
async function step(name, signal, work) {
  const start = Date.now();
  let told = false;
  const tell = (text) => {
    told = true;
    say(`${name.padEnd(10)} ${text} …`);
  };
  const result = await work({ tell, run: (command, args, options) => run(name, signal, command, args, options) });
  say(`${name.padEnd(10)} ready${told ? ` after ${((Date.now() - start) / 1000).toFixed(1)} s` : ''}`);
  return result;
}

/** Runs a program to its end and gives what it printed; everything it printed is also in a log. */
async function run(name, signal, command, args, { cwd = root, env = process.env } = {}) {
  signal.throwIfAborted();
  const logFile = join(local, `setup-${name}.log`);
  const log = createWriteStream(logFile, { flags: 'a' });
  log.write(`$ ${command} ${args.join(' ')}\n`);
  const child = spawnTied(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      log.write(text);
    });
  }
  const stop = () => {
    signalGroup(child, 'SIGTERM');
    setTimeout(() => signalGroup(child, 'SIGKILL'), 3000).unref();
  };
  signal.addEventListener('abort', stop);
  const code = await exitCodeOf(child);
  signal.removeEventListener('abort', stop);
  log.end();
  signal.throwIfAborted();
  if (code === 0) return output;
  throw new SetupFault(
    `"${command} ${args.join(' ')}" failed with ${code}:\n${output.slice(-2000)}\nAll of it is in ${logFile}`,
  );
}

/** Whether node_modules holds what package-lock.json asks for on this machine. */
function packagesAreInstalled() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const isForHere = ({ os, cpu }) =>
    (os || cpu) &&
    (os ?? [process.platform]).includes(process.platform) &&
    (cpu ?? [process.arch]).includes(process.arch);
  return Object.entries(wanted).every(([path, wish]) => {
    if (path === '' || (installed[path] && installed[path].version === wish.version)) return true;
    // npm leaves out optional packages for other machines and what those need; which C library is here, only npm knows.
    return !installed[path] && wish.optional && (wish.libc || !isForHere(wish));
  });
}

async function installPackages({ tell, run }) {
  if (packagesAreInstalled()) return;
  tell('npm ci');
  // npm must not run on the Node.js that it is about to replace.
  const path = process.env.PATH.split(delimiter).filter((folder) => !folder.endsWith(join('node_modules', '.bin')));
  await run('npm', ['ci', '--loglevel=error'], { env: { ...process.env, PATH: path.join(delimiter) } });
}

async function findJava({ tell, run }) {
  const find = async () => {
    const candidates = process.env.JAVA_HOME ? [join(process.env.JAVA_HOME, 'bin', 'java'), 'java'] : ['java'];
    for (const java of candidates) {
      const [, major] = (await run(java, ['-version']).catch(() => '')).match(/version "(\d+)/) ?? [];
      if (Number(major) >= 17) return java;
    }
    return undefined;
  };
  const found = await find();
  if (found) return found;
  const advice =
    'Kafka needs Java 17 or newer: please install it (Debian, Ubuntu: apt-get install openjdk-17-jre-headless), set JAVA_HOME, ' +
    'or name a running Kafka in KAFKA_BROKERS.';
  if (!canInstall()) throw new SetupFault(advice);
  tell('apt-get install openjdk-17-jre-headless');
  await run('apt-get', ['update', '-q']);
  await aptInstall(run, 'openjdk-17-jre-headless').catch(() => aptInstall(run, 'default-jre-headless'));
  const installed = await find();
  if (!installed) throw new SetupFault(advice);
  return installed;
}

async function fetchKafka({ tell, run }) {
  const pom = join(root, 'deploy', 'local', 'kafka', 'pom.xml');
  const folder = join(local, 'kafka', digest(readFileSync(pom, 'utf8')));
  if (existsSync(folder)) return folder;
  if (!inPath('mvn')) {
    if (!canInstall()) {
      throw new SetupFault(
        'Maven fetches Kafka: please install it (Debian, Ubuntu: apt-get install maven), or name a running Kafka in KAFKA_BROKERS.',
      );
    }
    tell('apt-get install maven');
    await run('apt-get', ['update', '-q']);
    await aptInstall(run, 'maven');
  }
  tell('fetching the jars with Maven');
  await inFreshFolder(folder, async (fresh) => {
    // A repository of its own: Maven does not guard the user's against two runs at once.
    const repository = join(fresh, '.repository');
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
    const options = [`-Dmaven.repo.local=${repository}`, `-DoutputDirectory=${fresh}`, '-DincludeScope=runtime'];
    await run('mvn', ['-B', '-q', '-ntp', '-f', pom, ...options, goal]);
    rmSync(repository, { recursive: true });
  });
  return folder;
}

/** The server, and the tools to look into it. */
const OPENLDAP = ['slapd', 'ldap-utils'];

/** The folder in front of slapd's files: empty when it is installed, ours when its packages were only unpacked. */
async function fetchSlapd({ tell, run }) {
  // Ubuntu's AppArmor profile keeps the installed slapd out of our folders; an unpacked one is free of it.
  const confined = existsSync('/etc/apparmor.d/usr.sbin.slapd');
  if (!confined && existsSync('/usr/sbin/slapd') && existsSync('/etc/ldap/schema')) return '';
  const folder = join(local, 'slapd');
  if (existsSync(join(folder, 'usr/bin/ldapsearch'))) return folder;
  const advice =
    'please install slapd (Debian, Ubuntu: apt-get install slapd), or name a running directory in LDAP_URL.';
  if (!inPath('apt-get')) throw new SetupFault(`The local directory needs OpenLDAP: ${advice}`);
  tell("unpacking Debian's packages");
  const unpack = () =>
    inFreshFolder(folder, async (fresh) => {
      const missing = await run('apt-get', ['install', '-s', '-q', '--no-install-recommends', ...OPENLDAP]);
      const names = new Set([...OPENLDAP, ...[...missing.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name)]);
      await run('apt-get', ['download', '-q', ...names], { cwd: fresh });
      for (const file of readdirSync(fresh).filter((name) => name.endsWith('.deb'))) {
        await run('dpkg', ['-x', file, '.'], { cwd: fresh });
        rmSync(join(fresh, file));
      }
    });
  try {
    await unpack().catch(async (error) => {
      // The lists of packages may be empty or old.
      if (!isRoot) throw error;
      await run('apt-get', ['update', '-q']);
      await unpack();
    });
  } catch (error) {
    if (!(error instanceof SetupFault)) throw error;
    throw new SetupFault(
      `${error.message}\nThe packages of OpenLDAP cannot be fetched: run apt-get update as root, ${advice}`,
    );
  }
  return folder;
}

/** Compiles the sources when one of them changed; the old `dist` is replaced at one stroke, as another run may use it. */
async function build({ tell, run }) {
  const folders = ['apps', 'libs', 'test', 'bench', 'deploy'].filter((name) => existsSync(join(root, name)));
  const sources = folders.flatMap((name) => sourcesIn(join(root, name)));
  const state = [join(root, '.swcrc'), ...sources].map((file) => {
    const { mtimeMs, size } = statSync(file);
    return `${relative(root, file)} ${mtimeMs} ${size}`;
  });
  const stamp = createHash('sha256').update(state.join('\n')).digest('hex');
  const dist = join(root, 'dist');
  const stampFile = join(dist, '.sources');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  tell('swc');
  const swc = join(root, 'node_modules', '@swc', 'cli', 'bin', 'swc.js');
  await inFreshFolder(dist, async (fresh) => {
    await run(nodeProgram(), [swc, ...folders, '-d', fresh, '--extensions', '.ts', '--quiet']);
    writeFileSync(join(fresh, '.sources'), stamp);
  });
}

function sourcesIn(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Fills a folder under another name first, so that it is there whole or not at all, and is replaced at one stroke. */
async function inFreshFolder(folder, fill) {
  const [fresh, old] = [`${folder}-fresh`, `${folder}-old`];
  const clear = () => [fresh, old].forEach((path) => rmSync(path, { recursive: true, force: true }));
  clear();
  mkdirSync(fresh, { recursive: true });
  try {
    await fill(fresh);
    if (existsSync(folder)) renameSync(folder, old);
    renameSync(fresh, folder);
  } finally {
    clear();
  }
}

/** Folder of the servers' data: as root, PostgreSQL runs as another user, whom the way to the clone may not let through. */
function dataRoot() {
  if (!isRoot || reachableByOthers(root)) return openFolder(local);
  return openFolder(join(openFolder(join(tmpdir(), `myelin-${uid}`)), digest(root)));
}

function openFolder(path) {
  mkdirSync(path, { recursive: true });
  // In /tmp somebody else may have been there first.
  if (lstatSync(path).uid !== uid) throw new SetupFault(`${path} belongs to another user; please remove it`);
  chmodSync(path, 0o755);
  return path;
}

function reachableByOthers(path) {
  return (statSync(path).mode & 0o001) !== 0 && (dirname(path) === path || reachableByOthers(dirname(path)));
}

function aptInstall(run, name) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return run('apt-get', ['install', '-y', '-q', '--no-install-recommends', name], { env });
}

const canInstall = () => isRoot && inPath('apt-get');

function inPath(program) {
  return process.env.PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
