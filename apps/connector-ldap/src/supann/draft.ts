import type { Mapped } from '@myelin/connector';
import type { FieldFault } from '@myelin/contracts';
import { attributeType, type AttributeName } from './schema.js';
import { equalityKey, syntaxFault, tidy } from './syntax.js';
import { labelled } from './values.js';

/**
 * An entry in the making: takes values, keeps those that the schema can hold, once each, and notes the others by the field
 * of the record they come from. An unrepresentable value costs that value, not the entry.
 */
export class EntryDraft {
  private readonly attributes = new Map<AttributeName, Values>();
  private readonly faults = new Map<string, FieldFault>();

  /** Adds a value and returns it as it will stand; undefined when there is none or the schema cannot hold it. */
  add(attribute: AttributeName, value: string | null | undefined, field: string): string | undefined {
    const text = tidy(value ?? '');
    if (text === '') return undefined;
    const message = syntaxFault(attribute, text);
    if (message !== undefined) {
      this.refuse(field, message);
      return undefined;
    }
    return this.keep(attribute, text);
  }

  /** Adds `{LABEL}value`; a value with a brace or a bracket cannot be labelled and is refused. */
  addLabelled(
    attribute: AttributeName,
    label: string,
    value: string | null | undefined,
    field: string,
  ): string | undefined {
    const text = tidy(value ?? '');
    if (text === '') return undefined;
    const whole = labelled(label, text);
    if (whole !== undefined) return this.add(attribute, whole, field);
    this.refuse(field, `cannot be held by ${attribute}: has a brace or a bracket`);
    return undefined;
  }

  /** Notes that a field of the record cannot be written; the message never says the value. */
  refuse(field: string, message: string): void {
    this.faults.set(`${field} ${message}`, { field, message });
  }

  /** True when the attribute has that value. */
  holds(attribute: AttributeName, value: string): boolean {
    const known = this.attributes.get(attribute);
    return known !== undefined && indexOf(known, attribute, value) >= 0;
  }

  /** The row, values sorted so that equal content gives equal rows, with what could not be written. */
  mapped(rdn: string, objectClasses: readonly string[], validUntil: string | undefined): Mapped {
    const row: [string, string | string[]][] = [
      ['rdn', rdn],
      ['objectClass', [...objectClasses].sort()],
    ];
    for (const [attribute, { values }] of this.attributes)
      row.push([attribute, values.length > 1 ? values.sort() : values]);
    return {
      // An object that is built key by key is slow to read once it has many.
      row: Object.fromEntries(row),
      ...(validUntil !== undefined && { validUntil }),
      ...(this.faults.size > 0 && { unrepresentable: [...this.faults.values()] }),
    };
  }

  // Two values that are equal to the server cannot both stand; of a single-valued attribute the first one wins.
  private keep(attribute: AttributeName, text: string): string | undefined {
    const known = this.attributes.get(attribute);
    if (!known) {
      this.attributes.set(attribute, { values: [text], keys: undefined });
      return text;
    }
    const at = indexOf(known, attribute, text);
    if (at >= 0) return known.values[at];
    if (attributeType(attribute).single === true) return undefined;
    known.values.push(text);
    known.keys?.push(equalityKey(attribute, text));
    return text;
  }
}

/** The values of one attribute, and the keys by which the server compares them: most have one value and need none. */
interface Values {
  readonly values: string[];
  keys: string[] | undefined;
}

/** Where the value stands that is the same to the server; -1 when there is none. */
function indexOf(known: Values, attribute: AttributeName, text: string): number {
  const at = known.values.indexOf(text);
  if (at >= 0) return at;
  known.keys ??= known.values.map((value) => equalityKey(attribute, value));
  return known.keys.indexOf(equalityKey(attribute, text));
}
