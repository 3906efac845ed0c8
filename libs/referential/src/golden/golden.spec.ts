import fc from 'fast-check';
import { claimsOf, golden, HUB, type SourceView } from './golden.js';
import type { Attributes } from '../tables.js';

const says = (source: string, payload: Attributes): SourceView => ({ source, payload });
const id = (scheme: string, value: string) => ({ scheme, value });

describe('golden', () => {
  it('is what the only source says', () =>
    expect(golden([says('siham', { birthName: 'A' })])).toEqual({ birthName: 'A' }));

  it('prefers the source that was linked first', () =>
    expect(golden([says('siham', { birthName: 'A' }), says('apogee', { birthName: 'B' })])).toEqual({
      birthName: 'A',
    }));

  it('takes from a later source what the first is silent about', () =>
    expect(golden([says('siham', { birthName: 'A' }), says('apogee', { birthName: 'B', sex: 'F' })])).toEqual({
      birthName: 'A',
      sex: 'F',
    }));

  it('takes null for a word: known to be empty', () =>
    expect(golden([says('siham', { usageName: null }), says('apogee', { usageName: 'B' })])).toEqual({
      usageName: null,
    }));

  it('lets the hub win, whenever it was linked', () => {
    const entered = says(HUB, { birthName: 'H', deathDate: null });
    const siham = says('siham', { birthName: 'A', deathDate: '2020-01-01', sex: 'F' });
    for (const order of [
      [entered, siham],
      [siham, entered],
    ]) {
      expect(golden(order)).toEqual({ birthName: 'H', deathDate: null, sex: 'F' });
    }
  });

  it('adds identifiers up, each once, first source first', () =>
    expect(
      golden([
        says('siham', { identifiers: [id('siham', '1'), id('uid', 'a')] }),
        says('apogee', { identifiers: [id('uid', 'a'), id('apogee', '2')] }),
      ]),
    ).toEqual({ identifiers: [id('siham', '1'), id('uid', 'a'), id('apogee', '2')] }));

  it('leaves a scheme to the hub alone when the hub names one of it', () =>
    expect(
      golden([
        says('siham', { identifiers: [id('siham', '1'), id('uid', 'old')] }),
        says(HUB, { identifiers: [id('uid', 'new')] }),
      ]),
    ).toEqual({ identifiers: [id('uid', 'new'), id('siham', '1')] }));

  const payload: fc.Arbitrary<Attributes> = fc.record(
    {
      birthName: fc.constantFrom('A', 'B'),
      sex: fc.constantFrom('F', 'M', null),
      usageName: fc.constantFrom('C', null),
      identifiers: fc.uniqueArray(
        fc.record({ scheme: fc.constantFrom('uid', 'siham'), value: fc.constantFrom('1', '2', '3') }),
        { selector: ({ scheme, value }) => scheme + value },
      ),
    },
    { requiredKeys: [] },
  );
  const views = fc.array(fc.record({ source: fc.constantFrom('siham', 'apogee', 'pegase', HUB), payload }), {
    minLength: 1,
  });

  it('is pure: same answer twice, and its arguments stay as they were', () => {
    fc.assert(
      fc.property(views, (sources) => {
        const before = structuredClone(sources);
        expect(golden(sources)).toEqual(golden(sources));
        expect(sources).toEqual(before);
      }),
    );
  });

  it('says nothing that no source says, and is silent about nothing that one says', () => {
    fc.assert(
      fc.property(views, (sources) => {
        const state = golden(sources);
        const named = new Set(sources.flatMap((one) => Object.keys(one.payload)));
        expect(new Set(Object.keys(state))).toEqual(named);
        for (const [name, value] of Object.entries(state).filter(([key]) => key !== 'identifiers')) {
          expect(sources.map((one) => one.payload[name])).toContainEqual(value);
        }
      }),
    );
  });

  it('does not change when a source is heard that agrees with it', () => {
    fc.assert(
      fc.property(views, (sources) => {
        const state = golden(sources);
        expect(golden([...sources, says('late', state)])).toEqual(state);
      }),
    );
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
