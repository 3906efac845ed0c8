import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from './stack/folder';
import { freePorts, spawnTied, until, type Ending, type TiedProcess } from './stack/process';
import type { StackSettings } from './stack/stack';

/** Which installation of Myelin the services belong to: several may share the servers. */
export interface Installation {
  readonly servers: StackSettings;
  /** Before the names of databases (letters, digits, `_`). */
  readonly databasePrefix: string;
  /** Before the names of topics and groups. */
  readonly topicPrefix: string;
  /** Folder of the services' logs. */
  readonly logs: string;
}

export type ServiceName = 'person' | 'structure' | 'third-party' | 'connector-ldap' | 'deliveries';

/** A service of ours that runs as a process of its own: may be killed, frozen and started again on the same port. */
export class Service {
  private process: TiedProcess | undefined;

  constructor(
    readonly name: string,
    readonly port: number,
    private readonly installation: Installation,
    private readonly settings: Readonly<Record<string, string>> = {},
    /** Tells apart two instances of one service. */
    private readonly instance = '',
    /** Its program, below `dist`. */
    private readonly program = `apps/${name}/src/main.js`,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    if (!this.process) throw new Error(`${this.name} does not run`);
    return this.process.pid;
  }

  get logFile(): string {
    return join(this.installation.logs, `${this.name}${this.instance}.log`);
  }

  /** Starts the process and waits until it answers. */
  async start(): Promise<void> {
    const profiles = process.env['PROFILES'];
    const profiling = profiles ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : [];
    this.process = spawnTied(process.execPath, [...profiling, ...this.args], {
      what: this.name,
      log: this.logFile,
      deathSignal: 'SIGTERM',
      env: this.environment,
    });
    await until(`${this.name} should answer`, async () => (await fetch(`${this.url}/health`)).ok, {
      process: this.process,
      deadlineMs: 60_000,
      everyMs: 50,
    });
  }

  /** Runs the program with these arguments to its end. */
  run(...args: string[]): Promise<{ code: number; output: string }> {
    return new Promise((resolve) => {
      const options = { env: this.environment, timeout: 60_000 };
      execFile(process.execPath, [...this.args, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, output: stdout + stderr }),
      );
    });
  }

  /** Asks the process to leave, and kills it when it is still there after the deadline. */
  async stop(deadlineMs?: number): Promise<Ending | undefined> {
    return this.process?.stop('SIGTERM', deadlineMs);
  }

  async kill(): Promise<void> {
    await this.process?.kill();
  }

  freeze(): void {
    this.process?.freeze();
  }

  thaw(): void {
    this.process?.thaw();
  }

  private get args(): string[] {
    return ['--enable-source-maps', join(repositoryRoot(), 'dist', this.program)];
  }

  private get environment(): NodeJS.ProcessEnv {
    const { servers, databasePrefix, topicPrefix } = this.installation;
    const database = new URL(servers.DATABASE_URL ?? '');
    database.pathname = `/${databasePrefix}${this.name.replace('-', '_')}`;
    return {
      ...process.env,
      ...servers,
      HOST: '127.0.0.1',
      PORT: String(this.port),
      DATABASE_URL: database.href,
      TOPIC_PREFIX: topicPrefix,
      ...this.settings,
    };
  }
}

/** Services on free ports, not started yet. */
export async function createServices<N extends ServiceName>(
  installation: Installation,
  names: readonly N[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Record<N, Service>> {
  const ports = await freePorts(names.length);
  const entries = names.map((name, index) => [name, new Service(name, ports[index] as number, installation, settings)]);
  return Object.fromEntries(entries) as Record<N, Service>;
}
