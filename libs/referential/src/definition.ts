import { PIVOT, type Entity } from '@myelin/contracts';

/** What distinguishes one referential from another: the engine is the same. */
export interface ReferentialDefinition {
  readonly entity: Entity;
  /** First segment of its resources (`persons`). */
  readonly path: string;
  /** Title of its API page. */
  readonly title: string;
}

/** Name of the contract class in the API description. */
export const pivotName = (definition: ReferentialDefinition): string => PIVOT[definition.entity].name;
