/** Prints the steps of a run: what is being done, and how long it took. */
export class Progress {
  private readonly begin = Date.now();

  /** Prints a line of its own. */
  say(line = ''): void {
    process.stdout.write(`${line}\n`);
  }

  /** Runs one step and prints its name, its result and its duration. */
  async step<T>(name: string, work: () => Promise<T>, describe: (result: T) => string = () => ''): Promise<T> {
    const start = Date.now();
    if (process.stdout.isTTY) process.stdout.write(`  … ${name}`);
    const result = await work();
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    const line = `  ✓ ${name.padEnd(34)} ${seconds.padStart(6)} s  ${describe(result)}`;
    process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[K' : ''}${line.trimEnd()}\n`);
    return result;
  }

  get seconds(): string {
    return ((Date.now() - this.begin) / 1000).toFixed(1);
  }
}
