import type { Session } from '@myelin/connector';
import { briefly, type Logger } from '@myelin/platform';
import { backoff, consequenceOf } from './outcome.js';

const FIRST_PROBE_MS = 250;
const LAST_PROBE_MS = 15_000;
/** So many entities put off one after the other, and none taken between them: the target is overloaded, not locked. */
const TOO_MANY_PUT_OFF = 20;

/** `open`: work flows. `paused`: the target does not answer. `stopped`: settings or credentials must be mended. */
export type GateState = 'open' | 'paused' | 'stopped';

/**
 * The circuit breaker of a connector: holds all work back while the target cannot take any, probes it until it can, and
 * then lets single entities through until one of them has succeeded.
 */
export class Gate {
  private reason: { state: GateState; detail: string } = {
    state: 'paused',
    detail: 'the target has not been asked yet',
  };
  private opening: Promise<void> | undefined;
  private closed = false;
  private trial = false;
  private putOff = 0;
  private storms = 0;
  private wake: (() => void) | undefined;

  constructor(
    private readonly session: Session,
    private readonly logger: Logger,
  ) {}

  status(): { state: GateState; detail: string } {
    return this.reason;
  }

  /** Whether work may flow at this moment. */
  get isOpen(): boolean {
    return this.opening === undefined;
  }

  /** Asks the target for the first time: work begins when it has answered as expected. */
  start(): void {
    this.opening = this.probe(0);
  }

  /** Resolves when work may flow, with how many entities may be taken at most. */
  async passage(limit: number): Promise<number> {
    await this.opening;
    return this.trial ? 1 : limit;
  }

  /** Closes the gate because of an error, unless it is closed already; `afterMs`: how long the target asks to be left alone. */
  close(error: Error, fatal: boolean, afterMs?: number): void {
    if (this.opening || this.closed) return;
    this.reason = { state: fatal ? 'stopped' : 'paused', detail: error.message };
    this.logger[fatal ? 'error' : 'warn'](
      { err: briefly(error), retryAfterMs: afterMs },
      fatal ? 'the connector cannot work' : 'the target does not answer',
    );
    this.opening = this.probe(afterMs ?? FIRST_PROBE_MS);
  }

  /** The target took an entity. */
  succeeded(): void {
    this.putOff = 0;
    this.storms = 0;
    this.trial = false;
  }

  /** The target put an entity off; a storm of such answers closes the gate. */
  refused(error: Error, afterMs: number | undefined): void {
    if (++this.putOff < TOO_MANY_PUT_OFF) return;
    this.putOff = 0;
    this.close(error, false, afterMs ?? FIRST_PROBE_MS + backoff(this.storms++));
  }

  /** Ends probing: whoever waits goes on and finds the process stopping. */
  end(): void {
    this.closed = true;
    this.wake?.();
  }

  private async probe(firstWait: number): Promise<void> {
    let wait = firstWait;
    for (let first = true; !this.closed; first = false) {
      // What the target asks for is kept to; other waits are spread, so that instances do not probe together.
      await this.pause(first ? wait : wait * (0.5 + Math.random() / 2));
      if (this.closed) return;
      try {
        await this.session.check();
        this.reason = { state: 'open', detail: '' };
        this.opening = undefined;
        this.trial = true;
        this.logger.info('the target answers');
        return;
      } catch (error) {
        const consequence = consequenceOf(error, 0);
        const fatal = consequence.then === 'pause' && consequence.fatal;
        const asked = consequence.then === 'pause' ? consequence.inMs : undefined;
        this.reason = { state: fatal ? 'stopped' : 'paused', detail: (error as Error).message };
        wait = asked ?? Math.min(Math.max(first ? FIRST_PROBE_MS : wait * 2, FIRST_PROBE_MS), LAST_PROBE_MS);
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
