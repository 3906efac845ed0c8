import { Expression } from './expression.js';

const evaluate = (text: string, input: object = {}) => new Expression(text).evaluate(input, {});

describe('an expression', () => {
  it.each<[string, unknown]>([
    [`name & '-' & $uppercase(name)`, 'a-A'],
    ['list[n > 1].n', [2, 3]],
    ['list[n = 1].n', 1],
    ['{ "name": name, "none": none }', { name: 'a' }],
    ['none', undefined],
    ['null', undefined],
    ['[]', undefined],
    ['[none, null]', undefined],
    ['$count(list) = 3', true],
  ])('%s gives %j', async (text, expected) =>
    expect(await evaluate(text, { name: 'a', list: [{ n: 1 }, { n: 2 }, { n: 3 }] })).toEqual(expected),
  );

  it('gives lists as lists, without what JSONata notes in them', async () =>
    expect(Object.keys((await evaluate('list.n', { list: [{ n: 1 }, { n: 2 }] })) as object)).toEqual(['0', '1']));

  it.each([
    ['name &', /^S0207 at position 6: /],
    ['$now()', /\$now/],
    ['$string($millis())', /\$millis/],
    ['$map(list, function($n) { $n * $random() })', /\$random/],
    ['$shuffle(list)[0]', /\$shuffle/],
    [`$eval('1')`, /\$eval/],
    [`$f := $random`, /\$random/],
    [`$toMillis(a, '[H]:[m]')`, /\$toMillis/],
    [`a ~> $toMillis('[H]:[m]')`, /\$toMillis/],
    ['$map(list, $toMillis)', /\$toMillis/],
  ])('%s is refused', (text, message) => expect(() => new Expression(text)).toThrow(message));

  it('may read a time that is written out', async () =>
    expect(await evaluate(`$fromMillis($toMillis(day), '[D01]/[M01]/[Y]')`, { day: '2026-10-15' })).toBe('15/10/2026'));

  it.each([
    ['$number(name)', 'fails with JSONata error D3030'],
    ['name + 1', 'fails with JSONata error T2001'],
    ['$error(name)', 'fails with JSONata error D3137'],
    ['function($n) { $n }', 'gives a function'],
    ['[$sum]', 'gives a function'],
    ['($f := function($n) { 1 + $f($n) }; $f(1))', 'fails with JSONata error D1011'],
    ['($f := function($n) { $f($n + 1) }; $f(1))', 'takes too many steps'],
  ])('%s fails without telling a value', async (text, message) => {
    const failure = await evaluate(text, { name: 'Fontaine' }).catch((error: Error) => error.message);
    expect(failure).toBe(message);
  });

  it('lets others work after one that was given up', async () => {
    let passed = false;
    setImmediate(() => (passed = true));
    const [failed] = await Promise.allSettled([evaluate('($f := function() { $f() }; $f())')]);
    expect([failed.status, passed]).toEqual(['rejected', true]);
  });
});
