import { survivorship, survivorshipFaults } from './survivorship.js';

describe('survivorship rules', () => {
  it.each([
    [{}, ["file must have required property 'groups'"]],
    [
      { groups: { names: { attributes: ['birthName'], priority: ['Siham'] } } },
      [expect.stringMatching(/^groups\/names\/priority\/0 must match pattern/)],
    ],
    [
      { groups: { names: { attributes: ['birthname'], priority: [] } } },
      ['groups/names: "birthname" is no attribute of Person'],
    ],
    [
      { groups: { a: { attributes: ['birthName'], priority: [] }, b: { attributes: ['birthName'], priority: [] } } },
      ['groups/b: "birthName" is in group a already'],
    ],
    [{ groups: {}, owners: { siham: ['role.resource'] } }, ['owners/siham: "role.resource" is no attribute of Person']],
    [{ groups: {}, owners: { siham: ['roles.resource'] } }, []],
  ])('%j: every fault is named with its place', (given, faults) =>
    expect(survivorshipFaults('person', given)).toEqual(faults),
  );

  it('find the group of a part, of its attribute, or the rest', () => {
    const { groupOf } = survivorship({
      groups: {
        contacts: { attributes: ['contacts'], priority: [] },
        mail: { attributes: ['contacts.workMail'], priority: [] },
      },
    });
    expect(['contacts.workMail', 'contacts.workPhone', 'contacts', 'sex'].map((part) => groupOf(part).name)).toEqual([
      'mail',
      'contacts',
      'contacts',
      'others',
    ]);
  });

  it('give what a source owns by attribute and by part', () => {
    const { owns } = survivorship({ groups: {}, owners: { siham: ['contacts', 'roles.resource'] } });
    expect(owns('siham', 'contacts.workMail')).toBe(true);
    expect(owns('siham', 'roles.resource')).toBe(true);
    expect(owns('siham', 'roles')).toBe(false);
    expect(owns('apogee', 'contacts')).toBe(false);
  });
});
