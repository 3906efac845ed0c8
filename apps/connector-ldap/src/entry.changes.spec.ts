import { addsState, modifications, provesItself } from './entry.changes.js';
import type { EntryKind } from './entry.js';

const kind: EntryKind = {
  branch: 'ou=people',
  naming: 'uid',
  classes: [],
  structural: [],
  attributes: [],
  identifying: {},
};
const steps = (before: object, after: object, suspended: string[] = []) => {
  const known = { dn: '', row: { rdn: 'uid=a', ...before }, suspended: new Set(suspended), etag: undefined };
  const found = modifications(known, { rdn: 'uid=a', ...after }, kind);
  return { found: found.map(({ op, attribute, values }) => `${op} ${attribute}: ${values.join()}`), known };
};

describe('modifications', () => {
  it('are none between equal rows', () => expect(steps({ mail: ['a@x'] }, { mail: ['a@x'] }).found).toEqual([]));

  it('touch only the values that differ, deletes first', () => {
    expect(steps({ mail: ['a@x', 'b@x'], sn: ['Kone'] }, { mail: ['b@x', 'c@x'], sn: ['KONE'] }).found).toEqual([
      'delete mail: a@x',
      'delete sn: Kone',
      'add mail: c@x',
      'add sn: KONE',
    ]);
  });

  it('replace where the schema has no equality rule', () => {
    const fax = 'facsimileTelephoneNumber';
    expect(steps({ [fax]: ['+1', '+2'] }, { [fax]: ['+2'] }).found).toEqual([`replace ${fax}: +2`]);
    expect(steps({ [fax]: ['+1'] }, {}).found).toEqual([`replace ${fax}: `]);
  });

  it('leave the name to renaming, and remove its surplus', () => {
    expect(steps({ uid: ['a', 'alias'] }, { rdn: 'uid=b', uid: ['b'] }).found).toEqual(['delete uid: alias']);
  });

  it('leave the state of a suspended resource alone', () => {
    const after = { supannRessourceEtat: ['{COMPTE}A:SupannActif', '{MAIL}A:SupannActif'] };
    expect(steps({}, after, ['COMPTE']).found).toEqual(['add supannRessourceEtat: {MAIL}A:SupannActif']);
  });
});

describe('provesItself', () => {
  const proves = (before: object, after: object) => {
    const { known } = steps(before, after);
    const row = { rdn: 'uid=a', ...after };
    return provesItself(known, row, modifications(known, row, kind));
  };

  it.each<[string, object, object, boolean]>([
    ['a value that goes', { mail: ['a@x'] }, {}, true],
    ['a value that comes', {}, { mail: ['a@x'] }, true],
    ['another spelling', { sn: ['Kone'] }, { sn: ['KONE'] }, false],
    ['a replacement', { facsimileTelephoneNumber: ['+1'] }, { facsimileTelephoneNumber: ['+2'] }, false],
    ['nothing', {}, {}, false],
  ])('%s: %s %s → %s', (_name, before, after, expected) => expect(proves(before, after)).toBe(expected));
});

describe('addsState', () => {
  const states = (...values: string[]) => ({ supannRessourceEtat: values });

  it('tells a state for a resource of which none was seen', () => {
    expect(addsState({}, states('{COMPTE}A:SupannActif'))).toBe(true);
    expect(addsState(states('{MAIL}A:SupannActif'), states('{COMPTE}A:SupannActif'))).toBe(true);
    expect(addsState(states('{COMPTE}A:SupannActif'), states('{COMPTE}I:SupannExpire'))).toBe(false);
    expect(addsState({}, {})).toBe(false);
  });
});
