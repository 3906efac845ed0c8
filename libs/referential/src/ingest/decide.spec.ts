import {
  amend,
  decide,
  review,
  settled,
  type Bonds,
  type Known,
  type KnownSource,
  type LockedRecord,
  type Write,
} from './decide.js';
import { fact, type SourceFact } from './fact.js';
import { golden } from '../golden/golden.js';
import { HUB } from '../golden/hub.js';
import { rulesOn } from '../../test/rules.js';
import type { Attributes } from '../tables.js';

const rules = rulesOn('2026-11-27');
const named = (birthName: string, ...keys: string[]): Attributes => ({
  birthName,
  identifiers: keys.map((key) => ({ scheme: key.split(':')[0], value: key.split(':')[1] })),
});

/** A record with what each source (`source/key`) says of it. */
function record(id: string, said: Record<string, Attributes>): LockedRecord {
  const sources = Object.entries(said).map(([name, payload], index): KnownSource => {
    const [source = '', sourceId = ''] = name.split('/');
    const { hash } = fact(sourceId, null, payload);
    return {
      id: `${id}-${index}`,
      recordId: id,
      revision: 3,
      source,
      sourceId,
      version: 5,
      businessDate: null,
      hash,
      payload,
    };
  });
  const views = sources.length > 1 ? golden(sources, rules).state : (sources[0]?.payload ?? {});
  return { id, revision: 3, status: 'active', state: views, due: null, sources, overrides: [] };
}

/** All that is known when `source` speaks. */
const world = (source: string, records: LockedRecord[], holders: Record<string, string> = {}) => ({
  source,
  records: new Map(records.map((one) => [one.id, one])),
  holders: new Map(Object.entries(holders)),
  bonds: new Map(),
  bySourceId: new Map(
    records.flatMap((one) => one.sources.filter((s) => s.source === source).map((s) => [s.sourceId, s] as const)),
  ),
});

const r1 = record('r1', { 'siham/1': named('A', 'siham:1') });
const r2 = record('r2', { 'siham/2': named('B', 'siham:2') });
const held = { 'siham:1': 'r1', 'siham:2': 'r2' };

const decided = (fact: SourceFact, known: Known) => decide(fact, known, rules);

describe('decide', () => {
  it('makes a new record of what nobody knows', () =>
    expect(decided(fact('9', null, named('C', 'siham:9')), world('siham', [r1], held))).toMatchObject({
      source: { isNew: true, evidence: 'new' },
      record: { isNew: true, status: 'active', revision: 1, changed: true },
      tasks: [],
    }));

  it('raises the revision when the golden state changes', () =>
    expect(decided(fact('1', null, named('A2', 'siham:1')), world('siham', [r1], held))).toMatchObject({
      source: { isNew: false, evidence: null },
      record: { id: 'r1', isNew: false, revision: 4, changed: true, state: { birthName: 'A2' } },
    }));

  it('leaves the revision when a change does not show', () => {
    const both = record('r1', { 'apogee/1': named('A', 'siham:1'), 'siham/7': named('X', 'siham:1') });
    expect(decided(fact('7', null, named('Y', 'siham:1')), world('siham', [both], held))).toMatchObject({
      record: { revision: 3, changed: false },
    });
  });

  it('keeps what a source said before and is silent about now, save what it owns', () => {
    const before = { birthName: 'A', sex: 'F', usageName: 'U', roles: { resource: [{}], learner: [{}] } };
    const known = world('siham', [record('r1', { 'siham/1': before })], held);
    const owned = { groups: {}, owners: { siham: ['usageName', 'roles.resource'] } };
    const write = decide(fact('1', null, { birthName: 'A' }), known, rulesOn('2026-11-27', owned)) as Write;
    expect(write.source).toMatchObject({ silent: ['sex', 'roles'] });
    expect(JSON.parse(write.source?.json ?? '')).toEqual({ birthName: 'A', sex: 'F', roles: { learner: [{}] } });
  });

  it('links another source by the identifier that they share, and says so', () =>
    expect(decided(fact('7', null, named('A', 'siham:1', 'apogee:7')), world('apogee', [r1], held))).toMatchObject({
      source: { isNew: true, evidence: 'siham:1' },
      record: { id: 'r1', state: { identifiers: [{ value: '1' }, { value: '7' }] } },
    }));

  describe('keeps waiting, with a task,', () => {
    it.each([
      ['what would join two records', 'apogee', named('A', 'siham:1', 'siham:2'), ['r1', 'r2'], [0, 1]],
      ['a second record of the same source', 'siham', named('C', 'uid:c', 'siham:1'), ['r1'], [1]],
      [
        'what has another number in a registry of one number each',
        'apogee',
        named('A', 'siham:1', 'ine:2222222222A'),
        ['r3'],
        [0],
      ],
    ])('%s', (_, source, payload, others, indexes) => {
      const r3 = record('r3', { 'pegase/3': named('A', 'ine:1111111111A', 'siham:1') });
      const known = world(source, [r1, r2, r3], { ...held, ...(others[0] === 'r3' ? { 'siham:1': 'r3' } : {}) });
      const write = decided(fact('9', null, payload), known) as Write;
      expect(write).toMatchObject({
        source: { isNew: true, evidence: null },
        record: null,
        subjects: [write.source?.id],
      });
      expect(write.tasks).toEqual([
        {
          kind: 'contradiction',
          subject: write.source?.id,
          key: `${source}:9`,
          others,
          detail: { source, fields: indexes.map((n) => `identifiers[${n}].value`) },
        },
      ]);
    });

    it('and refuses the same to a person who enters it', () =>
      expect(decided(fact('k', null, named('A', 'siham:1', 'siham:2')), world(HUB, [r1, r2], held))).toEqual({
        outcome: 'rejected',
        faults: [0, 1].map((n) => ({ field: `identifiers[${n}].value`, message: 'belongs to different records' })),
      }));
  });

  it('takes the rest of a known source record that claims what another record holds, with a task', () => {
    const write = decided(fact('2', null, named('B2', 'siham:2', 'siham:1')), world('siham', [r1, r2], held)) as Write;
    expect(write.record).toMatchObject({ id: 'r2', state: { birthName: 'B2', identifiers: [{ value: '2' }] } });
    expect(write.tasks).toEqual([{ kind: 'identifier', subject: 'r2', key: 'siham:1', others: ['r1'], detail: {} }]);
  });

  it('refuses the code of a structure to a known one when it is taken', () => {
    const one = record('r1', { 'siham/1': { code: 'A' } });
    expect(
      decided(fact('1', null, { code: 'DSI' }), world('siham', [one], { 'code:A': 'r1', 'code:DSI': 'r2' })),
    ).toMatchObject({
      faults: [{ field: 'code' }],
    });
  });

  it('tells sources of one rank that disagree', () => {
    const write = decided(fact('7', null, named('Z', 'siham:1')), world('apogee', [r1], held)) as Write;
    expect(write.tasks).toEqual([
      { kind: 'tie', subject: 'r1', key: 'birthName', others: [], detail: { sources: ['apogee:7', 'siham:1'] } },
    ]);
  });

  describe('about a source record that waits follows the stewards:', () => {
    const waiting = {
      ...(r1.sources[0] as KnownSource),
      id: 'w',
      recordId: null,
      revision: 0,
      source: 'apogee',
      sourceId: '7',
    };
    const said = fact('7', null, named('A', 'siham:1', 'siham:2'));
    const after = (bonds: Bonds) => ({
      ...world('apogee', [r1, r2], held),
      bySourceId: new Map([['7', waiting]]),
      bonds: new Map([['w', bonds]]),
    });
    const none: ReadonlySet<string> = new Set();

    it('together', () =>
      expect(decided(said, after({ must: new Set(['r1']), cannot: none }))).toMatchObject({
        source: { id: 'w', isNew: false, evidence: 'decision' },
        record: { id: 'r1' },
        subjects: ['r1', 'w'],
        tasks: [{ kind: 'identifier', key: 'siham:2', others: ['r2'] }],
      }));

    it('not with one of them: with the other', () =>
      expect(decided(said, after({ must: none, cannot: new Set(['r1']) }))).toMatchObject({ record: { id: 'r2' } }));

    it('with none: a record of its own, without what they hold', () =>
      expect(decided(said, after({ must: none, cannot: new Set(['r1', 'r2']) }))).toMatchObject({
        source: { id: 'w', isNew: false, evidence: 'new' },
        record: { isNew: true, state: { birthName: 'A', identifiers: [] }, identifiers: [] },
        tasks: [{ key: 'siham:1' }, { key: 'siham:2' }],
      }));
  });

  it('finds under the lock that another writer was quicker with the same words', () => {
    const before = world('siham', [r1], held);
    const quicker = record('r1', { 'siham/1': named('A2', 'siham:1') });
    const after = { ...before, records: new Map([['r1', quicker]]) };
    expect(decided(fact('1', null, named('A2', 'siham:1')), after)).toMatchObject({
      outcome: 'unchanged',
      revision: 3,
    });
  });
});

describe('review', () => {
  it('finds what a day has made of a record', () => {
    const one = record('r1', { 'siham/1': { names: [{ usageName: 'U', from: '2026-12-01' }] } });
    expect(review(one, new Map(), rulesOn('2026-11-30')).record).toMatchObject({
      revision: 3,
      changed: false,
      due: '2026-12-01',
    });
    expect(review(one, new Map(), rulesOn('2026-12-01')).record).toMatchObject({
      ...{ revision: 4, changed: true, due: null },
      state: { usageName: 'U', effectiveFrom: '2026-12-01' },
    });
  });

  it('leaves a record as it is of which no source speaks', () =>
    expect(review({ ...record('r1', {}), state: { birthName: 'A' } }, new Map(), rules).record).toMatchObject({
      changed: false,
    }));
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
    expect(amend(r1, fact('r1', null, { birthName: 'H' }), new Map(), rules)).toMatchObject({
      source: { isNew: true, evidence: HUB },
      record: { state: { birthName: 'H', identifiers: [{ value: '1' }] }, revision: 4 },
    }));

  it('changes what the hub said before, under its key', () => {
    const entered = record('r3', { 'hub/k': named('H') });
    expect(amend(entered, fact('r3', null, { birthName: 'H2' }), new Map(), rules)).toMatchObject({
      source: { isNew: false, fact: { sourceId: 'k' } },
      record: { state: { birthName: 'H2' } },
    });
  });

  it('refuses the identifier of another record', () =>
    expect(amend(r1, fact('r1', null, named('A', 'siham:2')), new Map(Object.entries(held)), rules)).toMatchObject({
      outcome: 'rejected',
      faults: [{ field: 'identifiers[0].value' }],
    }));
});
