import { freePorts, reapLeftover, until, writePidFile, type Ending, type TiedProcess } from './process';

/** What a server of the local stack is made of. */
export interface ServerRecipe {
  what: string;
  /** File with its process id, so that a later run can end a leftover. */
  pidFile: string;
  /** Text that only the command line of this very server holds. */
  mark: string;
  /** What makes it leave in order. */
  stopSignal: NodeJS.Signals;
  launch: () => TiedProcess;
  /** Whether it serves; an error means "not yet". */
  ready: (process: TiedProcess) => boolean | Promise<boolean>;
}

/** Long, for a machine that has much else to do: a server that cannot start says so at once. */
const START_DEADLINE_MS = 60_000;

/** A running server that a test may stop, kill, freeze and start again: same port, same data. */
export class LocalServer {
  readonly #recipe: ServerRecipe;
  #process!: TiedProcess;

  private constructor(recipe: ServerRecipe) {
    this.#recipe = recipe;
  }

  /** Starts a server and waits until it serves. */
  static async start(recipe: ServerRecipe): Promise<LocalServer> {
    const server = new LocalServer(recipe);
    await reapLeftover(recipe.pidFile, recipe.mark);
    await server.#launch();
    return server;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** Stops it in order. */
  stop(): Promise<Ending> {
    return this.#process.stop(this.#recipe.stopSignal);
  }

  /** Ends it at once with kill -9, as a crash would. */
  kill(): Promise<Ending> {
    return this.#process.kill();
  }

  /** Starts it again, stopping it first if it runs. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#launch();
  }

  /** Makes it hang without closing a connection. */
  freeze(): void {
    this.#process.freeze();
  }

  /** Ends a freeze. */
  thaw(): void {
    this.#process.thaw();
  }

  async #launch(): Promise<void> {
    const { what, pidFile, launch, ready } = this.#recipe;
    this.#process = launch();
    writePidFile(pidFile, this.#process);
    try {
      await until(`${what} should serve`, () => ready(this.#process), {
        process: this.#process,
        deadlineMs: START_DEADLINE_MS,
      });
    } catch (error) {
      await this.#process.kill();
      throw error;
    }
  }
}

/** Starts something on free ports, and on others when another process took one of them in between. */
export async function onFreePorts<T>(count: number, start: (...ports: number[]) => Promise<T>, tries = 3): Promise<T> {
  try {
    return await start(...(await freePorts(count)));
  } catch (error) {
    if (tries > 1 && /already in use/i.test((error as Error).message)) return onFreePorts(count, start, tries - 1);
    throw error;
  }
}
