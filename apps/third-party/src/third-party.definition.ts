import type { ReferentialDefinition } from '@myelin/referential';

/** The Tiers referential: companies and other legal entities. */
export const thirdParty = {
  entity: 'third-party',
  path: 'third-parties',
  title: 'Third-party referential',
} as const satisfies ReferentialDefinition;
