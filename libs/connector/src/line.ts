import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way from a connector to its target, on which the conformance suite counts writes and loses what passes. */
export interface Line {
  /** Opens it and answers the address to give to the connector. */
  open(): Promise<string>;
  close(): Promise<void>;
  /** Writes that the target was asked for so far; what only looks is none. */
  readonly writes: number;
  /** The target takes the next write, and its answer does not arrive. */
  loseAnswer(): void;
  /** Ends what passes, and lets nothing through until it is mended. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

/** A line to any target that is spoken to over TCP without encryption: a proxy in front of it. */
export class TcpLine implements Line {
  writes = 0;
  private readonly pairs = new Set<readonly Socket[]>();
  private server: Server | undefined;
  private port = 0;
  private isLosing = false;

  /** `target`: its address, asked for when the line is opened; `isWrite`: whether a piece of what the connector sends begins a write. */
  constructor(
    private readonly target: () => string,
    private readonly isWrite: (sent: Buffer) => boolean,
  ) {}

  async open(): Promise<string> {
    await this.mend();
    const url = new URL(this.target());
    url.host = `127.0.0.1:${this.port}`;
    return url.href.replace(/\/$/, '');
  }

  async close(): Promise<void> {
    await this.cut();
  }

  loseAnswer(): void {
    this.isLosing = true;
  }

  async cut(): Promise<void> {
    const { server } = this;
    if (!server) return;
    this.server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
    await closed;
  }

  async mend(): Promise<void> {
    if (this.server) return;
    this.server = createServer((client) => this.join(client)).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  private join(client: Socket): void {
    const { hostname: host, port } = new URL(this.target());
    const target = connect({ host, port: Number(port) });
    const pair = [client, target];
    this.pairs.add(pair);
    let isLost = false;
    client.on('data', (sent) => {
      if (this.isWrite(sent)) {
        this.writes += 1;
        isLost ||= this.isLosing;
        this.isLosing = false;
      }
      target.write(sent);
    });
    target.on('data', (answer) => {
      if (isLost) client.destroy();
      else client.write(answer);
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.pairs.delete(pair);
        for (const one of pair) one.destroy();
      });
    }
  }
}

/** Whether what was sent begins a write over HTTP, for targets that are read with `GET` only. */
export const isHttpWrite = (sent: Buffer): boolean => /^(PUT|PATCH|POST|DELETE) /.test(sent.toString('latin1', 0, 8));
