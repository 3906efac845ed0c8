import { masterSchema, type Entity } from '@myelin/contracts';

/**
 * The part of a record that these paths grant, in the form that it has there: `identifiers`, `birth.date`,
 * `roles.resource[].population`. What no path names is left out; so is what does not have the form that a path says.
 */
export function granted(record: unknown, paths: readonly string[]): Record<string, unknown> {
  // What is granted as a whole is not narrowed by another path into it.
  const needed = paths.filter(
    (path) => !paths.some((other) => path.startsWith(`${other}.`) || path.startsWith(`${other}[]`)),
  );
  const part = partOf(
    record,
    needed.map((path) => path.split('.')),
  );
  return (part ?? {}) as Record<string, unknown>;
}

function partOf(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (paths.some((path) => path.length === 0)) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const parts = [...Map.groupBy(paths, ([step = '']) => step)].map(([step, steps]): [string, unknown] => {
    const name = step.replace(/\[\]$/, '');
    const next = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    const below = steps.map((path) => path.slice(1));
    if (name === step) return [name, partOf(next, below)];
    const items = Array.isArray(next) ? next.map((item: unknown) => partOf(item, below)) : undefined;
    return [name, items?.filter((item) => item !== undefined)];
  });
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
}

type Schema = Readonly<Record<string, unknown>>;

/** Whether a record of that kind can have something at a path. */
export function isPathOf(entity: Entity, path: string): boolean {
  const { $defs, ...root } = masterSchema(entity) as Schema & { $defs: Record<string, Schema> };
  let schema: Schema | undefined = root;
  for (const step of path.split('.')) {
    const object = formOf(schema, $defs);
    // Below an extension an establishment has whatever it wants.
    if (object?.['x-check'] === 'extensions') return /^[A-Za-z]\w*(\[\])?$/.test(step);
    const properties = (object?.properties ?? {}) as Record<string, Schema>;
    const name = step.replace(/\[\]$/, '');
    schema = Object.hasOwn(properties, name) ? formOf(properties[name], $defs) : undefined;
    if (name !== step) schema = schema?.items as Schema | undefined;
    if (schema === undefined || schema.not !== undefined) return false;
  }
  return true;
}

/** What a schema says of a value that is there: references followed, null left aside. */
function formOf(schema: Schema | undefined, $defs: Record<string, Schema>): Schema | undefined {
  const [, name] = /^#\/\$defs\/(\w+)$/.exec((schema?.$ref as string | undefined) ?? '') ?? [];
  if (name !== undefined) return formOf($defs[name], $defs);
  const [form] = (schema?.anyOf as Schema[] | undefined) ?? [];
  return form === undefined ? schema : formOf(form, $defs);
}
