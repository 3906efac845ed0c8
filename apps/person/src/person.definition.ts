import type { ReferentialDefinition } from '@myelin/referential';

/** The Personne referential: staff, externals, learners. */
export const person = {
  entity: 'person',
  path: 'persons',
  title: 'Person referential',
} as const satisfies ReferentialDefinition;
