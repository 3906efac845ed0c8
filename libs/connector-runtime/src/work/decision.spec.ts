import type { Row } from '@myelin/connector';
import { decide, type Standing } from './decision.js';
import type { Mapping } from './mapper.js';

const today = '2026-11-24';
const nothing = { name: undefined, waitsFor: null, uses: [], faults: [] };
const wanted = (row: Row, validUntil?: string) => ({ ...nothing, is: 'row', row, validUntil }) as const;
const gone = (atOnce = false) => ({ ...nothing, is: 'absent', atOnce }) as const;
const standing = (row: Row | null, suspendedOn: string | null = null): Standing => ({
  ...{ targetId: row && 'x', row, etag: null, suspendedOn },
});

const open = { name: 'A', state: 'open' };
const shut = { name: 'A', state: 'shut' };
const sync = {
  removal: { suspend: (row: Row) => ({ ...row, state: 'shut' }), graceDays: 30 },
  closes: (before: Row, after: Row) => before.state === 'open' && after.state !== 'open',
};
type Decidable = Extract<Mapping, { is: 'row' | 'absent' }>;

describe('what there is to do for an entity', () => {
  it.each<[string, Decidable, Standing, string, string | null]>([
    ['new', wanted(open), standing(null), 'create', null],
    ['new and closed', wanted(shut), standing(null), 'create', null],
    ['as it must be', wanted(open), standing(open), 'none', null],
    ['another name', wanted({ ...open, name: 'B' }), standing(open), 'change', null],
    ['closed from now on', wanted(shut), standing(open), 'suspend', null],
    ['closed as before, under another name', wanted({ ...shut, name: 'B' }), standing(shut), 'change', null],
    ['open again', wanted(open), standing(shut, '2026-11-01'), 'change', null],
    ['never there, and gone', gone(), standing(null), 'none', null],
    ['gone', gone(), standing(open), 'suspend', today],
    ['closed, and gone', gone(), standing(shut), 'suspend', today],
    ['gone, in its grace', gone(), standing(shut, '2026-11-01'), 'none', '2026-11-01'],
    ['gone, and opened by hand in its grace', gone(), standing(open, '2026-11-01'), 'suspend', '2026-11-01'],
    [
      'gone, and renamed by hand in its grace',
      gone(),
      standing({ ...open, state: 'odd' }, '2026-11-01'),
      'change',
      '2026-11-01',
    ],
    ['gone, its grace over', gone(), standing(shut, '2026-10-25'), 'delete', null],
    ['erased', gone(true), standing(open), 'delete', null],
  ])('%s', (_name, mapping, found, action, suspendedOn) =>
    expect(decide(mapping, found, sync, today)).toMatchObject({ action, suspendedOn }),
  );

  it('starts no grace for what is closed, and keeps the day on which it is looked at again', () =>
    expect(decide(wanted(shut, '2027-01-01'), standing(open), sync, today)).toEqual({
      ...{ action: 'suspend', after: shut, changed: ['state'], suspendedOn: null, dueDay: '2027-01-01' },
    }));

  it('takes every change for alike where the connector does not say what closes', () => {
    expect(decide(wanted(shut), standing(open), {}, today).action).toBe('change');
    expect(decide(gone(), standing(open), {}, today).action).toBe('delete');
  });
});
