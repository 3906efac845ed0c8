import { sameValue, type Row, type RowValue, type Rule } from '@myelin/connector';
import type { Master } from '@myelin/contracts';

export const STANDINGS = ['same', 'to be written', 'to be changed', 'to be removed'] as const;

/** One attribute of the target, from the golden value to what the target last acknowledged. */
export interface ExplainedAttribute {
  readonly attribute: string;
  /** The rule of the mapping, in one sentence; null where the connector states none. */
  readonly rule: string | null;
  /** Golden values that the rule reads, by path. */
  readonly from: readonly { readonly path: string; readonly value?: unknown }[];
  /** What the target must have. */
  readonly wanted?: RowValue | null;
  /** What it last acknowledged. */
  readonly acknowledged?: RowValue | null;
  /** How the two stand to one another. */
  readonly standing: (typeof STANDINGS)[number];
}

/** Attribute by attribute, why the target has or will have what it has. Without `values` only names and standings are told. */
export function explainRow(
  master: Master | null,
  rules: Readonly<Record<string, Rule>> | undefined,
  wanted: Row | null,
  acknowledged: Row | null,
  values: boolean,
): ExplainedAttribute[] {
  const names = [...new Set([...Object.keys(wanted ?? {}), ...Object.keys(acknowledged ?? {})])].sort();
  return names.map((attribute) => {
    const [want, have] = [wanted?.[attribute], acknowledged?.[attribute]];
    const rule = rules && Object.hasOwn(rules, attribute) ? rules[attribute] : undefined;
    const from = (rule?.from ?? []).map((path) => ({ path, ...(values && { value: valueAt(master, path) }) }));
    const standing = sameValue(want, have)
      ? 'same'
      : have === undefined
        ? 'to be written'
        : want === undefined
          ? 'to be removed'
          : 'to be changed';
    const told = values ? { wanted: want ?? null, acknowledged: have ?? null } : {};
    return { attribute, rule: rule?.rule ?? null, from, ...told, standing };
  });
}

/** What stands at a path of a document: `names`, `birth.date`, `roles.resource[].population`; null where nothing does. */
export function valueAt(document: unknown, path: string): unknown {
  let values: unknown[] = [document];
  const isList = path.includes('[]');
  for (const step of path.split('.')) {
    const name = step.replace(/\[\]$/, '');
    values = values.flatMap((value) => {
      const next =
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? (value as Record<string, unknown>)[name]
          : undefined;
      if (next === undefined || next === null) return [];
      return step.endsWith('[]') && Array.isArray(next) ? (next as unknown[]) : [next];
    });
  }
  return isList ? values : (values[0] ?? null);
}
