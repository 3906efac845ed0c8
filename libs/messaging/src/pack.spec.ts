import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import type { OutboxRow } from './outbox.js';
import { eventMessage, keyPartition, messageBytes, pack } from './pack.js';

const row = (id: string, size: number): OutboxRow => ({
  id,
  revision: 1,
  epoch: 1,
  kind: 'created',
  value: 'x'.repeat(size),
  time: '2026-11-24T10:00:00Z',
});
const toMessage = (each: OutboxRow) => eventMessage('person', each, 12);
const rows = fc
  .uniqueArray(fc.tuple(fc.uuid(), fc.nat({ max: 3_000 })), { selector: ([id]) => id, maxLength: 120 })
  .map((list) => list.map(([id, size]) => row(id, size)));
const limits = { rows: 25, bytes: 20_000, bytesPerPartition: 2_500 };

describe('pack', () => {
  it('keeps every row, in order, in a package or aside', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const { packages, oversize } = pack(list, toMessage, limits);
        const aside = new Set(oversize.map(({ row }) => row));
        expect(packages.flatMap((each) => each.rows)).toEqual(list.filter((each) => !aside.has(each)));
        for (const each of packages) expect(each.messages.map(({ key }) => key)).toEqual(each.rows.map(({ id }) => id));
        for (const { row, bytes } of oversize) expect(bytes).toBe(messageBytes(toMessage(row)));
      }),
    );
  });

  it('exceeds no limit', () => {
    fc.assert(
      fc.property(rows, (list) => {
        for (const { messages } of pack(list, toMessage, limits).packages) {
          const perPartition = new Map<number, number>();
          for (const each of messages) {
            perPartition.set(each.partition, (perPartition.get(each.partition) ?? 0) + messageBytes(each));
          }
          expect(messages.length).toBeLessThanOrEqual(limits.rows);
          expect(messages.reduce((sum, each) => sum + messageBytes(each), 0)).toBeLessThanOrEqual(limits.bytes);
          expect(Math.max(...perPartition.values())).toBeLessThanOrEqual(limits.bytesPerPartition);
        }
      }),
    );
  });
});

describe('keyPartition', () => {
  it('is the choice of the default partitioner, which must never change', () => {
    const partitioner = Partitioners.DefaultPartitioner();
    const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({ partitionId, leader: 1 })) as never[];
    fc.assert(
      fc.property(fc.string(), (key) => {
        expect(keyPartition(key, 12)).toBe(
          partitioner({ topic: 't', partitionMetadata, message: { key, value: null } }),
        );
      }),
    );
    // As the Java client places it.
    expect(keyPartition('person:1', 12)).toBe(3);
  });
});
