import { readSettings } from '@myelin/platform';
import { directoryEnvironment, directoryOf } from './environment.js';
import { ldapConnector } from './ldap.connector.js';

const required = {
  ...{
    LDAP_URL: 'ldap://localhost',
    LDAP_BIND_DN: 'cn=myelin',
    LDAP_PASSWORD: 'x',
    LDAP_BASE_DN: 'dc=univ-exemple,dc=fr',
  },
  ...{ HOME_UAI: '0999001W', EPPN_SCOPE: 'univ-exemple.fr' },
};
const directory = (env: NodeJS.ProcessEnv = {}) =>
  directoryOf(readSettings(directoryEnvironment, { ...required, ...env }));

describe('the graces of the environment', () => {
  it('are those of SupAnn accounts unless given', () =>
    expect(directory()).toMatchObject({ grace: { staff: 90, learner: 180, external: 0 }, removalGraceDays: 30 }));

  it('are taken by kind of role', () => {
    const roles = { LDAP_STAFF_GRACE_DAYS: '0', LDAP_LEARNER_GRACE_DAYS: '60', LDAP_EXTERNAL_GRACE_DAYS: '7' };
    expect(directory({ ...roles, LDAP_REMOVAL_GRACE_DAYS: '365' })).toMatchObject({
      ...{ grace: { staff: 0, learner: 60, external: 7 }, removalGraceDays: 365 },
    });
  });

  it('are a version of the mapping of persons: with other ones all are mapped again', async () => {
    const versions = async (env?: NodeJS.ProcessEnv) => {
      const session = await ldapConnector(directory(env)).open();
      await session.close();
      return Object.fromEntries(session.syncs.map(({ entity, version }) => [entity, version]));
    };
    const [usual, same, other] = [
      await versions(),
      await versions({ LDAP_STAFF_GRACE_DAYS: '90', LDAP_REMOVAL_GRACE_DAYS: '60' }),
      await versions({ LDAP_STAFF_GRACE_DAYS: '60' }),
    ];
    expect(same).toEqual(usual);
    expect(other.structure).toBe(usual.structure);
    expect(other.person).not.toBe(usual.person);
  });

  it.each([
    ['LDAP_STAFF_GRACE_DAYS', '-1', 'a whole number from 0 to 3650'],
    ['LDAP_LEARNER_GRACE_DAYS', 'half a year', 'a whole number from 0 to 3650'],
    ['LDAP_EXTERNAL_GRACE_DAYS', '7.5', 'a whole number from 0 to 3650'],
    ['LDAP_REMOVAL_GRACE_DAYS', '0', 'a whole number from 1 to 3650'],
  ])('are refused by name: %s=%s', (name, value, expected) =>
    expect(() => directory({ [name]: value })).toThrow(`${name} must be ${expected}`),
  );
});
