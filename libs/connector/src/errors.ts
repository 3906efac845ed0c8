/**
 * The four errors of a connector, named by what happens next. A connector throws one of them and decides nothing else:
 * retrying, waiting, parking and stopping belong to the runtime.
 */
export abstract class TargetError extends Error {
  /** True when the request may have been carried out although no answer came: the target is read before it is written again. */
  readonly unknownOutcome: boolean;

  constructor(message: string, options: { cause?: unknown; unknownOutcome?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.unknownOutcome = options.unknownOutcome ?? false;
  }
}

/** Nothing can be written for now: the connector pauses, probes and goes on; nothing is parked. */
export class TargetDown extends TargetError {
  /** How long the target asks to be left alone (`Retry-After`); kept to for an hour at most. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; unknownOutcome?: boolean; retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** This entity cannot be written for now (lock, throttle): it comes back later, the others flow. */
export class TryLater extends TargetError {
  /** How long the target asks to wait with this entity (`Retry-After`); kept to for an hour at most. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; unknownOutcome?: boolean; retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The target will not take this entity as it is: parked with the reason until it changes or somebody retries it. */
export class Rejected extends TargetError {
  /** Attributes of the row that the target refused, where it says so. */
  readonly attributes: readonly string[];

  constructor(message: string, options: { cause?: unknown; attributes?: readonly string[] } = {}) {
    super(message, options);
    this.attributes = options.attributes ?? [];
  }
}

/** The allocated name is used by somebody else in the target: the next one is allocated and the entity comes back at once. */
export class NameTaken extends Rejected {
  constructor(
    readonly taken: string,
    options: { cause?: unknown } = {},
  ) {
    super('the allocated name is already used in the target', options);
  }
}

/** Settings or credentials are wrong: the connector stops until a person has mended them. */
export class Fatal extends TargetError {}
