import { Rejected } from '@myelin/connector';
import { fingerprintOf, ledgerErrorOf } from './outcome.js';

/** Fails as a defect of a mapping would, with a value of the record in the message. */
function mapWrongly(value: string): Error {
  try {
    return JSON.parse(value) as Error;
  } catch (error) {
    return error as Error;
  }
}

describe('what is kept of an error', () => {
  it('is what the connector says of it', () =>
    expect(ledgerErrorOf(new Rejected('the target refuses it', { attributes: ['mail'] }))).toEqual({
      name: 'Rejected',
      message: 'the target refuses it',
      attributes: ['mail'],
    }));

  it('is class and place of one that nobody expected, and nothing of its message', () => {
    const known = ledgerErrorOf(mapWrongly('Lefèvre\n    at Nantes (1990:05)'));
    expect(known.name).toBe('SyntaxError');
    expect(known.message).toMatch(/^the connector failed unexpectedly in .*\(\S+\)$/);
    expect(known.message).not.toMatch(/Lef|Nantes|1990|\//);
    const own = ledgerErrorOf(new TypeError('Maëlle has no mail'));
    expect(own.message).toMatch(/^the connector failed unexpectedly in .*\(outcome\.spec\.ts:\d+\)$/);
    expect(fingerprintOf(own)).toMatch(/^[0-9a-f]{12}$/);
  });

  it('is little where something else was thrown', () =>
    expect([ledgerErrorOf('Lefèvre'), ledgerErrorOf(Object.assign(new Error('Lefèvre'), { stack: 'gone' }))]).toEqual([
      { name: 'Error', message: 'the connector failed without an error' },
      { name: 'Error', message: 'the connector failed unexpectedly' },
    ]));
});
