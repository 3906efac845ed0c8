const FAILURES = 5;
const ALONE_MS = 30_000;

/**
 * Leaves a service alone for half a minute after five failures in a row; then one call tries it again, and the others are kept
 * back until that one was answered.
 */
export class Breaker {
  private failures = 0;
  private until = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  get isOpen(): boolean {
    return this.failures >= FAILURES;
  }

  /** Whether a call may begin; whoever is told so begins it. */
  admits(): boolean {
    if (!this.isOpen) return true;
    if (this.now() < this.until) return false;
    this.until = this.now() + ALONE_MS;
    return true;
  }

  answered(): void {
    this.failures = 0;
  }

  failed(): void {
    if (++this.failures >= FAILURES) this.until = this.now() + ALONE_MS;
  }
}
