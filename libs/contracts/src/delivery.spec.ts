import { ACKNOWLEDGED, CONNECTOR_PULSED, DELIVERY_REPORTED, type DeliveryReport } from './delivery.js';
import { messageValidator } from './schema.js';

const report: DeliveryReport = {
  connector: 'ldap',
  entity: 'person',
  id: '018f2f6e-0000-7000-8000-000000000001',
  epoch: 1,
  revision: 3,
  outcome: 'parked',
  cause: 'change',
  attempt: 1,
  changed: ['mail'],
  durationMs: 12,
  correlationId: 'c-1',
  error: { name: 'Rejected', fingerprint: 'Rejected mail', ticket: 'LDAP-1' },
  changedAt: '2026-11-24T10:00:00.123Z',
  at: '2026-11-24T10:00:01Z',
};

describe('a delivery report', () => {
  const field = (change: object) => messageValidator(DELIVERY_REPORTED)({ ...report, ...change })[0]?.field;

  it('passes when it is right, also with fields of a later minor version', () =>
    expect([field({}), field({ later: 1 }), field({ error: null, correlationId: null })]).toEqual([
      undefined,
      undefined,
      undefined,
    ]));

  it.each([
    ['an unknown outcome', { outcome: 'lost' }, 'outcome'],
    ['an id that is none', { id: 'x' }, 'id'],
    ['a time that is none', { at: 'yesterday' }, 'at'],
    ['a time that does not exist', { at: '2026-13-24T10:00:00Z' }, 'at'],
    ['a number that no column holds', { revision: 2 ** 31 }, 'revision'],
    ['a NUL character', { changed: ['a\0'] }, 'changed[0]'],
    ['an error without a name', { error: { fingerprint: 'f' } }, 'error.name'],
  ])('names the field of %s', (_, change, name) => expect(field(change)).toBe(name));

  it('acknowledges a revision with what the target has of it', () =>
    expect(ACKNOWLEDGED).toEqual(['created', 'modified', 'suspended', 'removed', 'unchanged', 'skipped']));
});

describe('a pulse', () => {
  const pulse = {
    ...{ connector: 'ldap', instance: 'host-1', at: report.at, work: 'open', observe: false },
    entities: [{ entity: 'person', oldestPendingAt: null, due: 0, parked: 1, waiting: 0, held: 0 }],
  };

  it('tells of each entity', () => {
    const field = (document: object) => messageValidator(CONNECTOR_PULSED)(document)[0]?.field;
    expect(field(pulse)).toBeUndefined();
    expect(field({ ...pulse, entities: [{ ...pulse.entities[0], due: -1 }] })).toBe('entities[0].due');
    expect(field({ ...pulse, work: 'asleep' })).toBe('work');
  });
});
