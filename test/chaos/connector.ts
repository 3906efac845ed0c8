import {
  changedAttributes,
  Fatal,
  Rejected,
  TargetDown,
  TryLater,
  type Change,
  type Connector,
  type Found,
  type Mapped,
  type Ref,
  type Row,
  type Session,
  type Sync,
  type Written,
} from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import type { TargetRow } from './log.js';
import { EXECUTES_WITHIN_MS } from './target.js';

export interface ChaosSettings {
  readonly url: string;
  /** True: the target wants `If-Match` with changes and removals. */
  readonly ifMatch: boolean;
}

/** All requests of one call have ended, answered or given up, after so long. */
const CALL_MS = 1_500;

/** A connector to the target of the ordering proof: structures as rows under their master id. */
export function chaosConnector(settings: ChaosSettings): Connector {
  return {
    name: 'chaos',
    open: () => Promise.resolve(session(settings)),
  };
}

function session(settings: ChaosSettings): Session {
  return {
    syncs: [new StructureSync(settings)],
    // The target counts from the moment that the call gives it, which is a little later than the runtime's.
    callDeadlineMs: EXECUTES_WITHIN_MS + 500,
    async check() {
      await new Call(settings.url).request('GET', '/health');
    },
    close: () => Promise.resolve(),
  };
}

/** The row of a structure; null when it must not exist in the target. */
export function rowOf({ status, code, shortLabel, longLabel, type }: Master<'structure'>): TargetRow | null {
  return status === 'active' ? { code, label: shortLabel, name: longLabel, type } : null;
}

class StructureSync implements Sync<'structure'> {
  readonly entity = 'structure';
  readonly version = '1';
  readonly rules = {
    code: { from: ['code'], rule: 'The code in the establishment.' },
    label: { from: ['shortLabel'], rule: 'The short label.' },
    name: { from: ['longLabel'], rule: 'The long label.' },
    type: { from: ['type'], rule: 'The SUPANN entity type.' },
  };

  constructor(private readonly settings: ChaosSettings) {}

  map(master: Master<'structure'>): Mapped | null {
    const row = rowOf(master);
    return row && { row };
  }

  read({ id }: Ref): Promise<Found | null> {
    return this.find(new Call(this.settings.url), id);
  }

  async readMany(refs: readonly Ref[]): Promise<(Found | null)[]> {
    const { body } = await new Call(this.settings.url).request('POST', '/structure/read', {
      body: { ids: refs.map(({ id }) => id) },
    });
    const { rows } = body as { rows: ({ row: Row; etag: string } | null)[] };
    return rows.map((found, index) => found && this.found(refs[index]?.id ?? '', found.row, found.etag));
  }

  async write(change: Change): Promise<Written> {
    const call = new Call(this.settings.url, change);
    const { id, before, after } = change;
    if (after === null) return this.remove(call, change);
    return before === null ? this.create(call, id, after) : this.change(call, change, after, change.changed);
  }

  private async create(call: Call, id: string, after: Row): Promise<Written> {
    const answer = await call.request('PUT', path(id), { body: after });
    if (answer.status !== 409) return this.written(id, answer);
    const found = await this.find(call, id);
    if (!found) throw new TryLater('the row came and went while it was being created', { unknownOutcome: true });
    return this.change(call, { id, etag: found.etag }, after, changedAttributes(found.row, after));
  }

  private async change(
    call: Call,
    { id, etag }: Pick<Change, 'id' | 'etag'>,
    after: Row,
    changed: readonly string[],
    mayRepeat = true,
  ): Promise<Written> {
    const part = Object.fromEntries(changed.map((name) => [name, after[name] ?? null]));
    const answer = await call.request('PATCH', path(id), { body: part, etag: await this.condition(call, id, etag) });
    if (answer.status === 404) return this.written(id, await call.request('PUT', path(id), { body: after }));
    if (answer.status !== 412 || !mayRepeat) return this.written(id, answer);
    // The row is not as it was remembered: what differs from what stands there now is written, once more.
    const found = await this.find(call, id);
    if (!found) return this.written(id, await call.request('PUT', path(id), { body: after }));
    return this.change(call, { id, etag: found.etag }, after, changedAttributes(found.row, after), false);
  }

  private async remove(call: Call, { id, etag }: Pick<Change, 'id' | 'etag'>, mayRepeat = true): Promise<Written> {
    const answer = await call.request('DELETE', path(id), { etag: await this.condition(call, id, etag) });
    if (answer.status === 404) return { targetId: id };
    if (answer.status !== 412 || !mayRepeat) return this.written(id, answer);
    const found = await this.find(call, id);
    return found ? this.remove(call, { id, etag: found.etag }, false) : { targetId: id };
  }

  /** What goes into `If-Match`, where the target wants it. */
  private async condition(call: Call, id: string, known: string | undefined): Promise<string | undefined> {
    return this.settings.ifMatch ? (known ?? (await this.find(call, id))?.etag ?? '"none"') : undefined;
  }

  private async find(call: Call, id: string): Promise<Found | null> {
    const { status, body, etag } = await call.request('GET', path(id));
    return status === 404 ? null : this.found(id, body as Row, etag);
  }

  private found(id: string, row: Row, etag: string | undefined): Found {
    return { targetId: id, row, ...(this.settings.ifMatch && etag !== undefined && { etag }) };
  }

  private written(id: string, { status, etag }: Answer): Written {
    // The row is another than when the call began: somebody else writes it.
    if (status >= 400) throw new TryLater(`the row changed during the call (${status})`, { unknownOutcome: true });
    return { targetId: id, ...(this.settings.ifMatch && etag !== undefined && { etag }) };
  }
}

const path = (id: string) => `/structure/${id}`;

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly etag: string | undefined;
}

/** Refusals that mean something to who asks: there is no such row, there is one already, it is another version. */
const ANSWERS: ReadonlySet<number> = new Set([404, 409, 412]);

/** The requests of one call of the connector: they share its deadline and say for which revision they are. */
class Call {
  private readonly signal = AbortSignal.timeout(CALL_MS);
  private readonly headers: Readonly<Record<string, string>>;

  constructor(
    private readonly url: string,
    change?: Pick<Change, 'epoch' | 'revision' | 'correlationId'>,
  ) {
    this.headers = change
      ? {
          'x-epoch': String(change.epoch),
          'x-revision': String(change.revision),
          'x-correlation-id': change.correlationId ?? 'none',
          'x-begun': String(Date.now()),
        }
      : {};
  }

  /** Sends one request; every status but success and `ANSWERS` becomes the error that says what happens next. */
  async request(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    { body, etag }: { body?: object; etag?: string } = {},
  ): Promise<Answer> {
    const response = await this.send(method, path, {
      method,
      headers: {
        ...this.headers,
        ...(body && { 'content-type': 'application/json' }),
        ...(etag !== undefined && { 'if-match': etag }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.status < 400 || ANSWERS.has(response.status)) return response;
    throw errorOf(response, `${method} ${path}`);
  }

  private async send(method: string, path: string, request: RequestInit): Promise<Answer & { retryAfterMs?: number }> {
    try {
      const response = await fetch(this.url + path, { ...request, signal: this.signal });
      const retryAfter = response.headers.get('retry-after');
      return {
        status: response.status,
        body: await response.json(),
        etag: response.headers.get('etag') ?? undefined,
        ...(retryAfter !== null && { retryAfterMs: Number(retryAfter) * 1000 }),
      };
    } catch (cause) {
      if ((cause as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED')
        throw new TargetDown('the target refuses connections', { cause });
      const unknownOutcome = method === 'PUT' || method === 'PATCH' || method === 'DELETE';
      throw new TryLater(`no answer to ${method} ${path}`, { cause, unknownOutcome });
    }
  }
}

function errorOf({ status, body, retryAfterMs }: Answer & { retryAfterMs?: number }, what: string): Error {
  const { detail, attribute } = body as { detail?: string; attribute?: string };
  const message = `${what} was answered ${status}: ${detail}`;
  switch (status) {
    case 422:
      return new Rejected(message, { attributes: attribute === undefined ? [] : [attribute] });
    case 408:
    case 429:
      return new TryLater(message, { retryAfterMs });
    case 503:
      return new TargetDown(message, { retryAfterMs });
    default:
      return status >= 500 ? new TryLater(message, { unknownOutcome: true }) : new Fatal(message);
  }
}
