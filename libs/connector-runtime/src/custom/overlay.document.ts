import { hash } from 'node:crypto';
import { ENTITIES, type Entity, type FieldFault } from '@myelin/contracts';
import type { Setting } from '@myelin/platform';
import { Expression } from './expression.js';

/** What an overlay does to the rows of one kind of entity. */
export interface OverlayPart {
  /** Attributes to set, each by its expression. */
  readonly set: ReadonlyMap<string, Expression>;
  /** Attributes that the target does not have any more. */
  readonly drop: readonly string[];
  /** Classes that the entities get beside those of the mapping, in targets that have such. */
  readonly classes: readonly string[];
  /** The same for the same part. */
  readonly version: string;
}

export type OverlayParts = ReadonlyMap<Entity, OverlayPart>;

/** Everything that is wrong with an overlay, by place in its document. */
export class OverlayFault extends Error {
  constructor(readonly faults: readonly FieldFault[]) {
    super(faults.map(({ field, message }) => `${field} ${message}`.trim()).join('; '));
    this.name = 'OverlayFault';
  }
}

/** `OVERLAY`: the document as its text; the connector makes its attributes its own before anything else. */
export const overlaySetting: Setting<string | undefined> = {
  parse(text) {
    readOverlay(text);
    return text;
  },
  default: { value: undefined },
};

const KEYS = ['set', 'drop', 'classes'];

/**
 * Reads an overlay: `{ "person": { "set": { "title": "record.extensions.univ.title" }, "drop": ["mobile"] } }`.
 * @throws OverlayFault
 */
export function readOverlay(text: string): OverlayParts {
  const faults: FieldFault[] = [];
  const refuse = (field: string, message: string) => void faults.push({ field, message });
  const parts = new Map<Entity, OverlayPart>();
  for (const [entity, given] of Object.entries(documentOf(text))) {
    if (!isEntity(entity)) refuse(entity, `is none of ${ENTITIES.join(', ')}`);
    else if (!isObject(given)) refuse(entity, 'must be an object');
    else parts.set(entity, partOf(entity, given, refuse));
  }
  if (faults.length > 0) throw new OverlayFault(faults);
  return parts;
}

type Refuse = (field: string, message: string) => void;

function documentOf(text: string): object {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new OverlayFault([{ field: '', message: `is no JSON: ${(error as Error).message}` }]);
  }
  if (!isObject(document)) throw new OverlayFault([{ field: '', message: 'must be a JSON object' }]);
  return document;
}

function partOf(entity: Entity, given: Record<string, unknown>, refuse: Refuse): OverlayPart {
  for (const key of Object.keys(given)) {
    if (!KEYS.includes(key)) refuse(`${entity}.${key}`, `is none of ${KEYS.join(', ')}`);
  }
  const set = expressionsOf(`${entity}.set`, given.set, refuse);
  const drop = namesOf(`${entity}.drop`, given.drop, refuse);
  const classes = namesOf(`${entity}.classes`, given.classes, refuse);
  const known = new Map<string, string>();
  for (const name of [...Object.keys(isObject(given.set) ? given.set : {}), ...drop]) {
    const other = known.get(name.toLowerCase());
    if (other !== undefined) refuse(`${entity}.set.${other}`, `is named twice, the second time as ${name}`);
    known.set(name.toLowerCase(), name);
  }
  const texts = [...set].map(([name, { text }]) => [name, text]);
  const version = hash('sha256', JSON.stringify([texts, drop, classes]), 'hex').slice(0, 12);
  return { set, drop, classes, version };
}

function expressionsOf(field: string, given: unknown, refuse: Refuse): Map<string, Expression> {
  const expressions = new Map<string, Expression>();
  if (given !== undefined && !isObject(given)) refuse(field, 'must be an object of expressions by attribute');
  for (const [name, text] of Object.entries(isObject(given) ? given : {})) {
    try {
      if (typeof text !== 'string') throw new Error('must be a JSONata expression in quotes');
      expressions.set(name, new Expression(text));
    } catch (error) {
      refuse(`${field}.${name}`, (error as Error).message);
    }
  }
  return expressions;
}

function namesOf(field: string, given: unknown, refuse: Refuse): string[] {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((name) => typeof name === 'string')) return given;
  refuse(field, 'must be a list of names');
  return [];
}

const isEntity = (name: string): name is Entity => (ENTITIES as readonly string[]).includes(name);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
