import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy in front of a real server, to cut, freeze or alter what passes; for tests. */
export class TcpProxy {
  /** Connections accepted since the start. */
  accepted = 0;
  /** Changes a chunk of the server on its way to the client. */
  alter?: (chunk: Buffer) => Buffer;
  /** Sees each chunk of the client. */
  watch?: (chunk: Buffer) => void;
  private readonly pairs = new Set<[Socket, Socket]>();
  private server?: Server;
  private port = 0;
  private frozen = false;
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
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      const passed = (this.alter?.(chunk) ?? chunk).subarray(0, this.left);
      this.left -= passed.length;
      client.write(passed, () => {
        if (this.left === 0) this.reset();
      });
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
      if (this.frozen) socket.pause();
    }
  }
}
