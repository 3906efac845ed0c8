import type { Socket } from 'node:net';
import type { Filter } from './filter';
import { connectWith } from './ldap.connection';
import type { LdapConnectOptions, LdapDriver } from './ldap.port';
import { tlsOptions, wantsStartTls } from './ldap.tls';
import type {
  Wire,
  WireAnswer,
  WireAttribute,
  WireChange,
  WireControl,
  WireEntry,
  WireResult,
  WireSearch,
  WireWritten,
} from './ldap.wire';
import {
  library,
  RawControl,
  returnEveryResult,
  type Callback,
  type LdapjsClient,
  type Message,
} from './ldapjs.library';

/** The port over `ldapjs`. */
export const ldapjsDriver: LdapDriver = {
  name: 'ldapjs',
  connect: (options) => connectWith((to, onDown) => new LdapjsWire(to, onDown), options),
};

const pagedResults = '1.2.840.113556.1.4.319';

class LdapjsWire implements Wire {
  private readonly client: LdapjsClient;
  private readonly connected: Promise<void>;

  constructor(
    private readonly options: LdapConnectOptions,
    onDown: (cause?: unknown) => void,
  ) {
    this.client = library.createClient({
      url: options.url,
      connectTimeout: options.deadlineMs,
      tlsOptions: tlsOptions(options),
      // Without a socket the library would queue requests, for ever.
      queueDisable: true,
    });
    this.connected = new Promise((resolve, reject) => {
      this.client.once('connect', (socket: Socket) => {
        // Over TLS small requests would otherwise wait 40 ms for the acknowledgement of the one before.
        socket.setNoDelay(true);
        resolve();
      });
      // There must always be a listener: without one a refused connection ends the process.
      for (const event of ['error', 'connectError', 'connectRefused', 'connectTimeout', 'setupError']) {
        this.client.on(event, (cause: Error) => {
          reject(cause);
          onDown(cause);
        });
      }
      this.client.once('close', () => onDown());
    });
    this.connected.catch(() => undefined);
  }

  async ready(): Promise<void> {
    await this.connected;
    if (wantsStartTls(this.options)) await this.startTls();
    returnEveryResult(this.client);
  }

  bind(dn: string, password: string): Promise<WireResult> {
    return result((done) => this.client.bind(dn, password, done));
  }

  add(dn: string, attributes: readonly WireAttribute[], controls: readonly WireControl[]): Promise<WireWritten> {
    return result((done) => this.client.add(dn, attributes.map(toAttribute), controls.map(toControl), done));
  }

  modify(dn: string, changes: readonly WireChange[], controls: readonly WireControl[]): Promise<WireWritten> {
    const list = changes.map(
      ({ op, attribute }) => new library.Change({ operation: op, modification: toAttribute(attribute) }),
    );
    return result((done) => this.client.modify(dn, list, controls.map(toControl), done));
  }

  rename(
    dn: string,
    newRdn: string,
    newSuperior: string | undefined,
    controls: readonly WireControl[],
  ): Promise<WireWritten> {
    const newDn = newSuperior === undefined ? newRdn : `${newRdn},${newSuperior}`;
    return result((done) => this.client.modifyDN(dn, newDn, controls.map(toControl), done));
  }

  remove(dn: string, controls: readonly WireControl[]): Promise<WireWritten> {
    return result((done) => this.client.del(dn, controls.map(toControl), done));
  }

  search(request: WireSearch): Promise<WireAnswer> {
    const { base, scope, attributes, timeLimitSeconds: timeLimit, page } = request;
    const options = { scope, filter: toFilter(request.filter), attributes: [...attributes], timeLimit };
    const controls = page ? [new library.PagedResultsControl({ criticality: false, value: { ...page } })] : [];
    return new Promise((resolve, reject) => {
      this.client.search(base, options, controls, (error, events) => {
        if (error) return reject(error);
        const entries: WireEntry[] = [];
        let referred = false;
        events.on('searchEntry', (entry: Message) => entries.push(toEntry(entry, request.isBinary)));
        events.on('searchReference', () => (referred = true));
        events.on('error', reject);
        events.on('end', (message: Message) => {
          const paging = message.controls.find((control) => control.type === pagedResults);
          resolve({ ...toResult(message), entries, referred, cookie: paging?.value?.cookie ?? Buffer.alloc(0) });
        });
      });
    });
  }

  whoAmI(): Promise<WireResult & { identity: string }> {
    return new Promise((resolve, reject) => {
      this.client.exop('1.3.6.1.4.1.4203.1.11.3', (error, identity, message) => {
        if (error) reject(error);
        else resolve({ ...toResult(message), identity });
      });
    });
  }

  unbind(): Promise<void> {
    return new Promise((resolve) => this.client.unbind(() => resolve()));
  }

  destroy(): void {
    this.client.destroy();
  }

  private startTls(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.starttls(tlsOptions(this.options), [], (cause) => {
        if (cause) reject(Object.assign(new Error('StartTLS failed', { cause }), { code: 'STARTTLS' }));
        else resolve();
      });
    });
  }
}

function result(start: (done: Callback) => void): Promise<WireWritten> {
  return new Promise((resolve, reject) =>
    start((error, message) => (error ? reject(error) : resolve(toResult(message)))),
  );
}

function toResult(message: Message): WireWritten {
  const controls = message.controls.flatMap(({ type, value }) =>
    Buffer.isBuffer(value) ? { type, critical: false, value } : [],
  );
  return { code: message.status, diagnostic: message.diagnosticMessage ?? '', controls };
}

const toControl = (control: WireControl): object => new RawControl(control);

function toEntry(entry: Message, isBinary: (type: string) => boolean): WireEntry {
  const attributes = entry.attributes.map(({ type, buffers }) => ({
    type,
    values: isBinary(type) ? buffers : buffers.map((value) => value.toString('utf8')),
  }));
  return { dn: entry.objectName.toString(), attributes };
}

function toAttribute({ type, values }: WireAttribute): object {
  return new library.Attribute({ type, values });
}

function toFilter(filter: Filter): object {
  switch (filter.kind) {
    case 'equal': {
      // Bytes, because the library refuses an empty text and decodes what it takes for escapes.
      const raw = Buffer.from(filter.value);
      return new library.EqualityFilter({ attribute: filter.attribute, value: raw, raw });
    }
    case 'present':
      return new library.PresenceFilter({ attribute: filter.attribute });
    case 'and':
      return new library.AndFilter({ filters: filter.filters.map(toFilter) });
    case 'or':
      return new library.OrFilter({ filters: filter.filters.map(toFilter) });
  }
}
