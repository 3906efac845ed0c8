import { difference } from './difference.js';

describe('the difference of two states', () => {
  it.each([
    ['nothing', { a: 1 }, { a: 1 }, []],
    ['a new attribute', {}, { sex: 'F' }, [{ part: 'sex', before: undefined, after: 'F' }]],
    ['a lost one', { sex: 'F' }, {}, [{ part: 'sex', before: 'F', after: undefined }]],
    ['no difference between empty and absent', { usageName: null, contacts: [] }, {}, []],
    [
      'one kind of contact only',
      {
        contacts: [
          { kind: 'workMail', value: 'a' },
          { kind: 'workPhone', value: '1' },
        ],
      },
      {
        contacts: [
          { kind: 'workMail', value: 'b' },
          { kind: 'workPhone', value: '1' },
        ],
      },
      [
        {
          part: 'contacts.workMail',
          before: [{ kind: 'workMail', value: 'a' }],
          after: [{ kind: 'workMail', value: 'b' }],
        },
      ],
    ],
    [
      'one role only',
      { roles: { learner: [{}] } },
      { roles: { learner: [{}], resource: [{}] } },
      [{ part: 'roles.resource', before: undefined, after: [{}] }],
    ],
  ])('is %s', (_, before, after, changes) => expect(difference(before, after)).toEqual(changes));
});
