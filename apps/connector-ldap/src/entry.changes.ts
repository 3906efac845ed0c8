import type { Row } from '@myelin/connector';
import { resourceOf, type EntryKind, type Standing } from './entry.js';
import { parseDn } from './ldap/dn.js';
import { attributeType } from './supann/schema.js';
import { equalityKey } from './supann/syntax.js';

/** One step of a modify, on an attribute of ours. */
export interface Step {
  readonly op: 'add' | 'delete' | 'replace';
  readonly attribute: string;
  readonly values: readonly string[];
}

/**
 * The smallest modify that brings an entry from what stands to `after`: value by value, deletes first (the server compares
 * by its equality rules, so a value that is only spelt differently must go before it comes back). The naming attribute
 * changes by renaming; its surplus values are removed.
 */
export function modifications({ row, suspended }: Standing, after: Row, kind: EntryKind): Step[] {
  const steps = attributesOf(row, after).flatMap((attribute): Step[] => {
    const [old, wanted] = [valuesOf(row, attribute), wantedValues(after, attribute, suspended, row)];
    const gone = old.filter((value) => !wanted.includes(value));
    const fresh = wanted.filter((value) => !old.includes(value));
    if (attribute === kind.naming) return [step('delete', attribute, withoutNames(attribute, gone, row, after))];
    if (attributeType(attribute).equality !== 'none') {
      return [step('delete', attribute, gone), step('add', attribute, fresh)];
    }
    return gone.length > 0 || fresh.length > 0 ? [step('replace', attribute, wanted)] : [];
  });
  const kept = steps.filter(({ op, values }) => op === 'replace' || values.length > 0);
  return [...kept.filter(({ op }) => op === 'delete'), ...kept.filter(({ op }) => op !== 'delete')];
}

/** True when the server would refuse the modify if it had been applied already (16, 20): it may be sent without reading first. */
export function provesItself({ row }: Standing, after: Row, steps: readonly Step[]): boolean {
  return steps.some(({ op, attribute, values }) => {
    const others = valuesOf(op === 'add' ? row : after, attribute).map((value) => equalityKey(attribute, value));
    return op !== 'replace' && values.some((value) => !others.includes(equalityKey(attribute, value)));
  });
}

/** True when the row has a state for a resource of which none was seen: people may have suspended it. */
export function addsState(before: Row, after: Row): boolean {
  const seen = new Set(valuesOf(before, 'supannRessourceEtat').map(resourceOf));
  return valuesOf(after, 'supannRessourceEtat').some((state) => !seen.has(resourceOf(state)));
}

/** True when the two rows need entries of different structural classes. */
export function changesStructure(before: Row, after: Row, { structural }: EntryKind): boolean {
  const [old, wanted] = [before, after].map((row) =>
    structural.find((name) => valuesOf(row, 'objectClass').includes(name)),
  );
  return old !== undefined && wanted !== undefined && old !== wanted;
}

/** The attributes of a row as the directory takes them. */
export function attributesToAdd(row: Row): Record<string, readonly string[]> {
  return Object.fromEntries(attributesOf(row).map((attribute) => [attribute, valuesOf(row, attribute)]));
}

const step = (op: Step['op'], attribute: string, values: readonly string[]): Step => ({ op, attribute, values });

function attributesOf(...rows: readonly Row[]): string[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  return [...names].filter((name) => name !== 'rdn').sort();
}

function valuesOf(row: Row, attribute: string): readonly string[] {
  return (row[attribute] as readonly string[] | undefined) ?? [];
}

// The state of a suspended resource stays as people have set it.
function wantedValues(after: Row, attribute: string, suspended: ReadonlySet<string>, before: Row): readonly string[] {
  const values = valuesOf(after, attribute);
  if (attribute !== 'supannRessourceEtat' && attribute !== 'supannRessourceEtatDate') return values;
  const isSuspended = (value: string) => suspended.has(resourceOf(value) ?? '');
  return [...values.filter((value) => !isSuspended(value)), ...valuesOf(before, attribute).filter(isSuspended)];
}

function withoutNames(attribute: string, values: readonly string[], before: Row, after: Row): readonly string[] {
  const names = new Set([before, after].map(({ rdn }) => nameOf(rdn as string, attribute)));
  return values.filter((value) => !names.has(equalityKey(attribute, value)));
}

function nameOf(rdn: string, attribute: string): string {
  return equalityKey(attribute, String(parseDn(rdn)[0]?.[0]?.value));
}
