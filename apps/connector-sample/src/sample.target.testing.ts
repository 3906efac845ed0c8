import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

type Fields = Record<string, unknown>;

/** The application that the connector writes to, as strict as the real one: structures over REST, in memory. */
export class SampleTarget {
  readonly token = 'a token';
  readonly structures = new Map<string, { fields: Fields; version: number }>();
  private readonly server: Server = createServer((request, response) => void this.answer(request, response));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const [status, answer] = this.carryOut(request, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(answer && JSON.stringify(answer));
  }

  private carryOut({ method, url = '', headers }: IncomingMessage, body: string): [status: number, answer?: object] {
    if (headers.authorization !== `Bearer ${this.token}`) return [401];
    const [, id] = /^\/structures(?:\/([0-9a-f-]{36}))?$/.exec(url) ?? [undefined, undefined];
    if (id === undefined) return url === '/structures' && method === 'GET' ? [200, [...this.structures.keys()]] : [404];
    const known = this.structures.get(id);
    if (method === 'PUT') return this.put(id, { ...(JSON.parse(body) as Fields) });
    if (!known) return [404];
    if (method === 'GET') return [200, known.fields];
    if (method === 'PATCH') return this.put(id, { ...known.fields, ...(JSON.parse(body) as Fields) });
    if (method !== 'DELETE') return [405];
    this.structures.delete(id);
    return [204];
  }

  private put(id: string, fields: Fields): [status: number] {
    for (const name of Object.keys(fields)) if (fields[name] === null) delete fields[name];
    if (typeof fields.label !== 'string' || fields.label.length > 200) return [422];
    const { fields: before, version } = this.structures.get(id) ?? { fields: undefined, version: 0 };
    const isSame = JSON.stringify(before) === JSON.stringify(fields);
    this.structures.set(id, { fields, version: isSame ? version : version + 1 });
    return [before ? 200 : 201];
  }
}
