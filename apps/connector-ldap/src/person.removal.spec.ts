import fc from 'fast-check';
import { mapPerson } from './person.mapping.js';
import { context, settings } from './person.mapping.testing.js';
import { personRemoval } from './person.removal.js';
import { anyPerson } from './person.testing.js';

const { suspend, graceDays } = personRemoval(settings);

describe('the suspension of a person', () => {
  it('leaves what a deleted record is mapped to, whatever the person was', () =>
    fc.assert(
      fc.property(anyPerson, (person) => {
        const { row } = mapPerson(person, context, settings)!;
        const deleted = mapPerson({ ...person, status: 'deleted' }, context, settings)!;
        expect(suspend(row)).toEqual(deleted.row);
        expect(suspend(suspend(row))).toEqual(suspend(row));
      }),
      { numRuns: 200 },
    ));

  it('can be taken back for a month', () => expect(graceDays).toBe(30));
});
