import { closeSync, openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FAULTS, Faults, type Fault, type FaultRates } from './faults.js';
import { rowHash, type LoggedWrite, type TargetRow, type Verb } from './log.js';

/** A write is executed within this long after the `x-begun` that its caller gave it, or never. */
export const EXECUTES_WITHIN_MS = 5_000;
/** Ids of one bulk read at most. */
export const BULK_LIMIT = 500;

const LATEST_EXECUTION_MS = 4_000;
const LATEST_REPETITION_MS = 1_000;
const LATEST_ANSWER_MS = 2_500;
const RETRY_AFTER_S = 1;
const LONGEST_VALUE = 200;
/** Attributes of the rows of each entity: all of them are required. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = { structure: ['code', 'label', 'name', 'type'] };

export interface TargetOptions {
  /** File to which every write is appended before it is answered. */
  readonly log: string;
  readonly seed: number;
  readonly port?: number;
  /** True: changes and removals must name the version that they replace (`If-Match`). */
  readonly ifMatch?: boolean;
}

interface Stored {
  readonly row: TargetRow;
  readonly version: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A write as it was asked for. */
interface Asked extends Pick<
  LoggedWrite,
  'request' | 'entity' | 'id' | 'verb' | 'epoch' | 'revision' | 'correlationId'
> {
  readonly begun: number;
  readonly ifMatch: string | undefined;
  readonly row: Readonly<Record<string, unknown>>;
}

/** Refuses a request, with the reason. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * A strict application that keeps rows by entity and id and executes what it is told in the order in which it is told: it knows
 * nothing of revisions. It notes every write before it answers, and its network has faults.
 */
export class Target {
  readonly faults: Faults;
  private readonly rows = new Map<string, Stored>();
  private readonly log: number;
  private requests = 0;
  private versions = 0;

  private constructor(
    private readonly options: TargetOptions,
    private readonly server: Server,
  ) {
    this.faults = new Faults(options.seed);
    this.log = openSync(options.log, 'a');
    server.on('request', (request, response) => void this.serve(request, response));
  }

  static async start(options: TargetOptions): Promise<Target> {
    const server = createServer();
    const target = new Target(options, server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
    });
    return target;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many rows it holds. */
  get size(): number {
    return this.rows.size;
  }

  /** The version of a row, which moves when the row changes. */
  version(entity: string, id: string): number | undefined {
    return this.rows.get(`${entity}/${id}`)?.version;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    closeSync(this.log);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer | null;
    try {
      const body = await jsonOf(request);
      answer = await this.route(request, response, body);
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      answer = { status, body: { detail: (error as Error).message } };
    }
    if (answer === null) return void request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.body));
  }

  /** The answer, or null where the connection is cut. */
  private async route(request: IncomingMessage, response: ServerResponse, body: unknown): Promise<Answer | null> {
    const { method = '', url = '' } = request;
    if (url === '/health') return { status: 200, body: {} };
    if (url === '/faults') return this.switchFaults(method, body);
    const [, entity = '', id = '', rest] = url.split('/');
    if (!ATTRIBUTES[entity] || id === '' || rest !== undefined) throw new Refusal(404, 'there is nothing at this path');
    if (method === 'POST' && id === 'read') return this.withFaults(method, response, () => this.readMany(entity, body));
    if (method === 'GET') return this.withFaults(method, response, () => this.read(entity, id));
    if (method !== 'PUT' && method !== 'PATCH' && method !== 'DELETE') throw new Refusal(405, 'no such method');
    const asked = this.asked(request, method, entity, id, body);
    return this.withFaults(method, response, (execution) => this.execute(asked, execution));
  }

  private switchFaults(method: string, body: unknown): Answer {
    if (method === 'PUT') {
      const rates = body as FaultRates;
      const unknown = Object.keys(rates).find((name) => !(FAULTS as readonly string[]).includes(name));
      if (unknown !== undefined) throw new Refusal(422, `${unknown} is no fault`);
      this.faults.rates = rates;
    }
    return { status: 200, body: this.faults.counts };
  }

  private async withFaults(
    method: Verb | 'GET' | 'POST',
    response: ServerResponse,
    execute: (execution: number) => Answer,
  ): Promise<Answer | null> {
    const fault = this.faults.draw(method);
    if (fault === 'cutBefore') return null;
    if (fault === 'throttled' || fault === 'unavailable') return comeBackLater(fault);
    if (fault === 'delayedExecution') await sleep(this.faults.delay(LATEST_EXECUTION_MS));
    const answer = execute(1);
    switch (fault) {
      case 'cutAfter':
        return null;
      case 'delayedAnswer':
        await sleep(this.faults.delay(LATEST_ANSWER_MS));
        break;
      case 'repeated':
        await sleep(this.faults.delay(LATEST_REPETITION_MS));
        execute(2);
        break;
      case 'repeatedAfterAnswer': {
        const delay = this.faults.delay(LATEST_REPETITION_MS);
        response.once('close', () => setTimeout(() => execute(2), delay));
      }
    }
    return answer;
  }

  private read(entity: string, id: string): Answer {
    const found = this.rows.get(`${entity}/${id}`);
    if (!found) throw new Refusal(404, 'there is no such row');
    return { status: 200, body: found.row, headers: { etag: etagOf(found) } };
  }

  private readMany(entity: string, body: unknown): Answer {
    const ids = (body as { ids?: unknown } | undefined)?.ids;
    if (!Array.isArray(ids) || ids.length > BULK_LIMIT) throw new Refusal(422, `ids must be at most ${BULK_LIMIT}`);
    const rows = ids.map((id) => {
      const found = this.rows.get(`${entity}/${id}`);
      return found ? { row: found.row, etag: etagOf(found) } : null;
    });
    return { status: 200, body: { rows } };
  }

  private asked(request: IncomingMessage, verb: Verb, entity: string, id: string, body: unknown): Asked {
    const header = (name: string): string => {
      const value = request.headers[name];
      if (typeof value !== 'string' || value === '') throw new Refusal(400, `the header ${name} is missing`);
      return value;
    };
    const whole = (name: string): number => {
      const value = header(name);
      if (!/^\d{1,15}$/.test(value)) throw new Refusal(400, `the header ${name} must be a whole number`);
      return Number(value);
    };
    const asked = {
      request: ++this.requests,
      entity,
      id,
      verb,
      epoch: whole('x-epoch'),
      revision: whole('x-revision'),
      correlationId: header('x-correlation-id'),
      begun: whole('x-begun'),
      ifMatch: request.headers['if-match'],
      row: (body ?? {}) as Record<string, unknown>,
    };
    if (this.options.ifMatch && verb !== 'PUT' && asked.ifMatch === undefined)
      throw new Refusal(428, 'If-Match must name the version that is replaced');
    return asked;
  }

  /** Carries a write out and notes it. What was asked too long ago is not carried out. */
  private execute(asked: Asked, execution: number): Answer {
    if (Date.now() > asked.begun + EXECUTES_WITHIN_MS) return refused(408, 'the request is too old');
    const key = `${asked.entity}/${asked.id}`;
    const before = this.rows.get(key);
    const answer = this.apply(key, before, asked);
    const after = this.rows.get(key);
    const { request, entity, id, verb, epoch, revision, correlationId } = asked;
    const write: LoggedWrite = {
      at: new Date().toISOString(),
      request,
      execution,
      entity,
      id,
      verb,
      epoch,
      revision,
      correlationId,
      status: answer.status,
      before: before !== undefined,
      after: after !== undefined,
      hash: after ? rowHash(after.row) : null,
    };
    writeSync(this.log, `${JSON.stringify(write)}\n`);
    return answer;
  }

  private apply(key: string, before: Stored | undefined, { verb, entity, row, ifMatch }: Asked): Answer {
    if (verb === 'PUT' && before) return refused(409, 'there is such a row already');
    if (verb !== 'PUT' && !before) return refused(404, 'there is no such row');
    if (ifMatch !== undefined && before && ifMatch !== etagOf(before)) return refused(412, 'the row has changed since');
    if (verb === 'DELETE') {
      this.rows.delete(key);
      return { status: 200, body: {} };
    }
    const attributes = ATTRIBUTES[entity] ?? [];
    const fault = faultOf(attributes, row, verb === 'PUT');
    if (fault) return { status: 422, body: fault };
    const after = { ...before?.row, ...(row as TargetRow) };
    const isSame = before !== undefined && attributes.every((name) => before.row[name] === after[name]);
    const stored = isSame ? before : { row: after, version: ++this.versions };
    this.rows.set(key, stored);
    return { status: before ? 200 : 201, body: {}, headers: { etag: etagOf(stored) } };
  }
}

const etagOf = ({ version }: Stored) => `"${version}"`;
const refused = (status: number, detail: string): Answer => ({ status, body: { detail } });

const comeBackLater = (fault: Fault): Answer => ({
  status: fault === 'throttled' ? 429 : 503,
  body: { detail: 'come back later' },
  headers: { 'retry-after': String(RETRY_AFTER_S) },
});

/** What is wrong with the attributes of a row, whole or in part. */
function faultOf(
  attributes: readonly string[],
  row: Readonly<Record<string, unknown>>,
  whole: boolean,
): { attribute: string; detail: string } | undefined {
  const unknown = Object.keys(row).find((name) => !attributes.includes(name));
  if (unknown !== undefined) return { attribute: unknown, detail: 'is no attribute' };
  const missing = whole ? attributes.find((name) => row[name] === undefined) : undefined;
  if (missing !== undefined) return { attribute: missing, detail: 'is missing' };
  const bad = Object.entries(row).find(([, value]) => typeof value !== 'string' || !/^.+$/.test(value));
  const long = Object.entries(row).find(([, value]) => String(value).length > LONGEST_VALUE);
  const [attribute] = bad ?? long ?? [];
  return attribute === undefined ? undefined : { attribute, detail: `must be a text of 1 to ${LONGEST_VALUE}` };
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (chunks.length === 0) return undefined;
  if (request.headers['content-type'] !== 'application/json') throw new Refusal(415, 'the body must be JSON');
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal(400, 'the body must be an object');
  return body;
}
