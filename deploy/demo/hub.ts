import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** What an import answers. */
export interface ImportReport {
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
  rejections: { line: number; field: string; reason: string }[];
}

/** A record as a referential shows it. */
export type RecordView = { id: string; revision: number; status: string } & Record<string, unknown>;

/** What the connector tells of one kind of entity. */
export interface EntityStatus {
  total: number;
  due: number;
  unrepresentable: number;
  applied?: number;
  waiting?: number;
  parked?: number;
}

/** Calls a referential and answers its JSON; a problem document becomes an error that says what is wrong. */
export async function call<T>(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${url} was answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer as T;
}

/** Loads a file of source records into a referential. */
export async function load(referential: string, source: string, lines: Readable): Promise<ImportReport> {
  const response = await fetch(`${referential}/imports?source=${source}&format=ndjson`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines,
    duplex: 'half',
  } as unknown as RequestInit);
  const answer: unknown = await response.json();
  if (!response.ok)
    throw new Error(`the import of ${source} was answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer as ImportReport;
}

/** Changes a record as it stands now. */
export async function change(referential: string, path: string, id: string, patch: object): Promise<RecordView> {
  const record = await call<RecordView>('GET', `${referential}/${path}/${id}`);
  return call('PATCH', `${referential}/${path}/${id}`, patch, { 'if-match': `"${record.revision}"` });
}

/** The record that holds an identifier. */
export async function find(referential: string, path: string, identifier: string): Promise<RecordView | undefined> {
  const url = `${referential}/${path}?identifier=${encodeURIComponent(identifier)}`;
  return (await call<{ items: RecordView[] }>('GET', url)).items[0];
}

/** Waits until the connector has nothing left to do and knows `expected` entities of each kind. */
export async function settled(
  connector: string,
  expected: Readonly<Record<string, number>>,
  onProgress: (done: number, all: number) => void = () => undefined,
): Promise<Record<string, EntityStatus>> {
  const all = Object.values(expected).reduce((sum, count) => sum + count, 0);
  for (;;) {
    const { entities } = await call<{ entities: Record<string, EntityStatus> }>('GET', `${connector}/status`);
    const done = Object.keys(expected).map((entity) => entities[entity]?.applied ?? 0);
    onProgress(
      done.reduce((sum, count) => sum + count, 0),
      all,
    );
    const complete = Object.entries(expected).every(([entity, count]) => {
      const status = entities[entity];
      return status !== undefined && status.due === 0 && (status.applied ?? 0) + (status.parked ?? 0) >= count;
    });
    if (complete) return entities;
    await sleep(200);
  }
}
