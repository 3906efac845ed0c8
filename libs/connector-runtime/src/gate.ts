import type { Session } from '@myelin/connector';
import { briefly, type Logger } from '@myelin/platform';
import { consequenceOf } from './outcome.js';

const FIRST_PROBE_MS = 250;
const LAST_PROBE_MS = 15_000;

/** `open`: work flows. `paused`: the target does not answer. `stopped`: settings or credentials must be mended. */
export type GateState = 'open' | 'paused' | 'stopped';

/** Holds all work back while the target cannot take any, and probes it until it can. */
export class Gate {
  private reason: { state: GateState; detail: string } = {
    state: 'paused',
    detail: 'the target has not been asked yet',
  };
  private opening: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly session: Session,
    private readonly logger: Logger,
  ) {}

  status(): { state: GateState; detail: string } {
    return this.reason;
  }

  /** Asks the target for the first time: work begins when it has answered as expected. */
  start(): void {
    this.opening = this.probe(0);
  }

  /** Resolves when work may flow. */
  async passage(): Promise<void> {
    await this.opening;
  }

  /** Closes the gate because of an error, unless it is closed already. */
  close(error: Error, fatal: boolean): void {
    if (this.opening || this.closed) return;
    this.reason = { state: fatal ? 'stopped' : 'paused', detail: error.message };
    this.logger[fatal ? 'error' : 'warn'](
      { err: briefly(error) },
      fatal ? 'the connector cannot work' : 'the target does not answer',
    );
    this.opening = this.probe(FIRST_PROBE_MS);
  }

  /** Ends probing: whoever waits goes on and finds the process stopping. */
  end(): void {
    this.closed = true;
    this.wake?.();
  }

  private wake: (() => void) | undefined;

  private async probe(firstWait: number): Promise<void> {
    for (let wait = firstWait; !this.closed; wait = Math.min(Math.max(wait * 2, FIRST_PROBE_MS), LAST_PROBE_MS)) {
      await this.pause(wait * (0.5 + Math.random() / 2));
      if (this.closed) return;
      try {
        await this.session.check();
        this.reason = { state: 'open', detail: '' };
        this.opening = undefined;
        this.logger.info('the target answers');
        return;
      } catch (error) {
        const consequence = consequenceOf(error, 0);
        const fatal = consequence.then === 'pause' && consequence.fatal;
        this.reason = { state: fatal ? 'stopped' : 'paused', detail: (error as Error).message };
      }
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
