import type { Master } from '@myelin/contracts';
import { explainRow, valueAt } from './explain.js';

const master = {
  id: 'x',
  birthName: 'Lefèvre',
  roles: {
    external: [
      { population: 'PXSS', structure: 'code:A' },
      { population: 'PXSS', structure: 'code:B' },
    ],
  },
} as unknown as Master;

describe('valueAt', () => {
  it.each([
    ['birthName', 'Lefèvre'],
    ['usageName', null],
    ['birth.date', null],
    ['roles.external[].structure', ['code:A', 'code:B']],
    ['roles.learner[].population', []],
    ['__proto__.polluted', null],
  ])('%s', (path, expected) => expect(valueAt(master, path)).toEqual(expected));
});

describe('explainRow', () => {
  const rules = {
    sn: { from: ['usageName', 'birthName'], rule: 'usage name, else birth name' },
    ou: { from: ['roles.external[].structure'], rule: 'structures' },
  };
  const explain = (values: boolean) =>
    explainRow(master, rules, { sn: 'Lefèvre', ou: ['B', 'A'] }, { sn: 'Lefevre', old: 'x', ou: ['B', 'A'] }, values);

  it('goes from the golden value by the rule to what the target has', () =>
    expect(explain(true)).toEqual([
      { attribute: 'old', rule: null, from: [], wanted: null, acknowledged: 'x', standing: 'to be removed' },
      {
        attribute: 'ou',
        rule: 'structures',
        from: [{ path: 'roles.external[].structure', value: ['code:A', 'code:B'] }],
        wanted: ['B', 'A'],
        acknowledged: ['B', 'A'],
        standing: 'same',
      },
      {
        attribute: 'sn',
        rule: 'usage name, else birth name',
        from: [
          { path: 'usageName', value: null },
          { path: 'birthName', value: 'Lefèvre' },
        ],
        wanted: 'Lefèvre',
        acknowledged: 'Lefevre',
        standing: 'to be changed',
      },
    ]));

  it('tells no value to whoever may see none', () =>
    expect(JSON.stringify(explain(false))).not.toMatch(/Lef|code:A|"x"/));
});
