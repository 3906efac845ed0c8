import type { ReferentialDefinition } from '@myelin/referential';

/** The Structure referential: establishments, components, doctoral schools, laboratories. */
export const structure = {
  entity: 'structure',
  path: 'structures',
  title: 'Structure referential',
} as const satisfies ReferentialDefinition;
