import { identifierFault, SCHEME_NAME } from './identifier-schemes.js';

/** Says what is wrong with a value, or undefined when it is right. `parent` is the object that holds it. */
export type Check = (value: unknown, parent: unknown) => string | undefined;

const text =
  (max: number): Check =>
  (value) => {
    if (typeof value !== 'string') return 'must be text';
    if (value.trim() === '') return 'must not be blank';
    return [...value].length <= max ? undefined : `must not exceed ${max} characters`;
  };

const day: Check = (value) => {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return 'must be a day, YYYY-MM-DD';
  const instant = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(value)
    ? undefined
    : 'must be a day that exists';
};

/** RFC 3339, section 5.6, with the letters in upper case. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

const instant: Check = (value) =>
  typeof value === 'string' && INSTANT.test(value) && !Number.isNaN(Date.parse(value))
    ? undefined
    : 'must be an RFC 3339 time';

const MASTER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const reference: Check = (value) => {
  const fault = 'must be a reference, scheme:value';
  if (typeof value !== 'string') return fault;
  const colon = value.indexOf(':');
  const scheme = value.slice(0, colon);
  const name = value.slice(colon + 1);
  if (colon < 1 || !SCHEME_NAME.test(scheme)) return fault;
  if (scheme === 'hub') return MASTER_ID.test(name) ? undefined : 'must name a master id after hub:';
  return identifierFault(scheme, name);
};

/** What the parts of `extensions` may be called. */
export const EXTENSION_NAME = /^[a-z][A-Za-z0-9]{0,63}$/;

const extensions: Check = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object';
  const bad = Object.keys(value).find((key) => !EXTENSION_NAME.test(key));
  return bad === undefined ? undefined : `"${bad}" is no extension name (camelCase, at most 64 characters)`;
};

/**
 * The checks that class-validator and JSON Schema have no word for. Each runs in both: through `Checked` at the HTTP edge,
 * through the keyword `x-check` in Ajv on the bulk and bus paths; so both give the same verdict.
 */
export const CHECKS = {
  code: text(128),
  label: text(512),
  note: text(4096),
  day,
  instant,
  masterId: (value) =>
    typeof value === 'string' && MASTER_ID.test(value) ? undefined : 'must be a master id (UUID in lower case)',
  reference,
  country: (value) =>
    typeof value === 'string' && /^[A-Z]{2}$/.test(value) ? undefined : 'must be an ISO 3166 alpha-2 code',
  identifier: (value, parent) => identifierFault((parent as { scheme?: unknown } | null)?.scheme, value),
  mail: (value) =>
    typeof value === 'string' && value.length <= 256 && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value)
      ? undefined
      : 'must be a mail address',
  object: (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'must be an object',
  extensions,
  absent: () => 'is a sensitive group: refused until encryption keys are configured',
} satisfies Record<string, Check>;

export type CheckName = keyof typeof CHECKS;

/** JSON Schema of the values that a check accepts, as far as JSON Schema can say it; `x-check` says the rest. */
export const CHECK_SCHEMAS: Record<CheckName, Record<string, unknown>> = {
  code: { type: 'string', minLength: 1, maxLength: 128 },
  label: { type: 'string', minLength: 1, maxLength: 512 },
  note: { type: 'string', minLength: 1, maxLength: 4096 },
  day: { type: 'string', format: 'date' },
  instant: { type: 'string', format: 'date-time' },
  masterId: { type: 'string', format: 'uuid' },
  reference: { type: 'string', pattern: '^[a-z][a-z0-9-]*:.+$' },
  country: { type: 'string', pattern: '^[A-Z]{2}$' },
  identifier: { type: 'string', minLength: 1, maxLength: 128 },
  mail: { type: 'string', format: 'email', maxLength: 256 },
  object: { type: 'object' },
  extensions: { type: 'object' },
  absent: { not: {} },
};

/**
 * Path of the first text that PostgreSQL cannot store (a NUL character, half of a surrogate pair), or undefined.
 * `json` is `JSON.stringify(value)`: most values are cleared by one look at it.
 */
export function unstorable(value: unknown, json = JSON.stringify(value)): string | undefined {
  return /\\u(0000|d[89a-f])/.test(json) ? find(value, '') : undefined;
}

function find(value: unknown, path: string): string | undefined {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    if (key.includes('\0') || !key.isWellFormed()) return path;
    const found = find(child, Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
