import type { ThirdParty } from '@myelin/contracts';
import type { ReferentialDefinition } from '@myelin/referential';

const PRIORITY = ['hub', 'sifac'];

/** The Tiers referential: companies and other legal entities. */
export const thirdParty = {
  entity: 'third-party',
  path: 'third-parties',
  title: 'Third-party referential',
  letter: 'T',
  roleNames: ['customer', 'supplier', 'researchPartner'],
  roles: ({ roles }: Pick<ThirdParty, 'roles'>) => Object.fromEntries(Map.groupBy(roles ?? [], ({ kind }) => kind)),
  survivorship: {
    groups: {
      names: { attributes: ['kind', 'legalName', 'acronym', 'legalForm', 'names'], priority: PRIORITY },
      contacts: { attributes: ['contacts', 'addresses'], priority: PRIORITY },
      roles: { attributes: ['roles'], priority: PRIORITY },
      accounting: { attributes: ['blocked', 'bankAccounts'], priority: ['sifac', 'hub'] },
    },
  },
} as const satisfies ReferentialDefinition;
