import { createHmac } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import { checkedLookup, NotReachable } from './hook.address.js';
import {
  answerReader,
  BadAnswer,
  CORRELATION_HEADER,
  MOST_BYTES,
  SIGNATURE_HEADER,
  TIMESTAMP_HEADER,
  type Question,
} from './hook.contract.js';
import type { HookSettings } from './hook.settings.js';

/** How a call came to nothing: no answer in time or at all, another status than there is, or an answer that is refused. */
export type FaultKind = 'late' | 'unreachable' | 'status' | 'refused';

/** A hook has not answered as it must. The message holds no value of a record or of the answer. */
export class HookFault extends Error {
  constructor(
    readonly kind: FaultKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What may stand in a header. */
const IS_HEADER = /^[\x21-\x7e]{1,128}$/;

/** Calls one hook, over connections that are kept open. */
export class HookCaller {
  private readonly client: typeof http | typeof https;
  private readonly agent: http.Agent;
  private readonly read: (body: Buffer) => Record<string, unknown>;

  constructor(
    private readonly hook: HookSettings,
    private readonly secret: string,
  ) {
    this.client = hook.url.protocol === 'https:' ? https : http;
    this.agent = new this.client.Agent({ keepAlive: true });
    this.read = answerReader(hook.namespace);
  }

  /** What the hook adds to the extensions of the record; throws a `HookFault` within the time of a call, whatever comes. */
  async ask(question: Question, correlationId: string | undefined): Promise<Record<string, unknown>> {
    const body = JSON.stringify(question);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      accept: 'application/json',
      [TIMESTAMP_HEADER]: timestamp,
      [SIGNATURE_HEADER]: `v1=${createHmac('sha256', this.secret).update(`${timestamp}.${body}`).digest('hex')}`,
      ...(correlationId !== undefined && IS_HEADER.test(correlationId) && { [CORRELATION_HEADER]: correlationId }),
    };
    const signal = AbortSignal.timeout(this.hook.timeoutMs);
    try {
      const response = await this.send(headers, body, signal);
      const answer = await bodyOf(response);
      return answer === undefined ? {} : this.read(answer);
    } catch (error) {
      throw this.faultOf(error, signal.aborted);
    }
  }

  private send(
    headers: http.OutgoingHttpHeaders,
    body: string,
    signal: AbortSignal,
    agent: http.Agent | false = this.agent,
  ): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const lookup = checkedLookup(this.hook);
      const request = this.client.request(this.hook.url, { method: 'POST', headers, agent, lookup, signal }, resolve);
      request.on('error', (error) => {
        // Nobody was asked: the service had closed the connection while nothing was on it.
        if (agent && request.reusedSocket && !signal.aborted) resolve(this.send(headers, body, signal, false));
        else reject(error);
      });
      request.on('close', () => reject(new Error('the connection ended')));
      request.end(body);
    });
  }

  private faultOf(error: unknown, isLate: boolean): HookFault {
    if (error instanceof HookFault) return error;
    if (error instanceof BadAnswer) return new HookFault('refused', error.message);
    if (isLate) return new HookFault('late', `the hook did not answer within ${this.hook.timeoutMs} ms`);
    if (error instanceof NotReachable)
      return new HookFault('unreachable', 'the hook is at an address that is not allowed');
    const { code } = error as { code?: unknown };
    const why = typeof code === 'string' && /^[A-Z_\d]{1,40}$/.test(code) ? ` (${code})` : '';
    return new HookFault('unreachable', `the hook cannot be reached${why}`, { cause: error });
  }
}

/** The body of an answer, cut off as soon as it is too long; undefined where there is nothing to add. */
async function bodyOf(response: http.IncomingMessage): Promise<Buffer | undefined> {
  const { statusCode = 0 } = response;
  const type = response.headers['content-type'] ?? '';
  if (statusCode === 204) {
    response.resume();
    return undefined;
  }
  if (statusCode !== 200) {
    response.destroy();
    const isRedirect = statusCode >= 300 && statusCode < 400;
    throw new HookFault('status', `the hook answered ${statusCode}${isRedirect ? ': redirects are not followed' : ''}`);
  }
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    response.destroy();
    throw new HookFault('refused', 'the hook answered another type than application/json');
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    // To leave the loop ends the connection.
    if (length > MOST_BYTES) throw new HookFault('refused', `the hook answered more than ${MOST_BYTES / 1024} KiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
