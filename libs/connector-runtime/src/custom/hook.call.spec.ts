import { createHmac } from 'node:crypto';
import { HookCaller, HookFault } from './hook.call.js';
import {
  adds,
  drips,
  fails,
  floods,
  hangs,
  HOOK_SECRET,
  nothing,
  redirectsTo,
  says,
  TestHook,
  type Answering,
} from './hook.testing.js';

const question = { entity: 'person', id: 'x', epoch: 1, revision: 2, record: { birthName: 'Lefèvre' } };

let hook: TestHook;
beforeEach(async () => (hook = await TestHook.start()));
afterEach(() => hook.stop());

const callerOf = (changes?: Record<string, unknown>) => new HookCaller(hook.settings(changes).HOOK[0]!, HOOK_SECRET);
const ask = (changes?: Record<string, unknown>) => callerOf(changes).ask(question, 'correlation-1');

/** How a call fails. */
async function faultOf(call: Promise<unknown>): Promise<HookFault> {
  const fault = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(fault).toBeInstanceOf(HookFault);
  return fault as HookFault;
}

it('asks as the contract says, and signs the time and every byte of the question', async () => {
  hook.answering = adds(() => ({ univ: { badge: 'B1' } }));
  expect(await ask()).toEqual({ univ: { badge: 'B1' } });
  const [{ method, headers, body }] = hook.asked as [(typeof hook.asked)[number]];
  expect([method, JSON.parse(body)]).toEqual(['POST', question]);
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-correlation-id': 'correlation-1' });
  const sent = String(headers['x-myelin-timestamp']);
  expect(Math.abs(Date.now() / 1000 - Number(sent))).toBeLessThan(10);
  const signature = createHmac('sha256', HOOK_SECRET).update(`${sent}.${body}`).digest('hex');
  expect(headers['x-myelin-signature']).toBe(`v1=${signature}`);
});

it('takes that there is nothing to add', async () => {
  hook.answering = nothing;
  expect(await ask()).toEqual({});
});

it('keeps its connection, and opens another when the service has closed it', async () => {
  const caller = callerOf();
  await caller.ask(question, undefined);
  await caller.ask(question, undefined);
  expect(hook.connections).toBe(1);
  hook.hangUp();
  expect(await caller.ask(question, undefined)).toMatchObject({ univ: {} });
  expect(hook.connections).toBe(2);
});

it.each<[string, Answering, string, string]>([
  ['hangs', hangs, 'late', 'the hook did not answer within 1500 ms'],
  ['answers a byte at a time', drips, 'late', 'the hook did not answer within 1500 ms'],
  ['answers 500', fails, 'status', 'the hook answered 500'],
  ['hangs up', (_, response) => response.destroy(), 'unreachable', 'the hook cannot be reached (ECONNRESET)'],
  [
    'answers another type',
    says(() => ({}), { 'content-type': 'text/html' }),
    'refused',
    'another type than application/json',
  ],
  [
    'sends a field outside its namespace',
    adds(() => ({ other: {} })),
    'refused',
    '"extensions.other" outside its namespace',
  ],
  [
    'switches protocols',
    (_, response) => response.writeHead(101, { connection: 'upgrade', upgrade: 'x' }).end(),
    'unreachable',
    'the hook cannot be reached',
  ],
])('gives a service up that %s', async (_, answering, kind, message) => {
  hook.answering = answering;
  const began = performance.now();
  const fault = await faultOf(ask());
  expect(performance.now() - began).toBeLessThan(4000);
  expect(fault).toMatchObject({ kind, message: expect.stringContaining(message) });
  expect(`${fault.message} ${JSON.stringify(fault)}`).not.toMatch(/Lefèvre|a secret of the establishment/);
});

it('cuts an answer of 50 MB off at 64 KiB', async () => {
  const flood = floods();
  hook.answering = flood;
  const before = process.memoryUsage().arrayBuffers;
  expect(await faultOf(ask({ timeoutMs: 3000 }))).toMatchObject({
    ...{ kind: 'refused', message: 'the hook answered more than 64 KiB' },
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 2 ** 20);
  // What lies in the buffers of the two sockets was sent too.
  expect(flood.sent()).toBeLessThan(10 * 2 ** 20);
});

it('follows no redirect, wherever it leads', async () => {
  const other = await TestHook.start();
  try {
    hook.answering = redirectsTo(`http://127.0.0.1:${other.port}/`);
    expect(await faultOf(ask())).toMatchObject({ message: 'the hook answered 307: redirects are not followed' });
    expect([other.connections, hook.asked.length]).toEqual([0, 1]);
  } finally {
    await other.stop();
  }
});

it.each([
  ['http', 'localhost'],
  ['http', 'localhost.'],
  ['https', 'localhost'],
])('connects to no name that leads to an address that is not allowed: %s://%s', async (protocol, host) => {
  const url = `${protocol}://${host}:${hook.port}/`;
  const fault = await faultOf(ask({ url, allow: ['10.0.0.0/8'] }));
  // Some resolvers know no `localhost.`.
  const isUnknown = host.endsWith('.') && fault.message === 'the hook cannot be reached (ENOTFOUND)';
  expect(isUnknown || fault.message === 'the hook is at an address that is not allowed').toBe(true);
  expect(hook.connections).toBe(0);
});

it('says why nobody answers', async () => {
  const caller = callerOf();
  await hook.stop();
  const fault = await faultOf(caller.ask(question, undefined));
  expect(fault).toMatchObject({ kind: 'unreachable', message: 'the hook cannot be reached (ECONNREFUSED)' });
  hook = await TestHook.start();
});

it('trusts no certificate but those of known authorities', async () => {
  const fault = await faultOf(ask({ url: `https://127.0.0.1:${hook.port}/` }));
  expect(fault.kind).toBe('unreachable');
  expect(hook.asked).toEqual([]);
});
