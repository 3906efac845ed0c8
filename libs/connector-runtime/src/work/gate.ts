import type { Session } from '@myelin/connector';
import { briefly, type Logger } from '@myelin/platform';
import { consequenceOf } from './outcome.js';

const FIRST_PROBE_MS = 250;
const LAST_PROBE_MS = 15_000;
/** A trouble that lasts is told again after so long. */
const TOLD_AGAIN_MS = 3_600_000;
/** One that is back as soon as it was over is told again after so long. */
const BACK_AGAIN_MS = 60_000;
const REMEDY = 'mend its settings, or its account and rights in the target (docs/runbook.md, "Wrong credentials")';
/** So many entities put off one after the other, and none taken between them: the target is overloaded, not locked. */
const TOO_MANY_PUT_OFF = 20;

/** `open`: work flows. `paused`: the target does not answer. `stopped`: settings or credentials must be mended. */
export type GateState = 'open' | 'paused' | 'stopped';

/**
 * The circuit breaker of a connector: holds all work back while the target cannot take any, probes it until it can, and
 * then lets single entities through until one of them has passed. That the target answers a probe does not say that it takes
 * writes: the waits grow until it has taken one.
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
  /** How long the target is left alone after its next failure. */
  private wait = FIRST_PROBE_MS;
  /** The last trouble that the log tells of. */
  private told = { at: -Infinity, fatal: false, over: false };
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
    this.opening = this.probe(0, true);
  }

  /** Resolves when work may flow, with how many entities may be taken at most. */
  async passage(limit: number): Promise<number> {
    await this.opening;
    return this.trial ? 1 : limit;
  }

  /** Closes the gate because of an error, unless it is closed already; `askedMs`: how long the target asks to be left alone. */
  close(error: Error, fatal: boolean, askedMs?: number): void {
    if (this.opening || this.closed) return;
    this.opening = this.probe(this.failed(error, fatal, askedMs), false);
  }

  /** Entities went through and none was refused for the target's sake; `taken`: the target took a write. */
  passed(taken: boolean): void {
    this.trial = false;
    if (!taken) return;
    this.putOff = 0;
    this.wait = FIRST_PROBE_MS;
    this.over();
  }

  /** The target put an entity off; a storm of such answers closes the gate. */
  refused(error: Error, askedMs: number | undefined): void {
    if (++this.putOff < TOO_MANY_PUT_OFF) return;
    this.putOff = 0;
    this.close(error, false, askedMs);
  }

  /** Ends probing: whoever waits goes on and finds the process stopping. */
  end(): void {
    this.closed = true;
    this.wake?.();
  }

  /** Asks until the target answers as expected. `inDoubt`: that it does not answer is the trouble, and over when it does. */
  private async probe(firstWait: number, inDoubt: boolean): Promise<void> {
    for (let wait = firstWait; ; inDoubt = true) {
      await this.pause(wait);
      if (this.closed) return;
      try {
        await this.session.check();
        break;
      } catch (error) {
        const consequence = consequenceOf(error, 0);
        const isFatal = consequence.then === 'pause' && consequence.fatal;
        wait = this.failed(error as Error, isFatal, 'askedMs' in consequence ? consequence.askedMs : undefined);
      }
    }
    this.reason = { state: 'open', detail: '' };
    this.opening = undefined;
    this.trial = true;
    if (inDoubt) this.over();
  }

  /** Notes a failure, and answers how long to leave the target alone. */
  private failed(error: Error, fatal: boolean, askedMs = 0): number {
    this.reason = { state: fatal ? 'stopped' : 'paused', detail: error.message };
    this.tell(error, fatal);
    const wait = this.wait;
    this.wait = Math.min(wait * 2, LAST_PROBE_MS);
    // What the target asks for is kept to; other waits are spread, so that instances do not probe together.
    return askedMs > FIRST_PROBE_MS ? askedMs : wait * (0.5 + Math.random() / 2);
  }

  /** Logs a trouble when it begins, when a person must act now and had not to before, and rarely while it lasts. */
  private tell(error: Error, fatal: boolean): void {
    const isWorse = fatal && !this.told.fatal;
    const quietMs = this.told.over ? BACK_AGAIN_MS : TOLD_AGAIN_MS;
    if (!isWorse && performance.now() - this.told.at < quietMs) return;
    this.told = { at: performance.now(), fatal, over: false };
    const line = { err: briefly(error) };
    if (fatal) this.logger.error(line, `the connector cannot work: ${REMEDY}`);
    else this.logger.warn(line, 'the target does not answer');
  }

  private over(): void {
    if (this.told.over) return;
    this.told.over = true;
    this.logger.info('the target answers');
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
