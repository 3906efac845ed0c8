import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings } from '@myelin/platform';
import { hookSecret, hookSetting } from './hook.settings.js';
import { HOOK_SECRET } from './hook.testing.js';

const right = { url: 'https://hook.univ.example/enrich', namespace: 'univ', fields: ['birthName'], onFailure: 'skip' };

const read = (HOOK: string, secret: string = HOOK_SECRET) =>
  readSettings({ HOOK: hookSetting, HOOK_SECRET: hookSecret }, { HOOK, HOOK_SECRET: secret }).HOOK;
const person = (changes: Record<string, unknown> = {}) => read(JSON.stringify({ person: { ...right, ...changes } }));

it('are read, with two seconds for a call', () =>
  expect(person()).toMatchObject([{ entity: 'person', namespace: 'univ', timeoutMs: 2000, onFailure: 'skip' }]));

it('may be absent', () => {
  const spec = { HOOK: hookSetting, HOOK_SECRET: hookSecret };
  expect(readSettings(spec, {})).toEqual({ HOOK: [], HOOK_SECRET: undefined });
});

it('ask for a secret', () => {
  expect(() => read(JSON.stringify({ person: right }), '')).toThrow('HOOK_SECRET is required where HOOK is given');
  expect(() => read(JSON.stringify({ person: right }), 'short')).toThrow(
    'HOOK_SECRET must have at least 32 characters',
  );
});

it.each([
  ['url', { url: 'http://hook.univ.example' }, 'person.url must be an https URL: http is for addresses within allow'],
  ['url', { url: 'ftp://hook.univ.example' }, 'person.url must be an https URL'],
  ['url', { url: 'https://u:pass-word@hook.univ.example' }, 'person.url must hold no user and no password'],
  ['url', { url: 'https://127.0.0.1/' }, 'person.url is at an address that is not allowed'],
  ['url', { url: 'https://[::1]/' }, 'person.url is at an address that is not allowed'],
  ['url', { url: 'https://[::ffff:10.0.0.1]/' }, 'person.url is at an address that is not allowed'],
  ['url', { url: 'https://0x7f000001/' }, 'person.url is at an address that is not allowed'],
  ['url', { url: 'https://2130706433/' }, 'person.url is at an address that is not allowed'],
  ['url', { url: 'https://169.254.169.254/latest' }, 'person.url is at an address that is not allowed'],
  ['url', { url: 'http://10.2.0.1/', allow: ['10.1.0.0/16'] }, 'person.url is at an address that is not allowed'],
  ['allow', { allow: ['10.1.0.0'] }, 'person.allow must be networks like 10.1.0.0/16'],
  ['namespace', { namespace: '__proto__' }, 'person.namespace must be the name of an extension'],
  ['fields', { fields: [] }, 'person.fields must be a list of paths'],
  ['fields', { fields: ['birthName', 'nir'] }, 'person.fields[1] names nothing that a person can have'],
  ['timeoutMs', { timeoutMs: 60_000 }, 'person.timeoutMs must be a whole number from 100 to 3000'],
  ['onFailure', { onFailure: 'ignore' }, 'person.onFailure must be one of skip, wait, park'],
  ['names', { retries: 3 }, 'person.retries is no setting of a hook'],
])('are refused by name: %s %j', (_, changes, fault) => expect(() => person(changes)).toThrow(`HOOK ${fault}`));

it('tell all faults at once, and no value', () => {
  const fault = /^(?!.*pass-word).*person\.namespace .*; person\.url must hold no user/s;
  expect(() => person({ url: 'https://u:pass-word@hook.example', namespace: 'pass-word' })).toThrow(fault);
  expect(() => read('{')).toThrow('HOOK must be JSON');
  expect(() => read('[]')).toThrow('HOOK must be an object with a hook for each kind of record');
  expect(() => read('{"people":{}}')).toThrow('HOOK must be about person, structure, third-party only');
});

it('are another version where other answers must be expected, and only there', () => {
  const version = (changes?: Record<string, unknown>) => person(changes)[0]?.version;
  const same = [{ timeoutMs: 100 }, { onFailure: 'park' }, { allow: ['10.0.0.0/8'] }];
  expect(new Set(same.map(version))).toEqual(new Set([version()]));
  const others = [{ url: 'https://hook.univ.example/v2' }, { namespace: 'other' }, { fields: ['birthName', 'sex'] }];
  expect(new Set([...others.map(version), version()]).size).toBe(4);
});

it.each(['user-guide.md', 'guide-utilisateur.md'])('are right as %s shows them', (page) => {
  const text = readFileSync(join(__dirname, '../../../../docs', page), 'utf8');
  const [, shown = ''] = /^```json\n(\{ "person": \{ "url".*?)^```$/ms.exec(text) ?? [];
  expect(read(shown)).toMatchObject([{ entity: 'person' }]);
});
