import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  AndFilter,
  Attribute,
  Change,
  Client,
  EqualityFilter,
  OrFilter,
  PagedResultsControl,
  PresenceFilter,
  ResultCodeError,
  SearchRequest,
  type Control,
  type Filter as LibraryFilter,
  type SearchResponse,
} from 'ldapts';
import type { Filter } from './filter';
import { connectWith } from './ldap.connection';
import type { LdapConnectOptions, LdapDriver } from './ldap.port';
import { hostOf, tlsOptions, wantsStartTls } from './ldap.tls';
import type { Wire, WireAnswer, WireAttribute, WireChange, WireResult, WireSearch } from './ldap.wire';

/** The port over `ldapts`. */
export const ldaptsDriver: LdapDriver = {
  name: 'ldapts',
  connect: (options) => connectWith((to, onDown) => new LdaptsWire(to, onDown), options),
};

const success: WireResult = { code: 0, diagnostic: '' };

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

  add(dn: string, attributes: readonly WireAttribute[]): Promise<WireResult> {
    return outcome(this.client.add(dn, attributes.map(toAttribute)));
  }

  modify(dn: string, changes: readonly WireChange[]): Promise<WireResult> {
    const list = changes.map(
      ({ op, attribute }) => new Change({ operation: op, modification: toAttribute(attribute) }),
    );
    return outcome(this.client.modify(dn, list));
  }

  rename(dn: string, newRdn: string, newSuperior: string | undefined): Promise<WireResult> {
    return outcome(this.client.modifyDN(dn, newSuperior === undefined ? newRdn : `${newRdn},${newSuperior}`));
  }

  remove(dn: string): Promise<WireResult> {
    return outcome(this.client.del(dn));
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
      entries: response.searchEntries.map((entry) => ({
        dn: entry.name,
        attributes: entry.attributes.map((attribute) => ({ type: attribute.type, values: attribute.parsedBuffers })),
      })),
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
