import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerReader, BadAnswer, hookApi } from './hook.contract.js';

const read = (answer: unknown) =>
  answerReader('univ')(Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer)));

it('is committed as the code says (run `npm run contracts` after a change)', () =>
  expect(readFileSync(join(__dirname, '../../hook.openapi.json'), 'utf8')).toBe(hookApi()));

it('shows an answer that is taken', () => {
  const { webhooks } = JSON.parse(hookApi());
  const { example } = webhooks.enrich.post.responses['200'].content['application/json'];
  expect(read(example)).toEqual(example.extensions);
});

it.each([
  {},
  { univ: {} },
  {
    univ: { badge: 'B1', floor: 2, open: true, none: null, tags: ['a', 1, null], office: { site: 'N', rooms: ['1'] } },
  },
])('takes %j', (extensions) => expect(read({ extensions })).toEqual(extensions));

it.each([
  ['no JSON', '{"extensions":', 'the hook answered what is no JSON'],
  ['no object', '[]', 'the hook sent an answer in a form that is not allowed'],
  ['nothing', {}, 'the hook sent an answer in a form that is not allowed'],
  ['another field', { extensions: {}, status: 'erased' }, 'the hook sent the field "status" outside its namespace'],
  [
    'another namespace',
    { extensions: { other: {} } },
    'the hook sent the field "extensions.other" outside its namespace',
  ],
  ['a strange name', { extensions: { 'Maëlle Lefèvre': 1 } }, 'the hook sent a field outside its namespace'],
  ['a long name', { extensions: { ['x'.repeat(41)]: 1 } }, 'the hook sent a field outside its namespace'],
  ['__proto__', '{"extensions":{"__proto__":{"status":"x"}}}', 'the hook sent a field outside its namespace'],
  [
    'no object in it',
    { extensions: { univ: 'x' } },
    'the hook sent the field "extensions.univ" in a form that is not allowed',
  ],
  [
    'depth',
    { extensions: { univ: { a: { b: { c: 1 } } } } },
    'the hook sent the field "extensions.univ.a" in a form that',
  ],
  [
    'lists in lists',
    { extensions: { univ: { a: [[1]] } } },
    'the hook sent the field "extensions.univ.a" in a form that',
  ],
  [
    'objects in lists',
    { extensions: { univ: { a: [{}] } } },
    'the hook sent the field "extensions.univ.a" in a form that',
  ],
  ['no number', '{"extensions":{"univ":{"a":1e999}}}', 'the hook sent the field "extensions.univ.a" in a form that'],
  ['a bad name', { extensions: { univ: { 'a b': 1 } } }, 'the hook sent the field "extensions.univ" in a form that'],
  ['NUL', { extensions: { univ: { a: 'x\0' } } }, 'the hook sent a character that cannot be stored'],
  ['half a surrogate', '{"extensions":{"univ":{"a":"\\ud800"}}}', 'the hook sent a character that cannot be stored'],
  [
    'too many members',
    { extensions: { univ: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`a${i}`, i])) } },
    'the hook sent the field "extensions.univ" in a form that is not allowed',
  ],
])('refuses %s', (_, answer, fault) => {
  expect(() => read(answer)).toThrow(BadAnswer);
  expect(() => read(answer)).toThrow(fault);
});

it('refuses bytes that are no UTF-8, and any depth', () => {
  const read = answerReader('univ');
  expect(() => read(Buffer.from([0x22, 0xff, 0x22]))).toThrow('no JSON');
  expect(() => read(Buffer.from('['.repeat(60_000) + ']'.repeat(5)))).toThrow(BadAnswer);
  expect(() => read(Buffer.from('['.repeat(30_000) + ']'.repeat(30_000)))).toThrow(BadAnswer);
});
