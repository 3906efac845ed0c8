import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  AndFilter,
  Attribute,
  Change,
  Client,
  Control,
  EqualityFilter,
  OrFilter,
  PagedResultsControl,
  PresenceFilter,
  ProtocolOperation,
  ResultCodeError,
  SearchEntry,
  SearchRequest,
  type BerReader,
  type BerWriter,
  type Filter as LibraryFilter,
  type Message,
  type SearchResponse,
} from 'ldapts';
import type { Filter } from './filter';
import { decodeEntry } from './ldap.ber';
import { connectWith } from './ldap.connection';
import type { LdapConnectOptions, LdapDriver } from './ldap.port';
import { hostOf, tlsOptions, wantsStartTls } from './ldap.tls';
import type {
  Wire,
  WireAnswer,
  WireAttribute,
  WireChange,
  WireControl,
  WireResult,
  WireSearch,
  WireWritten,
} from './ldap.wire';

/** The port over `ldapts`. */
export const ldaptsDriver: LdapDriver = {
  name: 'ldapts',
  connect: (options) => connectWith((to, onDown) => new LdaptsWire(to, onDown), options),
};

const success: WireResult = { code: 0, diagnostic: '' };

/** An entry whose bytes are decoded by whoever asked for it; the library decodes every value twice, and into an object each. */
class UndecodedEntry extends SearchEntry {
  bytes: Buffer = Buffer.alloc(0);

  override parseMessage(reader: BerReader): void {
    const end = reader.offset + reader.length;
    this.bytes = reader.buffer.subarray(reader.offset, end);
    reader.offset = end;
  }
}

/** Where the library makes objects of messages. */
interface Inside {
  readonly messageParser: {
    _getMessageFromProtocolOperation(id: number, operation: number, reader: BerReader, request?: unknown): Message;
  };
}

function leaveEntriesUndecoded(client: Client): void {
  const parser = (client as unknown as Inside).messageParser;
  const decode = parser._getMessageFromProtocolOperation.bind(parser);
  parser._getMessageFromProtocolOperation = (messageId, operation, reader, request) => {
    if (operation !== (ProtocolOperation.LDAP_RES_SEARCH_ENTRY as number))
      return decode(messageId, operation, reader, request);
    const entry = new UndecodedEntry({ messageId });
    entry.parse(reader, []);
    return entry;
  };
}

/**
 * The public search loses what the port promises: it stops at an empty page although the server gave a cookie, and decodes
 * text in a way that eats a leading U+FEFF. Searches therefore use the two methods below it.
 */
interface Sender {
  _nextMessageId(): number;
  _send(request: SearchRequest): Promise<SearchResponse>;
}

class LdaptsWire implements Wire {
  private readonly socket: Socket;
  private readonly client: Client;
  private readonly connected: Promise<void>;

  constructor(
    private readonly options: LdapConnectOptions,
    onDown: (cause?: unknown) => void,
  ) {
    const url = new URL(options.url);
    const secure = url.protocol === 'ldaps:';
    const host = hostOf(options.url);
    const port = Number(url.port) || (secure ? 636 : 389);
    this.socket = secure ? connectTls({ port, ...tlsOptions(options) }) : connectTcp({ host, port });
    this.socket.setNoDelay(true);
    let cause: unknown;
    this.connected = new Promise((resolve, reject) => {
      this.socket.once(secure ? 'secureConnect' : 'connect', resolve);
      this.socket.on('error', (error) => {
        cause = error;
        reject(error);
      });
      this.socket.once('close', () => {
        reject(new Error('closed while connecting'));
        onDown(cause);
      });
    });
    this.connected.catch(() => undefined);
    // The library reconnects by itself, unbound: it gets this socket once and no other.
    let given = false;
    const give = (): Socket => {
      if (given) throw new Error('connection lost');
      given = true;
      return this.socket;
    };
    this.client = new Client({
      url: options.url,
      ...(secure
        ? { createSecureConnection: give as unknown as typeof connectTls }
        : { createConnection: give as typeof connectTcp }),
    });
    leaveEntriesUndecoded(this.client);
  }

  async ready(): Promise<void> {
    await this.connected;
    if (!wantsStartTls(this.options)) return;
    try {
      await this.client.startTLS(tlsOptions(this.options));
    } catch (cause) {
      throw Object.assign(new Error('StartTLS failed', { cause }), { code: 'STARTTLS' });
    }
  }

  bind(dn: string, password: string): Promise<WireResult> {
    return outcome(this.client.bind(dn, password));
  }

  add(dn: string, attributes: readonly WireAttribute[], controls: readonly WireControl[]): Promise<WireWritten> {
    return written(controls, (sent) => this.client.add(dn, attributes.map(toAttribute), sent));
  }

  modify(dn: string, changes: readonly WireChange[], controls: readonly WireControl[]): Promise<WireWritten> {
    const list = changes.map(
      ({ op, attribute }) => new Change({ operation: op, modification: toAttribute(attribute) }),
    );
    return written(controls, (sent) => this.client.modify(dn, list, sent));
  }

  rename(
    dn: string,
    newRdn: string,
    newSuperior: string | undefined,
    controls: readonly WireControl[],
  ): Promise<WireWritten> {
    const newDn = newSuperior === undefined ? newRdn : `${newRdn},${newSuperior}`;
    return written(controls, (sent) => this.client.modifyDN(dn, newDn, sent));
  }

  remove(dn: string, controls: readonly WireControl[]): Promise<WireWritten> {
    return written(controls, (sent) => this.client.del(dn, sent));
  }

  async search(request: WireSearch): Promise<WireAnswer> {
    const sender = this.client as unknown as Sender;
    const controls: Control[] = request.page ? [new PagedResultsControl({ value: { ...request.page } })] : [];
    const response = await sender._send(
      new SearchRequest({
        messageId: sender._nextMessageId(),
        baseDN: request.base,
        scope: request.scope,
        filter: toFilter(request.filter),
        attributes: [...request.attributes],
        timeLimit: request.timeLimitSeconds,
        controls,
      }),
    );
    const paging = response.controls?.find((control) => control instanceof PagedResultsControl);
    return {
      code: response.status,
      diagnostic: response.errorMessage,
      entries: response.searchEntries.map((entry) => decodeEntry((entry as UndecodedEntry).bytes, request.isBinary)),
      referred: response.searchReferences.length > 0,
      cookie: paging?.value?.cookie ?? Buffer.alloc(0),
    };
  }

  async whoAmI(): Promise<WireResult & { identity: string }> {
    let identity = '';
    const ask = async () => {
      identity = (await this.client.exop('1.3.6.1.4.1.4203.1.11.3')).value ?? '';
    };
    return { ...(await outcome(ask())), identity };
  }

  async unbind(): Promise<void> {
    await this.client.unbind();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

async function outcome(done: Promise<void>): Promise<WireResult> {
  try {
    await done;
    return success;
  } catch (error) {
    // 248 is the library's own code for "no answer".
    if (error instanceof ResultCodeError && error.code !== 248) return { code: error.code, diagnostic: error.message };
    throw error;
  }
}

async function written(
  controls: readonly WireControl[],
  send: (controls: Control[]) => Promise<void>,
): Promise<WireWritten> {
  const sent = controls.map((control) => new RawControl(control));
  const result = await outcome(send(sent));
  return { ...result, controls: sent.flatMap(({ answer }) => answer ?? []) };
}

/** A control whose value we write and read ourselves; the library reads an answer into the control that asked for it. */
class RawControl extends Control {
  answer?: WireControl;

  constructor(private readonly request: WireControl) {
    super(request.type, { critical: request.critical });
  }

  override writeControl(writer: BerWriter): void {
    writer.writeBuffer(this.request.value, 0x04);
  }

  override parseControl(reader: BerReader): void {
    this.answer = { type: this.type, critical: false, value: reader.remainingBuffer };
  }
}

function toAttribute({ type, values }: WireAttribute): Attribute {
  return new Attribute({ type, values: [...values] });
}

function toFilter(filter: Filter): LibraryFilter {
  switch (filter.kind) {
    case 'equal':
      return new EqualityFilter({ attribute: filter.attribute, value: filter.value });
    case 'present':
      return new PresenceFilter({ attribute: filter.attribute });
    case 'and':
      return new AndFilter({ filters: filter.filters.map(toFilter) });
    case 'or':
      return new OrFilter({ filters: filter.filters.map(toFilter) });
  }
}
