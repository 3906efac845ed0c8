import { briefly, type Logger } from '@myelin/platform';

/** Says once that something does not work, and once that it works again; the tries between go to `debug`. */
export class Outage {
  private since: number | undefined;
  private reason: string | undefined;

  constructor(
    private readonly logger: Logger,
    private readonly fields: Record<string, unknown>,
  ) {}

  /** The reason of the outage that lasts, if one does. */
  get detail(): string | undefined {
    return this.reason;
  }

  /** When the outage that lasts began, in milliseconds since 1970. */
  get began(): number | undefined {
    return this.since;
  }

  /** `level` is `error` when a person must act. */
  report(what: string, error: unknown, urgent: 'warn' | 'error' = 'warn'): void {
    const level = this.since === undefined || this.reason !== what ? urgent : 'debug';
    this.since ??= Date.now();
    this.reason = what;
    this.logger[level]({ ...this.fields, err: briefly(error) }, what);
  }

  over(what: string): void {
    if (this.since === undefined) return;
    this.logger.info({ ...this.fields, afterMs: Date.now() - this.since }, what);
    this.since = this.reason = undefined;
  }
}
