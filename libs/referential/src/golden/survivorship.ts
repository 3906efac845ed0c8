import { PIVOT, pivotSchema, type Entity } from '@myelin/contracts';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { HUB } from './hub.js';

/** Who is believed about one group of attributes: the first source named that says something; all others come after, alike. */
export interface Group {
  /** Attributes (`birthName`) and parts of them (`contacts.workMail`, `roles.learner`). */
  readonly attributes: readonly string[];
  readonly priority: readonly string[];
  /** Another order for records that hold a role now, by its name. */
  readonly priorityOf?: Readonly<Record<string, readonly string[]>>;
}

/** The survivorship rules of a referential, as they are written down (`docs/user-guide.md`). */
export interface SurvivorshipFile {
  /** The role that decides which order holds for a record that has several, first one first. */
  readonly roles?: readonly string[];
  readonly groups: Readonly<Record<string, Group>>;
  /** By source: the attributes and parts of which it has the last word even when it says nothing. */
  readonly owners?: Readonly<Record<string, readonly string[]>>;
}

/** Survivorship rules, ready for use. */
export interface Survivorship {
  readonly file: SurvivorshipFile;
  /** The group that an attribute or a part belongs to. */
  readonly groupOf: (part: string) => Group & { readonly name: string };
  /** True when what the source does not say of the part is an erasure. */
  readonly owns: (source: string, part: string) => boolean;
  /** The roles for which some group has an order of its own, in the order in which they decide. */
  readonly decisiveRoles: readonly string[];
}

/** Holds for what no group names. */
const OTHERS = { name: 'others', attributes: [], priority: [HUB] } as const;

const source = { type: 'string', pattern: '^[a-z][a-z0-9-]{0,40}$' };
const part = { type: 'string', pattern: '^[a-z][A-Za-z0-9]*(\\.[A-Za-z0-9-]+)?$' };
const listOf = (items: object) => ({ type: 'array', items, uniqueItems: true });
const closed = (properties: object, required: string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
});

/** JSON Schema (2020-12) of the file. */
export const SURVIVORSHIP_SCHEMA = closed(
  {
    roles: listOf({ type: 'string' }),
    groups: {
      type: 'object',
      additionalProperties: closed(
        {
          attributes: { ...listOf(part), minItems: 1 },
          priority: listOf(source),
          priorityOf: { type: 'object', additionalProperties: listOf(source) },
        },
        ['attributes', 'priority'],
      ),
    },
    owners: { type: 'object', propertyNames: source, additionalProperties: listOf(part) },
  },
  ['groups'],
);

const isFile = new Ajv2020({ strict: false, allErrors: true }).compile<SurvivorshipFile>(SURVIVORSHIP_SCHEMA);

/** What is wrong with survivorship rules, each fault with its place; empty when nothing is. */
export function survivorshipFaults(entity: Entity, given: unknown): string[] {
  if (!isFile(given)) return (isFile.errors ?? []).map((e) => `${e.instancePath.slice(1) || 'file'} ${e.message}`);
  const { groups, owners = {} } = given;
  const known = attributesOf(entity);
  const faults: string[] = [];
  const taken = new Map<string, string>();
  const check = (place: string, name: string) => {
    if (!known.has(name.split('.')[0] as string))
      faults.push(`${place}: "${name}" is no attribute of ${PIVOT[entity].name}`);
  };
  for (const [group, { attributes }] of Object.entries(groups)) {
    for (const name of attributes) {
      check(`groups/${group}`, name);
      const other = taken.get(name);
      if (other !== undefined) faults.push(`groups/${group}: "${name}" is in group ${other} already`);
      taken.set(name, group);
    }
  }
  for (const [owner, names] of Object.entries(owners)) names.forEach((name) => check(`owners/${owner}`, name));
  return faults;
}

function attributesOf(entity: Entity): Set<string> {
  const schema = pivotSchema(entity) as { $ref: string; $defs: Record<string, { properties: object }> };
  return new Set(Object.keys(schema.$defs[schema.$ref.slice('#/$defs/'.length)]?.properties ?? {}));
}

/** Makes rules ready for use. */
export function survivorship(file: SurvivorshipFile): Survivorship {
  const groups = new Map(
    Object.entries(file.groups).flatMap(([name, group]) => group.attributes.map((one) => [one, { name, ...group }])),
  );
  const owned = new Map(Object.entries(file.owners ?? {}).map(([owner, parts]) => [owner, new Set(parts)]));
  const own = new Set(Object.values(file.groups).flatMap(({ priorityOf = {} }) => Object.keys(priorityOf)));
  const first = file.roles ?? [];
  return {
    file,
    groupOf: (name) => groups.get(name) ?? groups.get(attributeOf(name)) ?? OTHERS,
    owns: (name, one) => {
      const parts = owned.get(name);
      return parts !== undefined && (parts.has(one) || parts.has(attributeOf(one)));
    },
    decisiveRoles: [
      ...first.filter((role) => own.has(role)),
      ...[...own].filter((role) => !first.includes(role)).sort(),
    ],
  };
}

/** The attribute that a part belongs to. */
export const attributeOf = (name: string): string => {
  const dot = name.indexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
};
