import type { ReferentialDefinition } from '@myelin/referential';

const PRIORITY = ['hub', 'siham', 'pegase', 'apogee'];

/** The Structure referential: establishments, components, doctoral schools, laboratories. */
export const structure = {
  entity: 'structure',
  path: 'structures',
  title: 'Structure referential',
  letter: 'S',
  roleNames: [],
  roles: () => ({}),
  survivorship: {
    groups: {
      names: {
        attributes: ['code', 'shortLabel', 'longLabel', 'displayLabel', 'names', 'type', 'from', 'to'],
        priority: PRIORITY,
      },
      hierarchy: { attributes: ['parents'], priority: PRIORITY },
      contacts: { attributes: ['contacts', 'addresses'], priority: PRIORITY },
    },
  },
} as const satisfies ReferentialDefinition;
