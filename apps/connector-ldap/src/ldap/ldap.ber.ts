import type { Filter } from './filter';
import type { WireEntry } from './ldap.wire';

// The little of BER (RFC 4511 §5.1) that the values of controls need, written once for both libraries.

const OCTETS = 0x04;
const SEQUENCE = 0x30;

/** A filter as it stands in a message (RFC 4511 §4.5.1). */
export function encodeFilter(filter: Filter): Buffer {
  switch (filter.kind) {
    case 'equal':
      return element(0xa3, element(OCTETS, filter.attribute), element(OCTETS, filter.value));
    case 'present':
      return element(0x87, filter.attribute);
    case 'and':
      return element(0xa0, ...filter.filters.map(encodeFilter));
    case 'or':
      return element(0xa1, ...filter.filters.map(encodeFilter));
  }
}

/** A list of attribute descriptions (RFC 4511 §4.5.1.8). */
export function encodeSelection(attributes: readonly string[]): Buffer {
  return element(SEQUENCE, ...attributes.map((name) => element(OCTETS, name)));
}

/** The content of a SearchResultEntry (RFC 4511 §4.5.2); throws a RangeError when the bytes are none. */
export function decodeEntry(bytes: Buffer, isBinary: (type: string) => boolean): WireEntry {
  const reader = new Reader(bytes);
  const dn = reader.text();
  const attributes: { type: string; values: string[] | Buffer[] }[] = [];
  for (const end = reader.enter(); reader.at < end;) {
    reader.enter();
    const type = reader.text();
    attributes.push({ type, values: isBinary(type) ? reader.all(reader.bytes) : reader.all(reader.text) });
  }
  return { dn, attributes };
}

/** The value of the element that the bytes are, tag and length taken off. */
export function contentOf(bytes: Buffer): Buffer {
  return new Reader(bytes).bytes();
}

function element(tag: number, ...contents: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(contents.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.of(tag), lengthBytes(content.length), content]);
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Buffer.of(0x80 | bytes.length, ...bytes);
}

/** Goes through elements, one after the other. */
class Reader {
  at = 0;

  constructor(private readonly buffer: Buffer) {}

  /** Steps into the element that comes next and returns its end. */
  enter(): number {
    const { buffer } = this;
    let length = buffer[this.at + 1]!;
    this.at += 2;
    if (length >= 0x80) {
      const long = length & 0x7f;
      length = buffer.readUIntBE(this.at, long);
      this.at += long;
    }
    const end = this.at + length;
    if (!(end <= buffer.length)) throw new RangeError('not a search entry');
    return end;
  }

  text(): string {
    const end = this.enter();
    const start = this.at;
    this.at = end;
    return this.buffer.toString('utf8', start, end);
  }

  bytes(): Buffer {
    const end = this.enter();
    const start = this.at;
    this.at = end;
    return this.buffer.subarray(start, end);
  }

  /** Everything in the element that comes next. */
  all<T>(next: () => T): T[] {
    const found: T[] = [];
    for (const end = this.enter(); this.at < end;) found.push(next.call(this));
    return found;
  }
}
