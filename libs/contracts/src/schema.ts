import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { validationMetadatasToSchemas } from 'class-validator-jsonschema';
import { CHECK_SCHEMAS, CHECKS, unstorable, type CheckName } from './checks.js';
import type { MessageContract } from './delivery.js';
import { PIVOT, ROLE_STATES, STATUSES, type Entity } from './master.js';

type JsonSchema = Record<string, unknown>;

/** One fault of a document: the path of the field (`identifiers[0].value`) and what is wrong with it. */
export interface FieldFault {
  field: string;
  message: string;
}

/** JSON Schemas of every contract class by class name; `refPrefix` is where the definitions will stand in the document. */
export function contractSchemas(refPrefix: string): Record<string, JsonSchema> {
  const converters = Object.fromEntries(
    Object.entries(CHECK_SCHEMAS).map(([name, schema]) => [name, { ...schema, 'x-check': name }]),
  );
  const schemas = validationMetadatasToSchemas({
    classValidatorMetadataStorage: getMetadataStorage(),
    classTransformerMetadataStorage: defaultMetadataStorage,
    refPointerPrefix: refPrefix,
    additionalConverters: converters,
  }) as unknown as Record<string, JsonSchema>;
  for (const schema of Object.values(schemas)) {
    schema.additionalProperties = false;
    const required = new Set((schema.required as string[] | undefined) ?? []);
    const properties = schema.properties as Record<string, JsonSchema>;
    for (const [name, property] of Object.entries(properties)) {
      if (!required.has(name)) properties[name] = { anyOf: [property, { type: 'null' }] };
    }
  }
  return schemas;
}

/** JSON Schema (2020-12) of what a source may assert about an entity, whole in one document. */
export function pivotSchema(entity: Entity): JsonSchema {
  const name = PIVOT[entity].name;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:myelin:pivot:${entity}:1`,
    $ref: `#/$defs/${name}`,
    $defs: reachable(contractSchemas('#/$defs/'), name),
  };
}

/** JSON Schema (2020-12) of the golden state that a referential topic carries; unknown fields are allowed and kept. */
export function masterSchema(entity: Entity): JsonSchema {
  const { $defs, ...pivot } = structuredClone(pivotSchema(entity)) as { $defs: Record<string, JsonSchema> };
  const name = PIVOT[entity].name;
  for (const schema of Object.values($defs)) delete schema.additionalProperties;
  const master = $defs[name] as { properties: JsonSchema; required?: string[] };
  Object.assign(master.properties, {
    id: { type: 'string', format: 'uuid' },
    status: { type: 'string', enum: STATUSES },
    survivor: { anyOf: [{ type: 'string', format: 'uuid' }, { type: 'null' }] },
    number: { type: 'string' },
    effectiveFrom: { type: 'string', format: 'date' },
    roleStates: { type: 'object', additionalProperties: { type: 'string', enum: ROLE_STATES } },
  });
  master.required = ['id', 'status', ...(master.required ?? [])];
  return { ...pivot, $id: `urn:myelin:master:${entity}:1`, $defs };
}

/** JSON Schema (2020-12) of a message, whole in one document; unknown fields are allowed: a later minor version may add some. */
export function messageSchema<T extends object>({ of, dataschema }: MessageContract<T>): JsonSchema {
  const $defs = reachable(contractSchemas('#/$defs/'), of.name);
  for (const schema of Object.values($defs)) delete schema.additionalProperties;
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  return { $schema, $id: dataschema, $ref: `#/$defs/${of.name}`, $defs };
}

function reachable(schemas: Record<string, JsonSchema>, root: string): Record<string, JsonSchema> {
  const found: Record<string, JsonSchema> = {};
  const visit = (name: string) => {
    const schema = schemas[name];
    if (found[name] || !schema) return;
    found[name] = schema;
    for (const [, next] of JSON.stringify(schema).matchAll(/"#\/\$defs\/(\w+)"/g)) visit(next as string);
  };
  visit(root);
  return found;
}

/** Faults of a document, empty when it is right. */
export type Validator = (document: unknown) => FieldFault[];

/** Fast validator of pivot documents (bulk and bus paths); the same verdict as `pivotFaults`. `coerce` reads numbers and booleans from text. */
export function pivotValidator(entity: Entity, options: { coerce?: boolean } = {}): Validator {
  return compile(pivotSchema(entity), options.coerce === true);
}

/** Fast validator of the states on referential topics; unknown fields are let through. */
export function masterValidator(entity: Entity): Validator {
  return compile(masterSchema(entity), false);
}

/** Validator of messages; unknown fields are let through. */
export function messageValidator<T extends object>(contract: MessageContract<T>): Validator {
  return compile(messageSchema(contract), false);
}

function compile(schema: JsonSchema, coerce: boolean): Validator {
  const ajv = new Ajv2020({ coerceTypes: coerce, strict: false, validateFormats: false });
  ajv.addKeyword({
    keyword: 'x-check',
    validate: (name: CheckName, value: unknown, _schema: unknown, at: { parentData?: unknown } | undefined) => {
      const fault = CHECKS[name](value, at?.parentData);
      if (fault !== undefined) lastCheck.message = fault;
      return fault === undefined;
    },
  });
  const lastCheck = { message: '' };
  const validate: ValidateFunction = ajv.compile(schema);
  return (document) => {
    if (validate(document)) {
      const path = unstorable(document);
      return path === undefined ? [] : [{ field: path, message: UNSTORABLE }];
    }
    // A null alternative adds its own complaint to every fault of an optional field: the first one says what is wrong.
    const error = (validate.errors ?? []).find((e) => !(e.keyword === 'type' && e.params.type === 'null'));
    return [fieldFault(error ?? (validate.errors as ErrorObject[])[0]!, lastCheck.message)];
  };
}

const UNSTORABLE = 'holds a character that cannot be stored (NUL or half of a surrogate pair)';

function fieldFault(error: ErrorObject, checkMessage: string): FieldFault {
  const path = error.instancePath
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((sofar, part) => (/^\d+$/.test(part) ? `${sofar}[${part}]` : sofar === '' ? part : `${sofar}.${part}`), '');
  const inside = (name: string) => (path === '' ? name : `${path}.${name}`);
  switch (error.keyword) {
    case 'required':
      return { field: inside(String(error.params.missingProperty)), message: 'is required' };
    case 'additionalProperties':
      return { field: inside(String(error.params.additionalProperty)), message: 'is not a field of this contract' };
    case 'x-check':
      return { field: path, message: checkMessage };
    case 'not':
      return { field: path, message: CHECKS.absent() };
    case 'enum':
      return { field: path, message: `must be one of ${(error.params.allowedValues as unknown[]).join(', ')}` };
    default:
      return { field: path, message: error.message ?? 'is wrong' };
  }
}

const documentFault = (message: string): FieldFault[] => [{ field: '', message }];

/** Faults of a pivot document by class-validator (HTTP edge): every fault, each with its field. */
export function pivotFaults(entity: Entity, document: unknown): FieldFault[] {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return documentFault('must be an object');
  }
  const instance = plainToInstance(PIVOT[entity] as new () => object, document);
  const errors = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  if (errors.length > 0) return errors.flatMap((error) => classFaults(error, ''));
  const path = unstorable(document);
  return path === undefined ? [] : [{ field: path, message: UNSTORABLE }];
}

function classFaults(error: ValidationError, parent: string): FieldFault[] {
  const field = /^\d+$/.test(error.property)
    ? `${parent}[${error.property}]`
    : parent === ''
      ? error.property
      : `${parent}.${error.property}`;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    field,
    message: rule === 'whitelistValidation' ? 'is not a field of this contract' : message,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => classFaults(child, field))];
}
