import { hash } from 'node:crypto';
import { ENTITIES, EXTENSION_NAME, type Entity } from '@myelin/contracts';
import type { Setting } from '@myelin/platform';
import { addressOf, isReachable, networks, type Reach } from './hook.address.js';
import { isPathOf } from './hook.grants.js';

/** What follows when a hook gives no answer: the record is mapped with an earlier one or without, waits for it, or is parked. */
const POLICIES = ['skip', 'wait', 'park'] as const;
export type Policy = (typeof POLICIES)[number];

const SHORTEST_MS = 100;
/** Together with the last start of a call within its batch, less than what a claim leaves before its first delivery. */
const LONGEST_MS = 3000;
const USUAL_MS = 2000;
const SHORTEST_SECRET = 32;

/** The web service of an establishment that enriches the records of one kind. */
export interface HookSettings extends Reach {
  readonly entity: Entity;
  /** The only part of `extensions` that it may fill. */
  readonly namespace: string;
  /** Paths of what it receives of a record. */
  readonly fields: readonly string[];
  /** For a call as a whole. */
  readonly timeoutMs: number;
  readonly onFailure: Policy;
  /** Another one where other answers must be expected. */
  readonly version: string;
}

/** `HOOK`: JSON, one object per kind of record. */
export const hookSetting: Setting<readonly HookSettings[]> = {
  parse: readHooks,
  default: { value: [] },
  requires: 'HOOK_SECRET',
  // A URL may hold a key.
  secret: true,
};

/** `HOOK_SECRET`: under which questions are signed. */
export const hookSecret: Setting<string | undefined> = {
  parse: (value) => {
    if (value.length < SHORTEST_SECRET) throw new Error(`must have at least ${SHORTEST_SECRET} characters`);
    return value;
  },
  default: { value: undefined },
  secret: true,
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readHooks(text: string): HookSettings[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Error('must be JSON');
  }
  if (!isObject(given)) throw new Error('must be an object with a hook for each kind of record');
  const faults: string[] = [];
  const hooks = Object.entries(given).flatMap(([entity, hook]) => {
    if (!isEntity(entity)) faults.push(`must be about ${ENTITIES.join(', ')} only`);
    else if (!isObject(hook)) faults.push(`${entity} must be an object`);
    else return [readHook(entity, hook, (field, fault) => void faults.push(`${entity}.${field} ${fault}`))];
    return [];
  });
  if (faults.length > 0) throw new Error(faults.join('; '));
  return hooks;
}

const isEntity = (name: string): name is Entity => (ENTITIES as readonly string[]).includes(name);
const NAMES = ['url', 'namespace', 'fields', 'timeoutMs', 'onFailure', 'allow'];

/** Reads one hook; what it answers is right where no fault was told. */
function readHook(
  entity: Entity,
  given: Record<string, unknown>,
  fault: (field: string, fault: string) => void,
): HookSettings {
  const { namespace, fields, timeoutMs = USUAL_MS, onFailure, allow = [] } = given;
  for (const name of Object.keys(given)) if (!NAMES.includes(name)) fault(name, 'is no setting of a hook');
  if (typeof namespace !== 'string' || !EXTENSION_NAME.test(namespace)) {
    fault('namespace', 'must be the name of an extension (camelCase, at most 64 characters)');
  }
  const paths = isTexts(fields) ? fields : [];
  if (paths.length === 0) fault('fields', 'must be a list of paths');
  for (const [index, path] of paths.entries()) {
    if (!isPathOf(entity, path)) fault(`fields[${index}]`, `names nothing that a ${entity} can have`);
  }
  const isTime = Number.isInteger(timeoutMs) && Number(timeoutMs) >= SHORTEST_MS && Number(timeoutMs) <= LONGEST_MS;
  if (!isTime) fault('timeoutMs', `must be a whole number from ${SHORTEST_MS} to ${LONGEST_MS}`);
  if (!(POLICIES as readonly unknown[]).includes(onFailure))
    fault('onFailure', `must be one of ${POLICIES.join(', ')}`);
  const reach = readReach(given.url, allow, fault);
  return {
    ...{ ...reach, entity, fields: paths, namespace: String(namespace), timeoutMs: Number(timeoutMs) },
    onFailure: onFailure as Policy,
    version: hash('sha256', JSON.stringify([reach.url.href, namespace, [...paths].sort()])).slice(0, 12),
  };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

const NOWHERE = new URL('https://nowhere.invalid');

function readReach(url: unknown, allow: unknown, fault: (field: string, fault: string) => void): Reach {
  const reach = { url: NOWHERE, allow: networks([]) };
  try {
    if (!isTexts(allow)) throw new Error('must be a list of networks');
    reach.allow = networks(allow);
  } catch (error) {
    fault('allow', (error as Error).message);
    return reach;
  }
  if (typeof url !== 'string' || !/^https?:/i.test(url) || !URL.canParse(url)) {
    fault('url', 'must be an https URL');
    return reach;
  }
  reach.url = new URL(url);
  const address = addressOf(reach.url);
  if (reach.url.username !== '' || reach.url.password !== '') fault('url', 'must hold no user and no password');
  else if (reach.url.protocol === 'http:' && isTexts(allow) && allow.length === 0) {
    fault('url', 'must be an https URL: http is for addresses within allow');
  } else if (address !== undefined && !isReachable(address, reach))
    fault('url', 'is at an address that is not allowed');
  return reach;
}
