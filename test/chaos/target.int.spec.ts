import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@myelin/testing';
import { Faults, type FaultRates } from './faults.js';
import type { LoggedWrite } from './log.js';
import { EXECUTES_WITHIN_MS, Target } from './target.js';

const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
const ROW = { code: 'A', label: 'A', name: 'A', type: 'S203' };

let target: Target;
let log: string;
let count = 0;

beforeEach(async () => {
  log = join(folder, `log-${++count}`);
  target = await Target.start({ log, seed: 1, ifMatch: true });
});
afterEach(() => target.stop());
afterAll(() => rmSync(folder, { recursive: true }));

const headers = (changes: Record<string, string> = {}) => ({
  'content-type': 'application/json',
  'x-epoch': '1',
  'x-revision': '1',
  'x-correlation-id': 'c',
  'x-begun': String(Date.now()),
  ...changes,
});
const ask = (method: string, body: object | undefined, changes: Record<string, string> = {}) =>
  fetch(`${target.url}/structure/1`, {
    method,
    headers: headers(changes),
    ...(body && { body: JSON.stringify(body) }),
  });
const put = (changes?: Record<string, string>) => ask('PUT', ROW, changes);
const withFaults = (rates: FaultRates) =>
  fetch(`${target.url}/faults`, { method: 'PUT', headers: headers(), body: JSON.stringify(rates) });

/** The writes of the log: verb, status, and which time. */
const logged = () =>
  readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LoggedWrite)
    .map(({ verb, status, execution }) => `${verb} ${status} ${execution}`);

it('has noted a write when it answers, and refuses to create a row twice', async () => {
  expect((await put()).status).toBe(201);
  expect(logged()).toEqual(['PUT 201 1']);
  expect((await put()).status).toBe(409);
  expect(logged()).toEqual(['PUT 201 1', 'PUT 409 1']);
});

it('executes before it loses the answer, and nothing where the connection was cut first', async () => {
  await withFaults({ cutBefore: 1 });
  await expect(put()).rejects.toThrow();
  expect(logged()).toEqual([]);
  await withFaults({ cutAfter: 1 });
  await expect(put()).rejects.toThrow();
  expect(logged()).toEqual(['PUT 201 1']);
});

it('executes what the network repeats, before the answer or after it', async () => {
  await withFaults({ repeated: 1 });
  expect((await put()).status).toBe(201);
  expect(logged()).toEqual(['PUT 201 1', 'PUT 409 2']);
  await withFaults({ repeatedAfterAnswer: 1 });
  const etag = `"${target.version('structure', '1')}"`;
  expect((await ask('PATCH', { name: 'B' }, { 'if-match': etag })).status).toBe(200);
  // The condition that held for the first no longer does.
  await until('it should be repeated', () => logged().length === 4);
  expect(logged().slice(2)).toEqual(['PATCH 200 1', 'PATCH 412 2']);
});

it('executes late what is delayed, though nobody waits any more, but nothing that is too old', async () => {
  await withFaults({ delayedExecution: 1 });
  const given = fetch(`${target.url}/structure/1`, {
    method: 'PUT',
    headers: headers(),
    body: JSON.stringify(ROW),
    signal: AbortSignal.timeout(50),
  });
  await expect(given).rejects.toThrow();
  await until('it should be executed', () => logged().length === 1);
  await withFaults({});
  expect((await put({ 'x-begun': String(Date.now() - EXECUTES_WITHIN_MS - 1) })).status).toBe(408);
  expect(logged()).toEqual(['PUT 201 1']);
});

it('says when to come back', async () => {
  for (const [fault, status] of [['throttled', 429] as const, ['unavailable', 503] as const]) {
    await withFaults({ [fault]: 1 });
    const answer = await put();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '1']);
  }
  expect(logged()).toEqual([]);
});

it('is strict', async () => {
  expect((await put({ 'x-revision': '' })).status).toBe(400);
  expect((await put({ 'content-type': 'text/plain' })).status).toBe(415);
  expect((await ask('PUT', { ...ROW, more: 'x' })).status).toBe(422);
  expect((await ask('PUT', { code: 'A' })).status).toBe(422);
  expect((await ask('PATCH', { name: 'B' })).status).toBe(428);
  expect((await withFaults({ weather: 1 } as FaultRates)).status).toBe(422);
});

it('draws the same faults for the same seed', () => {
  const drawn = (seed: number) => {
    const faults = new Faults(seed);
    faults.rates = { cutAfter: 0.2, repeated: 0.2 };
    return Array.from({ length: 100 }, () => faults.draw('PUT'));
  };
  expect(drawn(5)).toEqual(drawn(5));
  expect(drawn(5)).not.toEqual(drawn(6));
});
