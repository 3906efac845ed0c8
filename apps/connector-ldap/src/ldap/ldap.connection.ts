import { formatDn, parseDn } from './dn';
import { present, type Filter } from './filter';
import { assertion, entryAfter, postRead } from './ldap.controls';
import { LdapError, type LdapReason } from './ldap.error';
import type {
  CallOptions,
  LdapAttributes,
  LdapConnection,
  LdapConnectOptions,
  LdapEntry,
  LdapPage,
  ListOptions,
  Modification,
  ReadOptions,
  Returned,
  SearchOptions,
  WriteOptions,
} from './ldap.port';
import { binaryAmong, entryReader, toChanges, toWireAttributes, wanted } from './ldap.values';
import type { OpenWire, Wire, WireAnswer, WireControl, WireSearch, WireWritten } from './ldap.wire';

interface Pending {
  readonly operation: string;
  readonly write: boolean;
  readonly reject: (error: LdapError) => void;
  timer?: NodeJS.Timeout;
}

const noCookie: Buffer = Buffer.alloc(0);
const goodbyeMs = 1_000;

/** Connects and binds with the library behind `open`; the whole takes at most one deadline. */
export async function connectWith(open: OpenWire, options: LdapConnectOptions): Promise<LdapConnection> {
  // RFC 4513 §5.1.2: a simple bind with a name and no password succeeds, as anonymous.
  if (options.password === '' || options.bindDn === '') throw new LdapError('bind', 'anonymous');
  const connection = new GuardedConnection(open, options);
  const timer = setTimeout(() => connection.die('deadline'), options.deadlineMs);
  try {
    await connection.start(options);
    return connection;
  } catch (error) {
    connection.die('closed');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** One socket under guard: every operation has its deadline, and the first sign of trouble ends the connection for good. */
class GuardedConnection implements LdapConnection {
  readonly ended: Promise<void>;
  private readonly wire: Wire;
  private readonly deadlineMs: number;
  private readonly pending = new Set<Pending>();
  private reason?: LdapReason;
  private listing = false;
  private markEnded!: () => void;

  constructor(open: OpenWire, options: LdapConnectOptions) {
    this.deadlineMs = options.deadlineMs;
    this.ended = new Promise((resolve) => (this.markEnded = resolve));
    this.wire = open(options, (cause) => this.die(reasonOf(cause), cause));
  }

  get alive(): boolean {
    return this.reason === undefined;
  }

  async start(options: LdapConnectOptions): Promise<void> {
    await this.run('connect', false, () => this.wire.ready());
    const bound = await this.run('bind', false, () => this.wire.bind(options.bindDn, options.password));
    if (bound.code !== 0) throw new LdapError('bind', bound.code);
    const who = await this.run('whoAmI', false, () => this.wire.whoAmI());
    // A server without RFC 4532 answers an error: its success to the bind is then all there is.
    if (who.code === 0 && who.identity === '') throw new LdapError('bind', 'anonymous');
  }

  async add(dn: string, attributes: LdapAttributes, options: WriteOptions = {}): Promise<Returned> {
    const [name, values] = prepare('add', () => [canonical(dn), toWireAttributes(attributes)] as const);
    return this.send('add', names(values), options, (controls) => this.wire.add(name, values, controls));
  }

  async modify(dn: string, modifications: readonly Modification[], options: WriteOptions = {}): Promise<Returned> {
    const [name, changes] = prepare('modify', () => [canonical(dn), toChanges(modifications)] as const);
    if (changes.length === 0) return {};
    const attributes = names(changes.map((change) => change.attribute));
    return this.send('modify', attributes, options, (controls) => this.wire.modify(name, changes, controls));
  }

  async rename(
    dn: string,
    newRdn: string,
    options: WriteOptions & { readonly newSuperior?: string } = {},
  ): Promise<Returned> {
    const { newSuperior } = options;
    const [name, rdn, parent] = prepare('rename', () => {
      const parsed = parseDn(newRdn);
      if (parsed.length !== 1) throw new TypeError('not a relative name');
      return [canonical(dn), formatDn(parsed), newSuperior === undefined ? undefined : canonical(newSuperior)] as const;
    });
    return this.send('rename', [], options, (controls) => this.wire.rename(name, rdn, parent, controls));
  }

  async remove(dn: string, options: WriteOptions = {}): Promise<void> {
    const name = prepare('remove', () => canonical(dn));
    await this.send('remove', [], options, (controls) => this.wire.remove(name, controls));
  }

  async read(dn: string, attributes: readonly string[], options: ReadOptions = {}): Promise<LdapEntry | null> {
    const answer = await this.ask('read', [32], dn, 'base', present('objectClass'), attributes, options);
    const entry = answer.entries[0];
    return entry ? readerOf(attributes, options)(entry) : null;
  }

  async search(base: string, filter: Filter, options: SearchOptions): Promise<LdapEntry[]> {
    const answer = await this.ask('search', [], base, options.scope ?? 'sub', filter, options.attributes, options);
    return answer.entries.map(readerOf(options.attributes, options));
  }

  async *list(
    base: string,
    filter: Filter,
    attributes: readonly string[],
    pageSize = 500,
    options: ListOptions = {},
  ): AsyncGenerator<LdapPage, void, void> {
    // OpenLDAP keeps one paging state per connection: a second listing would cut the first one.
    if (this.listing) throw new LdapError('list', 'listing');
    this.listing = true;
    const toEntry = readerOf(attributes, options);
    try {
      let cookie: Buffer = noCookie;
      do {
        const page = { size: pageSize, cookie };
        const answer = await this.ask('list', [], base, options.scope ?? 'sub', filter, attributes, options, page);
        cookie = answer.cookie;
        yield { entries: answer.entries.map(toEntry), complete: cookie.length === 0 };
      } while (cookie.length > 0);
    } finally {
      this.listing = false;
    }
  }

  async whoAmI(): Promise<string> {
    const who = await this.run('whoAmI', false, () => this.wire.whoAmI());
    if (who.code !== 0) throw new LdapError('whoAmI', who.code);
    return who.identity;
  }

  async close(): Promise<void> {
    if (!this.alive) return;
    const goodbye = this.wire.unbind().catch(() => undefined);
    this.abandon('closed');
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, goodbyeMs)));
    await Promise.race([goodbye, patience]);
    clearTimeout(timer);
    this.wire.destroy();
    this.markEnded();
  }

  die(reason: LdapReason, cause?: unknown): void {
    if (!this.alive) return;
    this.abandon(reason, cause);
    this.wire.destroy();
    this.markEnded();
  }

  private abandon(reason: LdapReason, cause?: unknown): void {
    this.reason = reason;
    for (const { operation, write, reject, timer } of this.pending) {
      clearTimeout(timer);
      reject(new LdapError(operation, reason, { unknownOutcome: write, cause }));
    }
    this.pending.clear();
  }

  private async ask(
    operation: string,
    tolerated: readonly number[],
    base: string,
    scope: WireSearch['scope'],
    filter: Filter,
    attributes: readonly string[],
    options: ReadOptions,
    page?: WireSearch['page'],
  ): Promise<WireAnswer> {
    const request = prepare(operation, () => ({
      base: canonical(base),
      scope,
      filter,
      attributes: wanted(attributes, options.binary),
      isBinary: binaryAmong(options.binary),
      timeLimitSeconds: Math.ceil(this.deadlineMs / 1000),
      ...(page && { page }),
    }));
    const answer = await this.run(operation, false, () => this.wire.search(request), options);
    if (answer.code !== 0 && !tolerated.includes(answer.code)) throw new LdapError(operation, answer.code);
    if (answer.referred) throw new LdapError(operation, 'protocol');
    return answer;
  }

  private async send(
    operation: string,
    attributes: readonly string[],
    options: WriteOptions,
    request: (controls: readonly WireControl[]) => Promise<WireWritten>,
  ): Promise<Returned> {
    const { onlyIf, returning } = options;
    const asked = [...(onlyIf ? [assertion(onlyIf)] : []), ...(returning ? [postRead(returning)] : [])];
    const { code, diagnostic, controls } = await this.run(operation, true, () => request(asked), options);
    if (code !== 0) {
      const attribute = attributes.find((name) => mentions(diagnostic, name));
      throw new LdapError(operation, code, attribute === undefined ? {} : { attribute });
    }
    const after = entryAfter(controls);
    return after && returning ? entryReader(returning)(after).attributes : {};
  }

  private run<T>(
    operation: string,
    write: boolean,
    request: () => Promise<T>,
    { until = Infinity }: CallOptions = {},
  ): Promise<T> {
    if (!this.alive) return Promise.reject(new LdapError(operation, 'closed'));
    const patienceMs = Math.min(this.deadlineMs, until - performance.now());
    if (patienceMs <= 0) return Promise.reject(new LdapError(operation, 'deadline'));
    return new Promise<T>((resolve, reject) => {
      const pending: Pending = { operation, write, reject };
      const late = () => {
        if (!this.pending.delete(pending)) return;
        reject(new LdapError(operation, 'deadline', { unknownOutcome: write }));
        this.die('closed');
      };
      // After a busy spell timers fire before the sockets are read: an answer that is already here still counts.
      pending.timer = setTimeout(() => setImmediate(late), patienceMs);
      this.pending.add(pending);
      // The inner function makes a rejection of what a library throws at once.
      (async () => request())().then(
        (result) => {
          clearTimeout(pending.timer);
          this.pending.delete(pending);
          resolve(result);
        },
        (cause: unknown) => this.die(reasonOf(cause), cause),
      );
    });
  }
}

function readerOf(attributes: readonly string[], { binary = [] }: ReadOptions) {
  return entryReader([...attributes, ...binary]);
}

function canonical(dn: string): string {
  return formatDn(parseDn(dn));
}

function names(attributes: readonly { readonly type: string }[]): string[] {
  return attributes.map((attribute) => attribute.type);
}

function prepare<T>(operation: string, build: () => T): T {
  try {
    return build();
  } catch (cause) {
    throw new LdapError(operation, 'invalid', { cause });
  }
}

function mentions(diagnostic: string, name: string): boolean {
  return diagnostic
    .toLowerCase()
    .split(/[^a-z0-9;.-]+/)
    .includes(name.toLowerCase());
}

function reasonOf(cause: unknown): LdapReason {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)/.test(code)) return 'refused';
  if (/CERT|^ERR_TLS|^ERR_SSL|^EPROTO|UNABLE_TO|STARTTLS/.test(code)) return 'tls';
  return 'closed';
}
