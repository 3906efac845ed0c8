import { targetError } from './ldap.errors.js';
import { LdapError, type LdapReason } from './ldap/ldap.error.js';

describe('targetError', () => {
  it.each<[number | LdapReason, string]>([
    ['deadline', 'TargetDown'],
    ['closed', 'TargetDown'],
    ['refused', 'TargetDown'],
    ['tls', 'TargetDown'],
    ['protocol', 'TargetDown'],
    [3, 'TryLater'],
    [11, 'TryLater'],
    [51, 'TryLater'],
    [52, 'TryLater'],
    [53, 'TryLater'],
    [16, 'TryLater'],
    [20, 'TryLater'],
    [80, 'TryLater'],
    [122, 'TryLater'],
    [17, 'Rejected'],
    [19, 'Rejected'],
    [21, 'Rejected'],
    [65, 'Rejected'],
    [66, 'Rejected'],
    [69, 'Rejected'],
    ['invalid', 'Rejected'],
    [8, 'Fatal'],
    [10, 'Fatal'],
    [49, 'Fatal'],
    [50, 'Fatal'],
    ['anonymous', 'Fatal'],
  ])('%s is %s', (code, name) => {
    const cause = new LdapError('modify', code);
    expect(targetError(cause)).toMatchObject({ name, cause });
  });

  it('keeps the attribute that was refused and that the outcome is unknown', () => {
    expect(targetError(new LdapError('modify', 21, { attribute: 'mail' }))).toMatchObject({ attributes: ['mail'] });
    expect(targetError(new LdapError('modify', 'closed', { unknownOutcome: true }))).toMatchObject({
      unknownOutcome: true,
    });
  });

  it('leaves other errors as they are', () => {
    const error = new TypeError('a defect');
    expect(targetError(error)).toBe(error);
  });
});
