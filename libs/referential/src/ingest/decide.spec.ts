import { amend, decide, settled, type KnownSource, type LockedRecord } from './decide.js';
import { fact } from './fact.js';
import { HUB } from '../golden/golden.js';
import type { Attributes } from '../tables.js';

const named = (birthName: string, ...keys: string[]): Attributes => ({
  birthName,
  identifiers: keys.map((key) => ({ scheme: key.split(':')[0], value: key.split(':')[1] })),
});

/** A record with what each source (`source/key`) says of it. */
function record(id: string, said: Record<string, Attributes>): LockedRecord {
  const sources = Object.entries(said).map(([name, payload], index): KnownSource => {
    const [source = '', sourceId = ''] = name.split('/');
    const { hash } = fact(sourceId, null, payload);
    return { id: `${id}-${index}`, recordId: id, revision: 3, source, sourceId, version: 5, hash, payload };
  });
  return { id, revision: 3, status: 'active', state: sources[0]?.payload ?? {}, sources };
}

/** All that is known when `source` speaks. */
const world = (source: string, records: LockedRecord[], holders: Record<string, string> = {}) => ({
  source,
  records: new Map(records.map((one) => [one.id, one])),
  holders: new Map(Object.entries(holders)),
  bySourceId: new Map(
    records.flatMap((one) => one.sources.filter((s) => s.source === source).map((s) => [s.sourceId, s] as const)),
  ),
});

const r1 = record('r1', { 'siham/1': named('A', 'siham:1') });
const r2 = record('r2', { 'siham/2': named('B', 'siham:2') });
const held = { 'siham:1': 'r1', 'siham:2': 'r2' };

describe('decide', () => {
  it('makes a new record of what nobody knows', () =>
    expect(decide(fact('9', null, named('C', 'siham:9')), world('siham', [r1], held))).toMatchObject({
      mode: 'create',
      status: 'active',
      revision: 1,
      changed: true,
    }));

  it('raises the revision when the golden state changes', () =>
    expect(decide(fact('1', null, named('A2', 'siham:1')), world('siham', [r1], held))).toMatchObject({
      mode: 'update',
      recordId: 'r1',
      revision: 4,
      changed: true,
      state: { birthName: 'A2' },
    }));

  it('leaves the revision when a change does not show', () => {
    const both = record('r1', { 'siham/1': named('A', 'siham:1'), 'apogee/7': named('X', 'siham:1') });
    expect(decide(fact('7', null, named('Y', 'siham:1')), world('apogee', [both], held))).toMatchObject({
      mode: 'update',
      revision: 3,
      changed: false,
    });
  });

  it('links another source by the identifier that they share, and says so', () =>
    expect(decide(fact('7', null, named('A', 'siham:1', 'apogee:7')), world('apogee', [r1], held))).toMatchObject({
      mode: 'attach',
      recordId: 'r1',
      evidence: 'siham:1',
      state: { identifiers: [{ value: '1' }, { value: '7' }] },
    }));

  it.each([
    [
      'the identifier of another record',
      '2',
      named('B', 'siham:2', 'siham:1'),
      'identifiers[1].value',
      /another record/,
    ],
    [
      'an identifier within the same source',
      '9',
      named('C', 'uid:c', 'siham:1'),
      'identifiers[1].value',
      /of this source/,
    ],
  ])('refuses %s, naming the field', (_, key, payload, field, message) =>
    expect(decide(fact(key, null, payload), world('siham', [r1, r2], held))).toEqual({
      outcome: 'rejected',
      faults: [{ field, message: expect.stringMatching(message) }],
    }),
  );

  it('refuses what would join two records, naming both identifiers', () =>
    expect(decide(fact('7', null, named('A', 'siham:1', 'siham:2')), world('apogee', [r1, r2], held))).toEqual({
      outcome: 'rejected',
      faults: [0, 1].map((n) => ({ field: `identifiers[${n}].value`, message: 'belongs to different records' })),
    }));

  it('names the code of a structure when it is taken', () =>
    expect(decide(fact('9', null, { code: 'DSI' }), world('siham', [r1], { 'code:DSI': 'r1' }))).toMatchObject({
      faults: [{ field: 'code' }],
    }));

  it('finds under the lock that another writer was quicker with the same words', () => {
    const before = world('siham', [r1], held);
    const quicker = record('r1', { 'siham/1': named('A2', 'siham:1') });
    const after = { ...before, records: new Map([['r1', quicker]]) };
    expect(decide(fact('1', null, named('A2', 'siham:1')), after)).toMatchObject({ outcome: 'unchanged', revision: 3 });
  });
});

describe('settled', () => {
  const known = r1.sources[0];
  const say = (version: number | null, birthName: string) =>
    settled(fact('1', version, named(birthName, 'siham:1')), known);

  it.each([
    ['an older version', 4, 'A2', 'stale'],
    ['an older version of the same words', 4, 'A', 'stale'],
    ['the same words', 5, 'A', 'unchanged'],
    ['the same words in a newer version', 6, 'A', 'unchanged'],
    ['other words in the same version', 5, 'A2', undefined],
    ['other words in a newer version', 6, 'A2', undefined],
    ['other words without a version', null, 'A2', undefined],
  ] as const)('%s', (_, version, name, outcome) => expect(say(version, name)).toBe(outcome));

  it('leaves what is not known open', () => expect(settled(fact('1', 1, {}), undefined)).toBeUndefined());
});

describe('amend', () => {
  it('adds the hub to the sources of a record, above the others', () =>
    expect(amend(r1, fact('r1', null, { birthName: 'H' }), new Map())).toMatchObject({
      mode: 'attach',
      evidence: HUB,
      state: { birthName: 'H', identifiers: [{ value: '1' }] },
      revision: 4,
    }));

  it('changes what the hub said before, under its key', () => {
    const entered = record('r3', { 'hub/k': named('H') });
    expect(amend(entered, fact('r3', null, { birthName: 'H2' }), new Map())).toMatchObject({
      mode: 'update',
      fact: { sourceId: 'k' },
      state: { birthName: 'H2' },
    });
  });

  it('refuses the identifier of another record', () =>
    expect(amend(r1, fact('r1', null, named('A', 'siham:2')), new Map(Object.entries(held)))).toMatchObject({
      outcome: 'rejected',
      faults: [{ field: 'identifiers[0].value' }],
    }));
});
