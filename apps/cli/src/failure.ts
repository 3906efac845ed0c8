/** How the command ends, for scripts: documented in the user guide. */
export const EXIT = {
  done: 0,
  /** It was refused, or it did not end well. */
  failed: 1,
  /** The command line, or the file of addresses, is wrong. */
  usage: 2,
  /** A service does not answer. */
  unreachable: 3,
  /** There is no such thing. */
  notFound: 4,
} as const;

/** Ends the command with a message for people and a code for scripts. */
export class Failure extends Error {
  constructor(
    readonly exitCode: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Failure';
  }
}

export const usage = (message: string) => new Failure(EXIT.usage, message);
