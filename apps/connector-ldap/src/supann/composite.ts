/** One `[key=value]` of a composite. */
export type Field = readonly [key: string, value: string];

/** The keys of each composite in the order that SupAnn fixes (SupAnn, composites). */
export const COMPOSITE_KEYS = {
  supannEtuInscription: [
    'etab',
    'anneeinsc',
    'regimeinsc',
    'sectdisc',
    'typedip',
    'cursusann',
    'affect',
    'diplome',
    'etape',
    'eltpedago',
    'population',
    'datefin',
  ],
  supannEmpProfil: ['etab', 'affil', 'corps', 'typeaffect', 'affect', 'activite', 'population', 'datefin'],
  supannExtProfil: ['etab', 'affil', 'typeaffect', 'affect', 'parrain', 'activite', 'population', 'datefin'],
  supannRoleEntite: ['role', 'type', 'code'],
} as const;

/** Name of a composite attribute. */
export type CompositeName = keyof typeof COMPOSITE_KEYS;

type KeyOf<C extends CompositeName> = (typeof COMPOSITE_KEYS)[C][number];

/**
 * Writes a composite, keys in SupAnn's order, fields without a value left out. A value with a bracket is left out too:
 * SupAnn has no escape for it.
 */
export function formatComposite<C extends CompositeName>(
  name: C,
  values: Readonly<Partial<Record<KeyOf<C>, string | undefined>>>,
): string {
  let text = '';
  for (const key of COMPOSITE_KEYS[name]) {
    const value = (values as Readonly<Record<string, string | undefined>>)[key];
    if (value !== undefined && !/[[\]]/.test(value)) text += `[${key}=${value}]`;
  }
  return text;
}

/** Reads a composite, each field split at its first `=` (a value may be a DN); undefined when it is none. */
export function parseComposite(text: string): Field[] | undefined {
  if (!/^(?:\[[a-z0-9_]+=[^[\]]+\])+$/.test(text)) return undefined;
  const fields = [...text.matchAll(/\[([a-z0-9_]+)=([^[\]]+)\]/g)].map(([, key, value]): Field => [key!, value!]);
  return new Set(fields.map(([key]) => key)).size === fields.length ? fields : undefined;
}
