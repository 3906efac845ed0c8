import type { Period } from '../src/golden/days.js';
import type { Rules } from '../src/golden/golden.js';
import { survivorship, type SurvivorshipFile } from '../src/golden/survivorship.js';
import type { Attributes } from '../src/tables.js';

/** The role periods of a person whose roles have days of their own. */
export const rolePeriods = (state: Attributes) => (state['roles'] ?? {}) as Record<string, readonly Period[]>;

/** Rules of a day: unless a file says otherwise, the hub comes first and all others alike. */
export const rulesOn = (day: string, file: SurvivorshipFile = { groups: {} }): Rules => ({
  ...{ day, roles: rolePeriods, survivorship: survivorship(file) },
});
