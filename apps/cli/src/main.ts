import { CommanderError } from 'commander';
import { EXIT, Failure } from './failure.js';
import { createProgram } from './program.js';

/** Runs one command; what goes wrong is told in one sentence, and by the exit code. */
async function main(): Promise<number> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed),
  );
  try {
    await createProgram().parseAsync();
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}

void main().then((code) => (process.exitCode = code));
