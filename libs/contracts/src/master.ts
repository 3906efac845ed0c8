import { Person } from './person.js';
import { Structure } from './structure.js';
import { ThirdParty } from './third-party.js';

export const ENTITIES = ['person', 'structure', 'third-party'] as const;
/** The three kinds of master record. */
export type Entity = (typeof ENTITIES)[number];

export const STATUSES = ['active', 'inactive', 'merged', 'deleted', 'erased'] as const;
/** Lifecycle of a master record; every fact of it is in the state, nothing is inferred from absence. */
export type Status = (typeof STATUSES)[number];

/** What the hub itself says of a master record, beside the pivot attributes. */
export interface MasterFields {
  /** Master id: UUIDv7, minted by the referential only. */
  id: string;
  status: Status;
  /** The record that took over, when `status` is `merged`. */
  survivor?: string;
  /** Short name for people, beside the id (`P-00K4J-8`). */
  number?: string;
  /** Last day, in Europe/Paris, on which something in the state began or had ended: from then on it is as it stands. */
  effectiveFrom?: string;
  /** Which of its roles are held on that day, by the name of the role. */
  roleStates?: Record<string, RoleState>;
}

export const ROLE_STATES = ['active', 'inactive'] as const;
export type RoleState = (typeof ROLE_STATES)[number];

/** The attributes of a state that follow from the others and from the day: no source says them. */
export const DERIVED = ['effectiveFrom', 'roleStates'] as const;

/** The pivot class of each entity: what a source asserts. */
export const PIVOT = { person: Person, structure: Structure, 'third-party': ThirdParty } as const;

export interface PivotOf {
  person: Person;
  structure: Structure;
  'third-party': ThirdParty;
}

/** The golden state of a master record: what a referential topic carries. */
export type Master<E extends Entity = Entity> = MasterFields & PivotOf[E];

/** The names by which other records may refer to this one (`scheme:value`), beside `hub:<id>`: its identifiers and a structure's code. */
export function referenceKeys(state: { identifiers?: unknown; code?: unknown }): string[] {
  const identifiers = (state.identifiers ?? []) as { scheme: string; value: string }[];
  const keys = identifiers.map(({ scheme, value }) => `${scheme}:${value}`);
  return typeof state.code === 'string' ? [...new Set([...keys, `code:${state.code}`])] : keys;
}
