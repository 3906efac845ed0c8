import { isUtf8 } from 'node:buffer';
import type { EventAttributes } from '@myelin/contracts';

/** A message as Kafka gave it. */
export interface Incoming {
  /** Contract name, without the installation's prefix. */
  topic: string;
  partition: number;
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>;
}

/** A message that says what it must: its attributes and the whole state of the record. */
export interface Received {
  attributes: EventAttributes;
  /** Null: a tombstone, the record is gone for good. */
  state: Record<string, unknown> | null;
  /** The state as it was written, null for a tombstone. */
  json: string | null;
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
export const isUnreadable = (event: Received | Unreadable): event is Unreadable => 'reason' in event;

/** Reads a CloudEvents 1.0 message in binary mode: attributes in `ce_` headers, the state as JSON in the value. */
export function readEvent(message: Incoming): Received | Unreadable {
  const { topic, partition, offset, key, value } = message;
  try {
    const attributes = readAttributes(message.headers ?? {});
    if (key === null) throw new Fault('key', 'missing');
    if (key.toString() !== attributes.subject) throw new Fault('key', 'differs from ce_subject');
    const json = value === null ? null : readText(value);
    const state = json === null ? null : readObject(json);
    return { attributes, state, json, topic, partition, offset };
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

function readAttributes(headers: NonNullable<Incoming['headers']>): EventAttributes {
  const optional = (name: string): string | undefined => {
    const value = headers[name];
    if (Array.isArray(value)) throw new Fault(name, 'given more than once');
    return value === undefined ? undefined : value.toString();
  };
  const required = (name: string): string => {
    const value = optional(name);
    if (value === undefined || value === '') throw new Fault(name, 'missing');
    return value;
  };
  const count = (name: string): number => {
    const value = required(name);
    if (!/^\d{1,15}$/.test(value)) throw new Fault(name, 'not a whole number');
    return Number(value);
  };
  if (required('ce_specversion') !== '1.0') throw new Fault('ce_specversion', 'not 1.0');
  const attributes: EventAttributes = {
    id: required('ce_id'),
    source: required('ce_source'),
    type: required('ce_type'),
    subject: required('ce_subject'),
    time: required('ce_time'),
    dataschema: required('ce_dataschema'),
    epoch: count('ce_epoch'),
    revision: count('ce_revision'),
  };
  if (!RFC_3339.test(attributes.time)) throw new Fault('ce_time', 'not an RFC 3339 time');
  const extensions = {
    incarnation: optional('ce_incarnation'),
    correlationid: optional('ce_correlationid'),
    causationid: optional('ce_causationid'),
    origin: optional('ce_origin'),
    traceparent: optional('traceparent'),
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
