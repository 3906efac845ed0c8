import { readOverlay, type OverlayFault } from './overlay.document.js';

const faultsOf = (document: unknown) => {
  try {
    readOverlay(typeof document === 'string' ? document : JSON.stringify(document));
    return [];
  } catch (error) {
    return (error as OverlayFault).faults.map(({ field, message }) => `${field} ${message}`);
  }
};

describe('the document of an overlay', () => {
  const person = { set: { title: `'Dr'`, description: 'record.id' }, drop: ['mobile'], classes: ['univPerson'] };

  it('is read by kind of record', () => {
    const part = readOverlay(JSON.stringify({ person })).get('person')!;
    expect([[...part.set.keys()], part.drop, part.classes]).toEqual([
      ['title', 'description'],
      ['mobile'],
      ['univPerson'],
    ]);
  });

  it('has a version that is the same for the same part, and another for another', () => {
    const version = (document: object, spaces = 0) =>
      readOverlay(JSON.stringify(document, null, spaces)).get('person')!.version;
    expect(version({ person, structure: {} }, 2)).toBe(version({ person }));
    expect(version({ person: { ...person, set: { title: `'Pr'` } } })).not.toBe(version({ person }));
    expect(version({ person: { ...person, drop: [] } })).not.toBe(version({ person }));
    expect(version({ person: { ...person, classes: [] } })).not.toBe(version({ person }));
  });

  it.each<[unknown, RegExp]>([
    ['{', /^ is no JSON: /],
    [[], /^ must be a JSON object$/],
    [{ people: {} }, /^people is none of person, structure, third-party$/],
    [{ person: [] }, /^person must be an object$/],
    [{ person: { add: {} } }, /^person\.add is none of set, drop, classes$/],
    [{ person: { set: [] } }, /^person\.set must be an object/],
    [{ person: { set: { title: 1 } } }, /^person\.set\.title must be a JSONata expression/],
    [{ person: { set: { title: 'a &' } } }, /^person\.set\.title S0207 at position 3: /],
    [{ person: { set: { title: '$now()' } } }, /^person\.set\.title may not use \$now/],
    [{ person: { drop: 'mobile' } }, /^person\.drop must be a list of names$/],
    [{ person: { set: { mobile: '1' }, drop: ['mobile'] } }, /^person\.set\.mobile is named twice/],
    [{ person: { set: { title: '1', Title: '2' } } }, /^person\.set\.title is named twice, the second time as Title$/],
  ])('%j is refused', (document, message) => expect(faultsOf(document)).toEqual([expect.stringMatching(message)]));

  it('tells all that is wrong with it at once', () =>
    expect(faultsOf({ people: {}, person: { set: { a: '(', b: '$random()' } } })).toHaveLength(3));
});
