import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXIT, Failure } from './failure.js';

const PATIENCE_MS = 30_000;

/** A problem document (RFC 9457), as far as people are told of it. */
interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

export interface Call {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is instead of `body`; it may last. */
  readonly stream?: { readonly data: AsyncIterable<Uint8Array>; readonly type: string };
}

/** Calls a service; what it refuses, and that it does not answer, ends the command in words. */
export async function request(method: string, url: string, { body, headers, stream }: Call = {}): Promise<Response> {
  const type = stream?.type ?? (body === undefined ? undefined : 'application/json');
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: { ...(type !== undefined && { 'content-type': type }), ...headers },
      ...(stream ? { body: stream.data, duplex: 'half' } : { signal: AbortSignal.timeout(PATIENCE_MS) }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    } as RequestInit);
  } catch (error) {
    const { origin } = new URL(url);
    throw new Failure(EXIT.unreachable, `${origin} does not answer: ${reasonOf(error)}`, { cause: error });
  }
  if (response.ok) return response;
  const code = response.status === 404 ? EXIT.notFound : response.status >= 500 ? EXIT.unreachable : EXIT.failed;
  throw new Failure(code, await inWords(response));
}

export async function call<T>(method: string, url: string, options?: Call): Promise<T> {
  return (await (await request(method, url, options)).json()) as T;
}

/** Writes what a service answers to a file, or to the standard output. */
export async function saved(url: string, file?: string): Promise<void> {
  const { body } = await request('GET', url);
  const out = file === undefined ? process.stdout : createWriteStream(file);
  await pipeline(Readable.fromWeb(body as never), out, { end: file !== undefined });
}

/** A path with the query that has a value. */
export function pathOf(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

/** All items of a list, page by page. */
export async function* pages<T>(
  url: string,
  query: Readonly<Record<string, string | undefined>>,
  cursor: string,
): AsyncGenerator<T> {
  let next: string | null | undefined;
  do {
    const page: { items: T[]; next?: string | null } = await call(
      'GET',
      pathOf(url, { ...query, ...(next != null && { [cursor]: next }) }),
    );
    yield* page.items;
    next = page.next;
  } while (next != null);
}

/** As `pages`, all together. */
export async function everything<T>(...from: Parameters<typeof pages>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of pages<T>(...from)) all.push(item);
  return all;
}

async function inWords(response: Response): Promise<string> {
  const text = await response.text();
  let problem: Problem = {};
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    // Something between us and the service has answered.
  }
  const { title, detail, errors = [] } = problem;
  const told = [title, detail].filter((part) => part !== undefined && part !== '').join(': ');
  const fields = errors.map(({ field, message }) => `\n  ${field} ${message}`).join('');
  return `${told || `${new URL(response.url).origin} answered ${response.status}`}${fields}`;
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
