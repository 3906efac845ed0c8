import fc from 'fast-check';
import { mapPerson } from './person.mapping.js';
import { context, settings } from './person.mapping.testing.js';
import { PERSON_RULES } from './person.rules.js';
import { anyPerson } from './person.testing.js';
import { STRUCTURE_RULES } from './structure.rules.js';
import { ATTRIBUTES } from './supann/schema.js';

describe('the rules', () => {
  it('say of every attribute that the connector writes where it comes from', () => {
    const names = new Set([...Object.keys(PERSON_RULES), ...Object.keys(STRUCTURE_RULES)]);
    expect([...names].sort()).toEqual([...Object.keys(ATTRIBUTES), 'rdn'].sort());
  });

  it('say it of any person', () =>
    fc.assert(
      fc.property(anyPerson, (person) => {
        const names = Object.keys(mapPerson(person, context, settings)!.row);
        expect(names.filter((name) => !PERSON_RULES[name])).toEqual([]);
      }),
    ));
});
