import { LdapError } from './ldap.error';
import type { Filter } from './filter';
import type {
  CallOptions,
  LdapAttributes,
  LdapConnection,
  LdapConnectOptions,
  LdapDriver,
  LdapEntry,
  LdapOperations,
  LdapPage,
  ListOptions,
  Modification,
  ReadOptions,
  Returned,
  SearchOptions,
  WriteOptions,
} from './ldap.port';

/** How wide a pool is; callers bound their own concurrency, since waiting for a place counts against `waitMs`. */
export interface LdapPoolOptions {
  /** Connections at most; default 4. */
  readonly size?: number;
  /** Operations in flight on a connection at most; default 16. */
  readonly inFlight?: number;
  /** Milliseconds to wait for a free place, reconnections included; default the deadline of an operation. */
  readonly waitMs?: number;
}

interface Slot {
  readonly connection: LdapConnection;
  inFlight: number;
  listing: boolean;
}

interface Waiter {
  readonly listing: boolean;
  readonly take: (slot: Slot) => void;
  readonly fail: (error: Error) => void;
}

const firstPauseMs = 100;
const longestPauseMs = 10_000;
// Directories lock accounts after a few wrong passwords.
const refusedPauseMs = 60_000;

/**
 * A few bound connections, opened when there is work and replaced when they die. While the server cannot be reached callers
 * wait at most `waitMs`, and connection attempts follow each other at growing intervals; a refused bind or certificate fails
 * callers at once.
 */
export class LdapPool implements LdapOperations {
  private readonly size: number;
  private readonly inFlight: number;
  private readonly waitMs: number;
  private readonly slots = new Set<Slot>();
  private readonly waiters = new Set<Waiter>();
  private connecting = 0;
  private failures = 0;
  private lastFailure?: Error;
  private pause?: NodeJS.Timeout;
  private controls?: Promise<ReadonlySet<string>>;
  private closed = false;
  private drained?: () => void;

  constructor(
    private readonly driver: LdapDriver,
    private readonly options: LdapConnectOptions,
    { size = 4, inFlight = 16, waitMs = options.deadlineMs }: LdapPoolOptions = {},
  ) {
    this.size = size;
    this.inFlight = inFlight;
    this.waitMs = waitMs;
  }

  /** Runs several operations on one connection, which counts as one place for as long as the work lasts. */
  async use<T>(work: (connection: LdapConnection) => Promise<T>, { until }: CallOptions = {}): Promise<T> {
    const slot = await this.acquire(false, until);
    try {
      return await work(slot.connection);
    } finally {
      this.release(slot, false);
    }
  }

  add(dn: string, attributes: LdapAttributes, options?: WriteOptions): Promise<Returned> {
    return this.use((connection) => connection.add(dn, attributes, options), options);
  }

  modify(dn: string, modifications: readonly Modification[], options?: WriteOptions): Promise<Returned> {
    return this.use((connection) => connection.modify(dn, modifications, options), options);
  }

  rename(dn: string, newRdn: string, options?: WriteOptions & { readonly newSuperior?: string }): Promise<Returned> {
    return this.use((connection) => connection.rename(dn, newRdn, options), options);
  }

  remove(dn: string, options?: WriteOptions): Promise<void> {
    return this.use((connection) => connection.remove(dn, options), options);
  }

  read(dn: string, attributes: readonly string[], options?: ReadOptions): Promise<LdapEntry | null> {
    return this.use((connection) => connection.read(dn, attributes, options), options);
  }

  search(base: string, filter: Filter, options: SearchOptions): Promise<LdapEntry[]> {
    return this.use((connection) => connection.search(base, filter, options), options);
  }

  async *list(
    base: string,
    filter: Filter,
    attributes: readonly string[],
    pageSize?: number,
    options?: ListOptions,
  ): AsyncGenerator<LdapPage, void, void> {
    const slot = await this.acquire(true);
    try {
      yield* slot.connection.list(base, filter, attributes, pageSize, options);
    } finally {
      this.release(slot, true);
    }
  }

  whoAmI(): Promise<string> {
    return this.use((connection) => connection.whoAmI());
  }

  /** Says whether the server announces that control (RFC 4512 §5.1); asked once for as long as its connections last. */
  supports(control: string, options: CallOptions = {}): Promise<boolean> {
    this.controls ??= this.read('', ['supportedControl'], options).then(
      (root) => new Set(root?.attributes.supportedControl),
      (error: unknown) => {
        this.controls = undefined;
        throw error;
      },
    );
    return this.controls.then((controls) => controls.has(control));
  }

  /** Refuses new work, lets what is in flight end within one deadline, and closes the connections. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.pause);
    this.failWaiters(new LdapError('pool', 'closed'));
    if (this.busy()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.options.deadlineMs);
        this.drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    await Promise.all([...this.slots].map((slot) => slot.connection.close()));
  }

  private acquire(listing: boolean, until = Infinity): Promise<Slot> {
    if (this.closed) return Promise.reject(new LdapError('pool', 'closed'));
    if (this.pause && this.slots.size === 0 && this.lastFailure && !passing(this.lastFailure)) {
      return Promise.reject(this.lastFailure);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          this.waiters.delete(waiter);
          reject(new LdapError('pool', this.slots.size > 0 ? 'deadline' : 'refused', { cause: this.lastFailure }));
        },
        Math.min(this.waitMs, until - performance.now()),
      );
      const waiter: Waiter = {
        listing,
        take: (slot) => {
          clearTimeout(timer);
          resolve(slot);
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.waiters.add(waiter);
      this.serve();
    });
  }

  private release(slot: Slot, listing: boolean): void {
    slot.inFlight -= 1;
    if (listing) slot.listing = false;
    if (this.drained && !this.busy()) this.drained();
    this.serve();
  }

  /** Gives places to those who wait, in order, and opens a connection when every open one is busy. */
  private serve(): void {
    for (const waiter of this.waiters) {
      const slot = this.leastBusy(waiter.listing);
      if (!slot || slot.inFlight > 0) this.grow();
      // No place for an operation is no place for anybody; a listing may wait for another connection than the others do.
      if (!slot && !waiter.listing) return;
      if (!slot) continue;
      this.waiters.delete(waiter);
      slot.inFlight += 1;
      if (waiter.listing) slot.listing = true;
      waiter.take(slot);
    }
  }

  private leastBusy(listing: boolean): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.slots) {
      if (!slot.connection.alive || slot.inFlight >= this.inFlight || (listing && slot.listing)) continue;
      if (!best || slot.inFlight < best.inFlight) best = slot;
    }
    return best;
  }

  private grow(): void {
    // One attempt tells whether the server is there and our account accepted; the others follow its success.
    const attempts = this.slots.size === 0 || this.failures > 0 ? 1 : this.size;
    const room = Math.min(attempts, this.size - this.slots.size);
    if (this.closed || this.pause || this.connecting >= room) return;
    this.connecting += 1;
    void this.driver.connect(this.options).then(
      (connection) => this.join(connection),
      (error: Error) => this.stepBack(error),
    );
  }

  private join(connection: LdapConnection): void {
    this.connecting -= 1;
    this.failures = 0;
    if (this.closed) {
      void connection.close();
      if (this.drained && !this.busy()) this.drained();
      return;
    }
    const slot: Slot = { connection, inFlight: 0, listing: false };
    this.slots.add(slot);
    void connection.ended.then(() => {
      this.slots.delete(slot);
      this.controls = undefined;
      this.serve();
    });
    this.serve();
  }

  private stepBack(error: Error): void {
    this.connecting -= 1;
    if (this.drained && !this.busy()) this.drained();
    if (this.closed) return;
    this.lastFailure = error;
    if (this.slots.size === 0 && !passing(error)) this.failWaiters(error);
    if (this.pause) return;
    const pause = passing(error) ? Math.min(longestPauseMs, firstPauseMs * 2 ** this.failures) : refusedPauseMs;
    this.failures += 1;
    this.pause = setTimeout(
      () => {
        this.pause = undefined;
        this.serve();
      },
      pause * (0.75 + Math.random() / 2),
    );
  }

  private failWaiters(error: Error): void {
    for (const waiter of this.waiters) waiter.fail(error);
    this.waiters.clear();
  }

  private busy(): boolean {
    return this.connecting > 0 || [...this.slots].some((slot) => slot.inFlight > 0);
  }
}

/** A failure that may be over in a moment, unlike a wrong password or certificate. */
function passing(error: Error): boolean {
  return error instanceof LdapError && ['refused', 'closed', 'deadline', 51, 52].includes(error.code);
}
