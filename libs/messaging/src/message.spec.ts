import fc from 'fast-check';
import { isUnreadable, readEvent, readMessage, type Incoming, type Received } from './message.js';
import { eventMessage } from './pack.js';

const row = {
  id: '018f2f6e-0000-7000-8000-000000000001',
  revision: 7,
  epoch: 2,
  kind: 'updated' as const,
  value: '{"id":"018f2f6e-0000-7000-8000-000000000001","familyName":"Éluard"}',
  time: '2026-11-24T10:00:00.123Z',
  correlationId: 'c',
  origin: 'siham',
};

function incoming(change: Partial<Incoming> = {}, headers: Incoming['headers'] = {}): Incoming {
  const message = eventMessage('person', row, 12);
  return {
    topic: 'referential.person.v1',
    partition: message.partition,
    offset: '42',
    key: Buffer.from(message.key),
    value: message.value,
    headers: { ...message.headers, ...headers },
    ...change,
  };
}

describe('readEvent', () => {
  it('reads what the relay writes', () => {
    expect(readEvent(incoming())).toEqual({
      attributes: {
        id: `2-${row.id}-7`,
        source: '/referentials/person',
        type: 'fr.myelin.person.updated.v1',
        subject: row.id,
        time: row.time,
        dataschema: 'urn:myelin:master:person:1',
        epoch: 2,
        revision: 7,
        correlationid: 'c',
        origin: 'siham',
      },
      state: { id: row.id, familyName: 'Éluard' },
      json: row.value,
      topic: 'referential.person.v1',
      partition: incoming().partition,
      offset: '42',
    });
  });

  it('reads a tombstone, with the order it carries', () => {
    expect(readEvent(incoming({ value: null }))).toMatchObject({
      state: null,
      json: null,
      attributes: { epoch: 2, revision: 7 },
    });
  });

  const value = (bytes: string | Buffer): Partial<Incoming> => ({ value: Buffer.from(bytes as string) });
  it.each<[string, Incoming]>([
    ['ce_specversion: not 1.0', incoming({}, { ce_specversion: '0.3' })],
    ['ce_specversion: missing', incoming({ headers: {} })],
    ['ce_id: missing', incoming({}, { ce_id: undefined })],
    ['ce_subject: missing', incoming({}, { ce_subject: '' })],
    ['ce_epoch: not a whole number', incoming({}, { ce_epoch: '-1' })],
    ['ce_revision: not a whole number', incoming({}, { ce_revision: '1e3' })],
    ['ce_revision: given more than once', incoming({}, { ce_revision: ['1', '2'] })],
    ['ce_time: not an RFC 3339 time', incoming({}, { ce_time: 'today' })],
    ['key: missing', incoming({ key: null })],
    ['key: differs from ce_subject', incoming({ key: Buffer.from('other') })],
    ['value: not JSON', incoming(value(''))],
    ['value: not JSON', incoming(value('{"familyName":'))],
    ['value: not a JSON object', incoming(value('[]'))],
    ['value: not a JSON object', incoming(value('null'))],
    ['value: not UTF-8', incoming(value(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])))],
  ])('says %s', (reason, message) => {
    expect(readEvent(message)).toEqual({
      topic: message.topic,
      partition: message.partition,
      offset: '42',
      key: message.key === null ? null : String(message.key),
      bytes: message.value,
      reason,
    });
  });

  it('never throws and never shows the content', () => {
    const headers = fc.dictionary(fc.constantFrom('ce_id', 'ce_time', 'ce_epoch', 'ce_subject'), fc.string());
    fc.assert(
      fc.property(fc.uint8Array(), headers, (bytes, given) => {
        const event = readEvent(incoming({ value: Buffer.from(bytes) }, given));
        if (isUnreadable(event)) expect(event.reason).toMatch(/^(key|value|ce_[a-z]+): [a-zA-Z0-9_ .-]+$/);
      }),
    );
  });
});

describe('readMessage', () => {
  it('asks for no order of states, and says when the message was sent', () => {
    const { ce_epoch: _epoch, ce_revision: _revision, ...headers } = incoming().headers ?? {};
    const message = { ...incoming(), headers, timestamp: '1795514400123' };
    const { epoch: _e, revision: _r, ...attributes } = (readEvent(incoming()) as Received).attributes;
    expect(readMessage(message)).toMatchObject({ attributes, sentAt: new Date(1795514400123) });
    expect(readEvent(message)).toMatchObject({ reason: 'ce_epoch: missing' });
  });
});
