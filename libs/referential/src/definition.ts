import { PIVOT, type Entity } from '@myelin/contracts';
import type { RolePeriods } from './golden/effective.js';
import type { SurvivorshipFile } from './golden/survivorship.js';

/** What distinguishes one referential from another: the engine is the same. */
export interface ReferentialDefinition {
  readonly entity: Entity;
  /** First segment of its resources (`persons`). */
  readonly path: string;
  /** Title of its API page. */
  readonly title: string;
  /** Letter with which the short names of its records begin (`P`). */
  readonly letter: string;
  /** The roles that a record can hold; each has an index. */
  readonly roleNames: readonly string[];
  /** When a record holds which role. */
  readonly roles: RolePeriods;
  /** The survivorship rules that hold unless the establishment names others. */
  readonly survivorship: SurvivorshipFile;
}

/** Name of the contract class in the API description. */
export const pivotName = (definition: ReferentialDefinition): string => PIVOT[definition.entity].name;
