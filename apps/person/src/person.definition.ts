import type { ReferentialDefinition } from '@myelin/referential';
import { rolePeriods } from './person.roles.js';

/** HR knows staff best, the student systems know learners best; the newer student system comes before the older one. */
const STAFF_FIRST = ['hub', 'siham', 'pegase', 'apogee'];
const LEARNERS_FIRST = ['hub', 'pegase', 'apogee', 'siham'];

/** The Personne referential: staff, externals, learners. */
export const person = {
  entity: 'person',
  path: 'persons',
  title: 'Person referential',
  letter: 'P',
  roleNames: ['resource', 'external', 'learner'],
  roles: rolePeriods,
  survivorship: {
    roles: ['resource', 'external', 'learner'],
    groups: {
      names: {
        attributes: ['birthName', 'usageName', 'givenNames', 'usageGivenName', 'names'],
        priority: STAFF_FIRST,
        priorityOf: { learner: LEARNERS_FIRST },
      },
      civilStatus: {
        attributes: ['civility', 'sex', 'birth', 'nationalities', 'deathDate'],
        priority: STAFF_FIRST,
        priorityOf: { learner: LEARNERS_FIRST },
      },
      contacts: {
        attributes: ['contacts', 'addresses'],
        priority: STAFF_FIRST,
        priorityOf: { learner: LEARNERS_FIRST },
      },
      listing: { attributes: ['listing'], priority: STAFF_FIRST, priorityOf: { learner: LEARNERS_FIRST } },
      bankAccounts: { attributes: ['bankAccounts'], priority: STAFF_FIRST },
      staff: { attributes: ['roles.resource'], priority: STAFF_FIRST },
      externals: { attributes: ['roles.external'], priority: STAFF_FIRST },
      learners: { attributes: ['roles.learner'], priority: LEARNERS_FIRST },
    },
    owners: { siham: ['roles.resource'], apogee: ['roles.learner'], pegase: ['roles.learner'] },
  },
} as const satisfies ReferentialDefinition;
