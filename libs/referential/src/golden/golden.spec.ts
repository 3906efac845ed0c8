import fc from 'fast-check';
import { rulesOn } from '../../test/rules.js';
import { canonicalJson } from '../ingest/canonical.js';
import type { Attributes } from '../tables.js';
import { golden, provenance, type Override, type SourceView } from './golden.js';
import { HUB } from './hub.js';
import { claimsOf } from './identifiers.js';
import type { SurvivorshipFile } from './survivorship.js';

const DAY = '2026-11-27';
const rules = rulesOn(DAY);
const says = (source: string, payload: Attributes, businessDate: string | null = null): SourceView => ({
  ...{ source, sourceId: '1', businessDate, payload },
});
const id = (scheme: string, value: string) => ({ scheme, value });
const state = (sources: readonly SourceView[], file?: SurvivorshipFile) =>
  golden(sources, file ? rulesOn(DAY, file) : rules).state;
/** Every order of the sources gives the same. */
const stateOf = (sources: readonly SourceView[], file?: SurvivorshipFile) => {
  const one = state(sources, file);
  expect(canonicalJson(state(sources.toReversed(), file))).toBe(canonicalJson(one));
  return one;
};

const NAMES: SurvivorshipFile = {
  roles: ['resource', 'learner'],
  groups: {
    names: {
      attributes: ['birthName', 'usageName'],
      priority: ['hub', 'siham', 'apogee'],
      priorityOf: { learner: ['hub', 'apogee', 'siham'] },
    },
    contacts: { attributes: ['contacts'], priority: ['siham'] },
  },
  owners: { siham: ['usageName', 'roles.resource'] },
};

describe('golden', () => {
  it('is what the only source says', () =>
    expect(state([says('siham', { birthName: 'A' })])).toEqual({ birthName: 'A' }));

  it('believes the source that has priority', () =>
    expect(stateOf([says('apogee', { birthName: 'B' }), says('siham', { birthName: 'A' })], NAMES)).toEqual({
      birthName: 'A',
    }));

  it('believes another one where the record holds a role that has its own order', () => {
    const learner = { roles: { learner: [{ from: '2026-09-01', to: '2027-08-31' }] } };
    const sources = [says('siham', { birthName: 'A' }), says('apogee', { birthName: 'B', ...learner })];
    expect(stateOf(sources, NAMES)).toMatchObject({ birthName: 'B' });
    expect(golden(sources, { ...rulesOn('2027-09-01', NAMES) }).state).toMatchObject({ birthName: 'A' });
  });

  it('believes the newer word among sources of one rank, then the one that knows more', () => {
    const file = { groups: { names: { attributes: ['birthName', 'usageName'], priority: [] } } };
    expect(
      stateOf([says('a', { birthName: 'A' }, '2026-01-01'), says('b', { birthName: 'B' }, '2026-02-01')], file),
    ).toEqual({ birthName: 'B' });
    expect(stateOf([says('a', { birthName: 'A' }), says('b', { birthName: 'B' }, '2020-01-01')], file)).toEqual({
      birthName: 'B',
    });
    expect(stateOf([says('a', { birthName: 'A' }), says('b', { birthName: 'B', usageName: 'U' })], file)).toEqual({
      birthName: 'B',
      usageName: 'U',
    });
  });

  it('takes from another source what the first is silent about, unless it owns that', () => {
    expect(stateOf([says('siham', { birthName: 'A' }), says('apogee', { birthName: 'B', sex: 'F' })], NAMES)).toEqual({
      birthName: 'A',
      sex: 'F',
    });
    expect(
      stateOf([says('siham', { birthName: 'A' }), says('apogee', { birthName: 'B', usageName: 'U' })], NAMES),
    ).toEqual({ birthName: 'A' });
  });

  it('takes null for a word: known to be empty', () =>
    expect(stateOf([says('siham', { usageName: null }), says('apogee', { usageName: 'B' })], NAMES)).toEqual({
      usageName: null,
    }));

  it('tells a tie, and stays the same in any order', () => {
    const sources = [says('x', { birthName: 'A', sex: 'F' }), says('y', { birthName: 'B', sex: 'F' })];
    for (const order of [sources, sources.toReversed()]) {
      expect(golden(order, rules)).toMatchObject({
        state: { birthName: 'A', sex: 'F' },
        ties: [{ part: 'birthName', sources: ['x:1', 'y:1'] }],
      });
    }
  });

  it('takes contacts, addresses and roles kind by kind', () => {
    const contact = (kind: string, value: string) => ({ kind, value });
    const sources = [
      says('siham', { contacts: [contact('workMail', 'a'), contact('workPhone', '1'), contact('workMail', 'b')] }),
      says('apogee', { contacts: [contact('privateMail', 'p'), contact('workMail', 'x')], roles: { learner: [{}] } }),
      says('x', { roles: { external: [{}] } }),
    ];
    expect(stateOf(sources, NAMES)).toMatchObject({
      contacts: [
        contact('workMail', 'a'),
        contact('workPhone', '1'),
        contact('workMail', 'b'),
        contact('privateMail', 'p'),
      ],
      roles: { learner: [{}], external: [{}] },
    });
    expect(stateOf([says('siham', { contacts: [] }), sources[1] as SourceView], NAMES)).toMatchObject({ contacts: [] });
  });

  it('leaves to an owner the part that it owns, whatever others say of it', () =>
    expect(
      stateOf([says('siham', {}), says('apogee', { roles: { resource: [{}], learner: [{}] } })], NAMES),
    ).toMatchObject({
      roles: { learner: [{}] },
    }));

  it('lets the hub win, whenever it was linked', () => {
    const entered = says(HUB, { birthName: 'H', deathDate: null });
    const siham = says('siham', { birthName: 'A', deathDate: '2020-01-01', sex: 'F' });
    expect(stateOf([entered, siham])).toEqual({ birthName: 'H', deathDate: null, sex: 'F' });
  });

  it('adds identifiers up, each once, save that a scheme of the hub is its alone', () => {
    const siham = says('siham', { identifiers: [id('siham', '1'), id('uid', 'a')] });
    const apogee = says('apogee', { identifiers: [id('uid', 'a'), id('apogee', '2')] });
    expect(stateOf([siham, apogee])).toEqual({ identifiers: [id('uid', 'a'), id('apogee', '2'), id('siham', '1')] });
    expect(stateOf([siham, says(HUB, { identifiers: [id('uid', 'new')] })])).toEqual({
      identifiers: [id('uid', 'new'), id('siham', '1')],
    });
  });

  it('is silent about identifiers that another record holds', () => {
    const identifiers = [id('siham', '1'), id('uid', 'a')];
    const contested = new Set(['uid:a']);
    for (const sources of [
      [says('siham', { identifiers })],
      [says('siham', { identifiers }), says('x', { identifiers })],
    ]) {
      expect(golden(sources, rules, { contested }).state).toEqual({ identifiers: [id('siham', '1')] });
    }
  });

  describe('on a day', () => {
    const on = (day: string, payload: Attributes) => golden([says('siham', payload)], rulesOn(day));
    const roles = { resource: [{ from: '2026-12-01', to: '2026-12-31' }], learner: [{ to: '2026-08-31' }] };

    it.each([
      ['2026-11-30', '2026-09-01', 'inactive', '2026-12-01'],
      ['2026-12-01', '2026-12-01', 'active', '2027-01-01'],
      ['2026-12-31', '2026-12-01', 'active', '2027-01-01'],
      ['2027-01-01', '2027-01-01', 'inactive', null],
    ])(
      '%s tells since when it is so, which roles are held, and when that changes',
      (day, effectiveFrom, resource, due) =>
        expect(on(day, { roles })).toMatchObject({
          state: { effectiveFrom, roleStates: { resource, learner: 'inactive' } },
          due,
        }),
    );

    it('bears the names of that day', () => {
      const names = [{ usageName: 'Married', from: '2026-12-01' }];
      expect(on('2026-11-30', { usageName: 'Maiden', names }).state).toMatchObject({ usageName: 'Maiden' });
      expect(on('2026-12-01', { usageName: 'Maiden', names }).state).toMatchObject({
        usageName: 'Married',
        effectiveFrom: '2026-12-01',
      });
    });

    it('finds days at any depth, and none in extensions', () => {
      const affectations = [{ structure: 'code:A', to: '2026-12-24' }];
      expect(on(DAY, { roles: { resource: [{ affectations }] } }).due).toBe('2026-12-25');
      expect(on(DAY, { extensions: { x: { from: '2026-12-01' } } })).toEqual({
        state: { extensions: { x: { from: '2026-12-01' } } },
        due: null,
        ties: [],
      });
    });
  });

  describe('with what a steward decided', () => {
    const decided = (part: string, value: unknown, until: string | null = null): Override => ({
      id: 'd',
      part,
      value,
      until,
      since: DAY,
    });
    const sources = [
      says('x', {
        birthName: 'A',
        contacts: [{ kind: 'workMail', value: 'a' }],
        roles: { learner: [{}] },
        identifiers: [id('uid', 'a')],
      }),
      says('y', { birthName: 'B' }),
    ];
    const having = (...overrides: Override[]) => golden(sources, rules, { overrides });

    it('has that, and no tie any more', () =>
      expect(having(decided('birthName', 'C'))).toMatchObject({ state: { birthName: 'C' }, ties: [] }));

    it('has it until its last day, and is due the day after', () => {
      expect(having(decided('birthName', 'C', DAY))).toMatchObject({ state: { birthName: 'C' }, due: '2026-11-28' });
      expect(having(decided('birthName', 'C', '2026-11-26'))).toMatchObject({ state: { birthName: 'A' }, due: null });
    });

    it('in a part, in a role and of an identifier', () => {
      const { state: made } = having(
        decided('contacts.workMail', [{ kind: 'workMail', value: 'z' }]),
        decided('roleStates.learner', 'inactive'),
        decided('identifiers.uid:a', false),
      );
      expect(made).toMatchObject({
        contacts: [{ kind: 'workMail', value: 'z' }],
        roleStates: { learner: 'inactive' },
        identifiers: [],
      });
    });
  });

  const payload: fc.Arbitrary<Attributes> = fc.record(
    {
      birthName: fc.constantFrom('A', 'B'),
      sex: fc.constantFrom('F', 'M', null),
      usageName: fc.constantFrom('C', null),
      contacts: fc.option(
        fc.array(fc.record({ kind: fc.constantFrom('workMail', 'workPhone'), value: fc.constantFrom('1', '2') }), {
          maxLength: 3,
        }),
      ),
      roles: fc.option(
        fc.dictionary(fc.constantFrom('resource', 'learner'), fc.constantFrom([{}], [{ to: '2026-01-01' }])),
      ),
      identifiers: fc.uniqueArray(
        fc.record({ scheme: fc.constantFrom('uid', 'siham'), value: fc.constantFrom('1', '2', '3') }),
        { selector: ({ scheme, value }) => scheme + value },
      ),
    },
    { requiredKeys: [] },
  );
  const views = fc.uniqueArray(
    fc.record({
      source: fc.constantFrom('siham', 'apogee', 'pegase', HUB),
      sourceId: fc.constantFrom('1', '2'),
      businessDate: fc.constantFrom(null, '2026-01-01', '2026-02-01'),
      payload,
    }),
    { minLength: 1, maxLength: 6, selector: ({ source, sourceId }) => source + sourceId },
  );

  it('does not depend on the order of its sources, and leaves them as they were', () => {
    fc.assert(
      fc.property(views, fc.infiniteStream(fc.nat()), (sources, stream) => {
        const before = structuredClone(sources);
        const shuffled = sources
          .map((one) => ({ one, at: stream.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        const [made, other] = [golden(sources, rulesOn(DAY, NAMES)), golden(shuffled, rulesOn(DAY, NAMES))];
        expect(canonicalJson(other)).toBe(canonicalJson(made));
        expect(sources).toEqual(before);
      }),
    );
  });

  it('says nothing that no source says, and without owners is silent about nothing that one says', () => {
    fc.assert(
      fc.property(views, (sources) => {
        const made = golden(sources, rules).state;
        const named = new Set(sources.flatMap((one) => Object.keys(one.payload)));
        const said = Object.keys(made).filter((name) => name !== 'effectiveFrom' && name !== 'roleStates');
        expect(new Set(said)).toEqual(named);
        for (const name of ['birthName', 'sex', 'usageName'].filter((one) => one in made)) {
          expect(sources.map((one) => one.payload[name])).toContainEqual(made[name]);
        }
      }),
    );
  });

  it('can say of every part who gave it', () => {
    fc.assert(
      fc.property(views, (sources) => {
        const made = golden(sources, rules).state;
        const told = new Set(provenance(sources, rules).map(({ part }) => part.split('.')[0]));
        const empty = Object.entries(made).filter(
          ([, value]) => JSON.stringify(value) === '[]' || JSON.stringify(value) === '{}',
        );
        for (const name of Object.keys(made).filter((one) => !empty.some(([other]) => other === one)))
          expect(told).toContain(name);
      }),
    );
  });
});

describe('provenance', () => {
  it('names source, group and the criterion that decided', () => {
    const sources = [
      says('siham', { birthName: 'A', sex: 'F', identifiers: [id('siham', '1')] }),
      says('apogee', { birthName: 'B', usageName: 'U', sex: 'F' }),
    ];
    const overrides = [{ id: 'd1', part: 'sex', value: 'M', until: null, since: DAY }];
    expect(provenance(sources, rulesOn(DAY, NAMES), { overrides })).toEqual([
      { part: 'birthName', source: 'siham', sourceId: '1', group: 'names', reason: 'priority' },
      { part: 'identifiers.siham:1', source: 'siham', sourceId: '1', group: null, reason: 'sum' },
      { part: 'sex', source: 'hub', sourceId: null, group: null, reason: 'override', decision: 'd1' },
      { part: 'usageName', source: 'siham', sourceId: '1', group: 'names', reason: 'owner' },
    ]);
  });
});

describe('claimsOf', () => {
  it('counts the code of a structure among its identifiers', () =>
    expect(claimsOf({ code: 'DSI', identifiers: [id('rnsr', '199513612X')] })).toEqual([
      id('rnsr', '199513612X'),
      id('code', 'DSI'),
    ]));

  it('is empty where nothing is claimed', () => expect(claimsOf({ identifiers: null })).toEqual([]));
});
