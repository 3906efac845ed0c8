import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Service, until } from '@myelin/testing';
import { call } from '../deploy/demo/hub.js';
import { TestInstallation } from './installation.js';
import { jobWhen, resync, type JobView } from './jobs.js';

/** So many that they are mapped in threads of their own. */
const SIZE = { structures: 20, persons: 3500 };
const HOOK_SECRET = 'a secret of the establishment, long enough';

/** What the service of the establishment was asked and signed rightly, by master id. */
const asked = new Map<string, Record<string, unknown>[]>();
const service = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => void (body += chunk.toString()));
  request.on('end', () => {
    const text = `${String(request.headers['x-myelin-timestamp'])}.${body}`;
    const signature = `v1=${createHmac('sha256', HOOK_SECRET).update(text).digest('hex')}`;
    const { id, record } = JSON.parse(body);
    const isSigned = request.headers['x-myelin-signature'] === signature;
    if (isSigned) asked.set(id, [...(asked.get(id) ?? []), record]);
    response.writeHead(isSigned ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ extensions: { univ: { badge: `B-${id}` } } }));
  });
});

let hub: TestInstallation;
let connector: Service;
let enriched: Service;

beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  hub = await TestInstallation.create('hook');
  ({ connector } = await hub.startUniversity(SIZE));
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/enrich`;
  const fields = ['identifiers[].scheme', 'roles.resource[].population'];
  const person = { url, fields, allow: ['127.0.0.0/8'], namespace: 'univ', onFailure: 'wait' };
  enriched = await hub.add('connector-ldap', {}, '-enriched', { HOOK: JSON.stringify({ person }), HOOK_SECRET });
}, 240_000);
afterAll(async () => {
  await hub.drop();
  service.closeAllConnections();
  await new Promise((resolve) => service.close(resolve));
}, 180_000);

it('FR-22: asks the service of the establishment about everybody when it is set up, also in threads, once, and only what is granted', async () => {
  await connector.stop();
  await enriched.start();
  const remap = async () => {
    const { items } = await call<{ items: JobView[] }>('GET', `${enriched.url}/resyncs`);
    return items.find(({ kind, status }) => kind === 'remap' && status === 'done');
  };
  await until('everybody should be mapped again', async () => (await remap()) !== undefined, { deadlineMs: 120_000 });
  expect(asked.size).toBe(SIZE.persons);
  // Nothing else of a record has left.
  const fields = new Set([...asked.values()].flat().flatMap((record) => pathsOf(record)));
  expect([...fields].sort()).toEqual(['identifiers.scheme', 'roles.resource.population']);
  // The directory takes nothing from extensions: it stays as it was, and no call is made again.
  const { id } = await resync(enriched, { mode: 'verify', planOnly: true });
  expect((await jobWhen(enriched, { id }, 'planned')).plan.actions).toEqual([]);
  expect([...asked.values()].filter(({ length }) => length > 1)).toEqual([]);
}, 180_000);

/** The names that lead to values, lists left aside. */
function pathsOf(value: unknown, path: readonly string[] = []): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => pathsOf(one, path));
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  return Object.entries(value).flatMap(([name, child]) => pathsOf(child, [...path, name]));
}
