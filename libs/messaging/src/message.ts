import { isUtf8 } from 'node:buffer';
import type { EventAttributes, MessageAttributes } from '@myelin/contracts';

/** A message as Kafka gave it. */
export interface Incoming {
  /** Contract name, without the installation's prefix. */
  topic: string;
  partition: number;
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  /** When the producer sent it, in milliseconds since 1970. */
  timestamp?: string;
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>;
}

/** A message that says what it must: its attributes and, on a referential topic, the whole state of the record. */
export interface Received<A extends MessageAttributes = EventAttributes> {
  attributes: A;
  /** What the value holds. Null on a referential topic: a tombstone, the record is gone for good. */
  state: Record<string, unknown> | null;
  /** The value as it was written, null for a tombstone. */
  json: string | null;
  /** When the producer sent it, where that is known. */
  sentAt?: Date;
  /** Contract name, without the installation's prefix. */
  topic: string;
  partition: number;
  offset: string;
}

/** A message that cannot be understood, kept whole so that a person can look at it. */
export interface Unreadable {
  topic: string;
  partition: number;
  offset: string;
  key: string | null;
  bytes: Buffer | null;
  /** Field and fault, never the content: `ce_revision: missing`. */
  reason: string;
}

/** True for a message that could not be understood. */
export const isUnreadable = (event: Received<MessageAttributes> | Unreadable): event is Unreadable => 'reason' in event;

/** How a consumer reads the messages of its topics. */
export type Reader<A extends MessageAttributes = MessageAttributes> = (message: Incoming) => Received<A> | Unreadable;

/** Reads a CloudEvents 1.0 message in binary mode: attributes in `ce_` headers, JSON in the value. */
export const readMessage: Reader = (message) => read(message, (headers) => readAttributes(headers));

/** Reads a message of a referential topic: as `readMessage`, with the order of the states among the attributes. */
export const readEvent: Reader<EventAttributes> = (message) =>
  read(message, (headers) => {
    const incarnation = headers.optional('ce_incarnation');
    return {
      ...readAttributes(headers),
      epoch: headers.count('ce_epoch'),
      revision: headers.count('ce_revision'),
      ...(incarnation && { incarnation }),
    };
  });

function read<A extends MessageAttributes>(message: Incoming, attributesOf: (headers: MessageHeaders) => A) {
  const { topic, partition, offset, key, value, timestamp } = message;
  try {
    const attributes = attributesOf(new MessageHeaders(message.headers ?? {}));
    if (key === null) throw new Fault('key', 'missing');
    if (key.toString() !== attributes.subject) throw new Fault('key', 'differs from ce_subject');
    const json = value === null ? null : readText(value);
    const state = json === null ? null : readObject(json);
    const sentAt = timestamp === undefined ? {} : { sentAt: new Date(Number(timestamp)) };
    return { attributes, state, json, topic, partition, offset, ...sentAt };
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return { topic, partition, offset, key: key?.toString() ?? null, bytes: value, reason: fault.message };
  }
}

class Fault extends Error {
  constructor(field: string, what: string) {
    super(`${field}: ${what}`);
  }
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** The headers of a message, read as its attributes must be. */
class MessageHeaders {
  constructor(private readonly given: NonNullable<Incoming['headers']>) {}

  optional(name: string): string | undefined {
    const value = this.given[name];
    if (Array.isArray(value)) throw new Fault(name, 'given more than once');
    return value === undefined ? undefined : value.toString();
  }

  required(name: string): string {
    const value = this.optional(name);
    if (value === undefined || value === '') throw new Fault(name, 'missing');
    return value;
  }

  count(name: string): number {
    const value = this.required(name);
    if (!/^\d{1,15}$/.test(value)) throw new Fault(name, 'not a whole number');
    return Number(value);
  }
}

function readAttributes(headers: MessageHeaders): MessageAttributes {
  if (headers.required('ce_specversion') !== '1.0') throw new Fault('ce_specversion', 'not 1.0');
  const attributes: MessageAttributes = {
    id: headers.required('ce_id'),
    source: headers.required('ce_source'),
    type: headers.required('ce_type'),
    subject: headers.required('ce_subject'),
    time: headers.required('ce_time'),
    dataschema: headers.required('ce_dataschema'),
  };
  if (!RFC_3339.test(attributes.time)) throw new Fault('ce_time', 'not an RFC 3339 time');
  const extensions = {
    correlationid: headers.optional('ce_correlationid'),
    causationid: headers.optional('ce_causationid'),
    origin: headers.optional('ce_origin'),
    traceparent: headers.optional('traceparent'),
  };
  for (const [name, value] of Object.entries(extensions))
    if (value) attributes[name as keyof typeof extensions] = value;
  return attributes;
}

function readText(value: Buffer): string {
  if (!isUtf8(value)) throw new Fault('value', 'not UTF-8');
  return value.toString('utf8');
}

function readObject(json: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    throw new Fault('value', 'not JSON');
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new Fault('value', 'not a JSON object');
  }
  return document as Record<string, unknown>;
}
