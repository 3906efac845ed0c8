import { eventId, eventSource, eventType, type Entity } from '@myelin/contracts';
import { Partitioners } from 'kafkajs';
import type { OutboxRow } from './outbox.js';

/** A message as the producer takes it; its partition is already chosen. */
export interface Outgoing {
  key: string;
  value: Buffer | null;
  partition: number;
  headers: Record<string, string>;
}

/** What one transaction carries. */
export interface Package {
  rows: OutboxRow[];
  messages: Outgoing[];
}

/** Most that one transaction carries, before compression. */
export interface PackLimits {
  rows: number;
  bytes: number;
  /** A broker refuses more than 1 MB in one batch to one partition. */
  bytesPerPartition: number;
}

export const PACK_LIMITS: PackLimits = { rows: 2_000, bytes: 3_000_000, bytesPerPartition: 900_000 };

/** Room taken beside key, headers and value: lengths, deltas and the share of the batch header. */
const RECORD_OVERHEAD = 100;

const partitionOf = Partitioners.DefaultPartitioner();

/** The partition of a key among `partitions`, as the producers of the Java client choose it. */
export function keyPartition(key: string, partitions: number): number {
  return partitionOf({ topic: '', partitionMetadata: new Array<never>(partitions), message: { key, value: null } });
}

/** The message of a dirty entity: CloudEvents 1.0, binary mode. */
export function eventMessage(entity: Entity, row: OutboxRow, partitions: number): Outgoing {
  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: eventId(row.id, row.epoch, row.revision),
    ce_source: eventSource(entity),
    ce_type: eventType(entity, row.kind),
    ce_subject: row.id,
    ce_time: row.time,
    ce_dataschema: `urn:myelin:master:${entity}:1`,
    ce_epoch: String(row.epoch),
    ce_revision: String(row.revision),
  };
  if (row.incarnation) headers.ce_incarnation = row.incarnation;
  if (row.correlationId) headers.ce_correlationid = row.correlationId;
  if (row.causationId) headers.ce_causationid = row.causationId;
  if (row.origin) headers.ce_origin = row.origin;
  if (row.traceparent) headers.traceparent = row.traceparent;
  if (row.value !== null) headers['content-type'] = 'application/json';
  return {
    key: row.id,
    value: row.value === null ? null : Buffer.from(row.value),
    partition: keyPartition(row.id, partitions),
    headers,
  };
}

/** Bytes of a message before compression, never too few. */
export function messageBytes({ key, value, headers }: Outgoing): number {
  let bytes = RECORD_OVERHEAD + Buffer.byteLength(key) + (value?.length ?? 0);
  // Two length fields beside each header.
  for (const name in headers) bytes += 6 + name.length + Buffer.byteLength(headers[name]!);
  return bytes;
}

/** Cuts rows, in their order, into transactions within the limits; a row that alone exceeds what a partition takes is set aside. */
export function pack(
  rows: readonly OutboxRow[],
  toMessage: (row: OutboxRow) => Outgoing,
  limits: PackLimits = PACK_LIMITS,
): { packages: Package[]; oversize: { row: OutboxRow; bytes: number }[]; bytes: number } {
  const packages: Package[] = [];
  const oversize: { row: OutboxRow; bytes: number }[] = [];
  let open: Package | undefined;
  let openBytes = 0;
  let perPartition = new Map<number, number>();
  let total = 0;
  for (const row of rows) {
    const message = toMessage(row);
    const bytes = messageBytes(message);
    total += bytes;
    if (bytes > limits.bytesPerPartition) {
      oversize.push({ row, bytes });
      continue;
    }
    const inPartition = perPartition.get(message.partition) ?? 0;
    const full =
      open === undefined ||
      open.rows.length >= limits.rows ||
      openBytes + bytes > limits.bytes ||
      inPartition + bytes > limits.bytesPerPartition;
    if (full) {
      open = { rows: [], messages: [] };
      packages.push(open);
      openBytes = 0;
      perPartition = new Map();
    }
    open!.rows.push(row);
    open!.messages.push(message);
    openBytes += bytes;
    perPartition.set(message.partition, (full ? 0 : inPartition) + bytes);
  }
  return { packages, oversize, bytes: total };
}
