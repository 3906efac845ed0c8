import { loginRequest } from './person.mapping.js';
import { mapped, master, staff, today, values } from './person.mapping.testing.js';

describe('names', () => {
  it.each([
    [{ birthName: 'Le Goff', givenNames: ['Jean-Noël'] }, 'Le Goff Jean-Noel', 'Jean-Noël Le Goff', 'jlegoff'],
    [
      { birthName: 'Martin', usageName: 'Œuvrard', givenNames: ['Anne', 'Marie'], usageGivenName: 'Marie' },
      'OEuvrard Marie',
      'Marie Œuvrard',
      'moeuvrard',
    ],
    [{ birthName: 'O’Neill', givenNames: ['Đura'] }, "O'Neill Dura", 'Đura O’Neill', 'doneill'],
    [{ birthName: 'Weiß-Łoś', givenNames: ['Bjørn'] }, 'Weiss-Los Bjorn', 'Bjørn Weiß-Łoś', 'bweisslos'],
    [{ birthName: 'Sukarno', givenNames: [] }, 'Sukarno', 'Sukarno', 'sukarno'],
    [
      { birthName: 'Vandenbroeck-Montmorency', givenNames: ['Éa'] },
      'Vandenbroeck-Montmorency Ea',
      'Éa Vandenbroeck-Montmorency',
      'evandenbroeckmontmor',
    ],
  ])('%j', (names, cn, displayName, base) => {
    const result = mapped(names);
    expect(values(result, 'cn')).toEqual([cn]);
    expect(values(result, 'displayName')).toEqual([displayName]);
    expect(loginRequest(master(names), today)).toEqual({ base, maxLength: 20 });
  });

  it('makes a login of the id when the name has no Latin letter, and lets none begin with a digit', () => {
    const id = '01938c5e-0000-7000-8000-0000abcd0101';
    expect(loginRequest(master({ id, birthName: '王', givenNames: ['芳'] }), today)?.base).toBe('uabcd0101');
    expect(loginRequest(master({ birthName: '3M', givenNames: [] }), today)?.base).toBe('u3m');
  });

  it('takes the login of the record when it is valid', () => {
    const identifiers = [
      { scheme: 'uid', value: 'old', to: '2026-10-14' },
      { scheme: 'uid', value: 'jdoe' },
    ];
    const result = mapped({ identifiers });
    expect(result.row.rdn).toBe('uid=jdoe');
    expect(values(result, 'eduPersonPrincipalName')).toEqual(['jdoe@univ-exemple.fr']);
    expect(loginRequest(master({ identifiers }), today)).toBeUndefined();
  });
});

describe('what the schema cannot hold', () => {
  it('is left out and reported by the field of the record', () => {
    const result = mapped({
      birth: { townCode: '2A004', country: 'FR' },
      contacts: [
        { kind: 'privateMail', value: 'zoé@exemple.fr' },
        { kind: 'workPhone', value: '+33 1 23 45 67 89' },
      ],
      roles: { resource: [{ ...staff, career: [{ corps: '3[0]0', cnu: '2700' }] }] },
    });
    expect(result.unrepresentable).toEqual([
      { field: 'contacts[0].value', message: 'cannot be held by supannMailPerso: not an ASCII text' },
      {
        field: 'birth.townCode',
        message: 'cannot be held by supannCodeINSEEVilleDeNaissance: not a number of digits only',
      },
      {
        field: 'roles.resource[0].career[0].corps',
        message: 'cannot be held by supannEmpCorps: has a brace or a bracket',
      },
    ]);
    expect(values(result, 'supannCodeINSEEPaysDeNaissance')).toEqual(['99100']);
    expect(values(result, 'supannEmpProfil')).toEqual([
      '[etab={UAI}0999001W][affil=faculty][activite={CNU}2700][population={SUPANN}RGPFT]',
    ]);
    expect(values(result, 'telephoneNumber')).toHaveLength(1);
  });
});
