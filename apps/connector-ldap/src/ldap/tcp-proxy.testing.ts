import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy in front of a real server, to cut, freeze or alter what passes; for tests. */
export class TcpProxy {
  /** Connections accepted since the start. */
  accepted = 0;
  /** Answers that came for clients who had gone. */
  late = 0;
  /** Milliseconds that each chunk of the server takes. */
  delay = 0;
  /** Changes a chunk of the server on its way to the client. */
  alter?: (chunk: Buffer) => Buffer;
  /** Sees each chunk of the client. */
  watch?: (chunk: Buffer) => void;
  private readonly pairs = new Set<[Socket, Socket]>();
  private server?: Server;
  private port = 0;
  private frozen = false;
  private held?: (() => void)[];
  private left = Infinity;

  constructor(private readonly target: { readonly host: string; readonly port: number }) {}

  /** The address to give to a client. */
  get url(): string {
    return `ldap://127.0.0.1:${this.port}`;
  }

  /** Connections open now. */
  get open(): number {
    return this.pairs.size;
  }

  /** Starts, or starts again on the same port. */
  async listen(): Promise<this> {
    this.frozen = false;
    this.left = Infinity;
    this.server = createServer((client) => this.join(client)).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  /** Resets each connection right after it is accepted. */
  async listenAndReset(): Promise<void> {
    await this.kill();
    await this.listen();
    this.server!.prependListener('connection', (client) => client.resetAndDestroy());
  }

  /** Lets nothing pass any more, in either direction; connections stay open. */
  freeze(): void {
    this.frozen = true;
    for (const [client, server] of this.pairs) {
      client.pause();
      server.pause();
    }
  }

  /** Keeps what clients send; a client that goes away takes nothing of it back, as on a stalled network. */
  hold(): void {
    this.held ??= [];
  }

  /** Passes on what was kept. */
  release(): void {
    const kept = this.held ?? [];
    this.held = undefined;
    for (const pass of kept) pass();
  }

  /** Resets every connection, after `bytes` more from the server when given. */
  cut(bytes = 0): void {
    this.left = bytes;
    if (bytes === 0) this.reset();
  }

  /** Resets every connection and refuses new ones, as a killed server does. */
  async kill(): Promise<void> {
    const server = this.server;
    if (!server) return;
    this.server = undefined;
    const closed = once(server, 'close');
    server.close();
    this.reset();
    await closed;
  }

  private drop(pair: [Socket, Socket]): void {
    this.pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  }

  private reset(): void {
    this.left = Infinity;
    for (const [client, server] of this.pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
    this.pairs.clear();
  }

  private join(client: Socket): void {
    this.accepted += 1;
    const server = connect(this.target);
    const pair: [Socket, Socket] = [client, server];
    this.pairs.add(pair);
    client.on('data', (chunk) => {
      this.watch?.(chunk);
      if (this.held) this.held.push(() => server.write(chunk));
      else server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (client.destroyed) this.late += 1;
      const passed = (this.alter?.(chunk) ?? chunk).subarray(0, this.left);
      this.left -= passed.length;
      const pass = () => client.write(passed, () => this.left === 0 && this.reset());
      if (this.delay > 0) setTimeout(pass, this.delay);
      else pass();
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        // What was kept is still for the server to answer.
        if (this.held) this.held.push(() => server.once('data', () => this.drop(pair)));
        else this.drop(pair);
      });
      if (this.frozen) socket.pause();
    }
  }
}

/** A proxy in front of that server for the tests of a suite. */
export function proxied(url: string): TcpProxy {
  const { hostname, port } = new URL(url);
  const proxy = new TcpProxy({ host: hostname, port: Number(port) || 389 });
  beforeAll(() => proxy.listen());
  afterAll(() => proxy.kill());
  return proxy;
}
