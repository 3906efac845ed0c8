import { standingOf, traceOf, unheard } from './trace.js';
import type { Delivery, Overtaking, Revision } from './trace.sql.js';

const key = { entity: 'person', id: '018f2f6e-0000-7000-8000-000000000001', epoch: 1, revision: 4 } as const;
const at = (seconds: number) => new Date(Date.UTC(2026, 10, 24, 10, 0, seconds));
const revision: Revision = {
  ...key,
  kind: 'updated',
  acceptedAt: at(0),
  publishedAt: at(1),
  origin: 'siham',
  correlationId: 'c-1',
  previous: 3,
};
const delivery = (connector: string, seconds: number, outcome: string, acknowledged: boolean): Delivery => ({
  ...key,
  ...{ connector, at: at(seconds), outcome, acknowledged, cause: 'change', attempts: 1, changed: ['label'] },
  ...{ durationMs: 12, job: null, errorName: null, fingerprint: null, ticket: null },
});
const overtaking = (connector: string, byRevision: number): Overtaking => ({
  ...key,
  ...{ connector, byEpoch: 1, byRevision, at: at(9) },
});
const words = (evidence: Parameters<typeof traceOf>[1]) =>
  traceOf(revision, evidence).steps.map(({ step, connector, outcome, afterMs, note }) =>
    [step, connector, outcome, afterMs, note].filter((part) => part !== undefined).join(' '),
  );

describe('the trace of a revision', () => {
  it('goes from acceptance to acknowledgement in the order of time, with what is awaited at the end', () => {
    const evidence = {
      deliveries: [delivery('ldap', 3, 'waiting', false), delivery('hr', 2, 'created', true)],
      overtakings: [],
      carriers: ['hr', 'ldap', 'student'],
    };
    expect(words(evidence)).toEqual([
      'accepted 0',
      'published 1000',
      'delivered hr created 2000',
      'delivered ldap waiting 3000',
      'pending student ',
    ]);
    expect(traceOf(revision, evidence).settled).toBe(false);
  });

  it('says plainly when a connector took a newer revision instead, unless it had acknowledged this one', () => {
    const evidence = {
      deliveries: [delivery('hr', 2, 'created', true), delivery('ldap', 3, 'parked', false)],
      overtakings: [overtaking('hr', 5), overtaking('ldap', 5), overtaking('student', 6)],
      carriers: ['hr', 'ldap', 'student'],
    };
    expect(words(evidence)).toEqual([
      'accepted 0',
      'published 1000',
      'delivered hr created 2000',
      'delivered ldap parked 3000',
      'superseded ldap 9000 superseded by revision 5',
      'superseded student 9000 superseded by revision 6',
    ]);
    expect(traceOf(revision, evidence).settled).toBe(true);
  });

  it('says which revisions were overtaken before they were published', () => {
    const nothing = { deliveries: [], overtakings: [], carriers: [] };
    const note = (previous: number | null) => traceOf({ ...revision, previous }, nothing).note;
    expect([note(null), note(3), note(2), note(1)]).toEqual([
      undefined,
      undefined,
      'revision 3 was superseded by revision 4 before being published',
      'revisions 2 to 3 were superseded by revision 4 before being published',
    ]);
  });
});

describe('where a connector stands', () => {
  const row = {
    ...unheard('ldap'),
    ...{ epoch: 1, revision: 4, at: at(3), outcome: 'parked', errorName: 'Rejected', fingerprint: 'f', ticket: 'T-1' },
    ...{ appliedEpoch: 1, appliedRevision: 2, appliedAt: at(1) },
  };

  it.each([
    ['parked', 4, row],
    ['applied', 4, { ...row, outcome: 'unchanged' }],
    ['pending', 5, { ...row, outcome: 'unchanged' }],
    ['pending', 5, unheard('ldap')],
  ])('is %s', (state, newest, standing) =>
    expect(standingOf(standing, { epoch: 1, revision: newest }).state).toBe(state),
  );

  it('names the state that the target has and the ticket of what it refused', () =>
    expect(standingOf(row, { epoch: 1, revision: 4 })).toMatchObject({
      appliedThrough: { epoch: 1, revision: 2 },
      error: { name: 'Rejected', fingerprint: 'f', ticket: 'T-1' },
    }));
});
