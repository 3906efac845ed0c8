import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSettings } from '@myelin/platform';
import type { Question } from './hook.contract.js';
import { hookSecret, hookSetting } from './hook.settings.js';

export const HOOK_SECRET = 'a secret of the establishment, long enough';

/** A question as it arrived. */
export interface Asked {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly question: Question;
}

export type Answering = (asked: Asked, response: ServerResponse) => unknown;

/** A web service of an establishment, which answers as a test says. */
export class TestHook {
  readonly asked: Asked[] = [];
  /** Connections that were opened to it. */
  connections = 0;
  answering: Answering = adds((asked) => ({ univ: { badge: `B-${asked.question.id.slice(0, 8)}` } }));

  private constructor(private readonly server: Server) {
    server.on('connection', () => this.connections++);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => void chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const { method = '', headers } = request;
        const asked = { method, headers, body, question: body === '' ? undefined : JSON.parse(body) };
        this.asked.push(asked);
        void this.answering(asked, response);
      });
    });
  }

  static async start(): Promise<TestHook> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TestHook(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The settings of a connector that asks it about persons. */
  settings(changes: Record<string, unknown> = {}) {
    const usual = { url: `http://127.0.0.1:${this.port}/enrich`, allow: ['127.0.0.1/32'], namespace: 'univ' };
    const person = {
      ...usual,
      fields: ['birthName', 'roles.external[].population'],
      timeoutMs: 1500,
      onFailure: 'park',
    };
    return readSettings(
      { HOOK: hookSetting, HOOK_SECRET: hookSecret },
      { HOOK: JSON.stringify({ person: { ...person, ...changes } }), HOOK_SECRET },
    );
  }

  /** Ends the connections that nothing is on. */
  hangUp(): void {
    this.server.closeIdleConnections();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

/** Answers JSON, whatever it is. */
export const says =
  (of: (asked: Asked) => unknown, headers: Record<string, string> = {}): Answering =>
  (asked, response) =>
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(of(asked)));

/** Answers what is added to the extensions. */
export const adds = (of: (asked: Asked) => Record<string, unknown>): Answering =>
  says((asked) => ({ extensions: of(asked) }));

export const nothing: Answering = (_, response) => response.writeHead(204).end();
export const hangs: Answering = () => undefined;
export const fails: Answering = (_, response) => response.writeHead(500).end('Lefèvre is no name');
/** Begins to answer, and goes on a byte at a time. */
export const drips: Answering = async (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  while (!response.destroyed && !response.writableEnded) {
    response.write(' ');
    await sleep(50);
  }
};
export const redirectsTo =
  (location: string): Answering =>
  (_, response) =>
    response.writeHead(307, { location }).end();

/** Answers 50 MB as fast as they are taken; `sent` tells how many bytes were. */
export function floods(): Answering & { sent: () => number } {
  const chunk = Buffer.alloc(16 * 1024, 0x20);
  let sent = 0;
  const flood: Answering = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    let left = 50 * 1024 * 1024;
    const more = () => {
      while (left > 0 && !response.destroyed) {
        left -= chunk.length;
        sent = response.socket?.bytesWritten ?? sent;
        if (!response.write(chunk)) return response.once('drain', more);
      }
      return response.end();
    };
    more();
  };
  return Object.assign(flood, { sent: () => sent });
}
