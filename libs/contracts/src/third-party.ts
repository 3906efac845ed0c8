import { IsBoolean, IsIn } from 'class-validator';
import { Checked, NestedList, Optional } from './decorators.js';
import { BankAccount, Contact, Identifier, PostalAddress, Validity } from './parts.js';

export const THIRD_PARTY_ROLES = ['customer', 'supplier', 'researchPartner'] as const;

/** What a third party is to the establishment; it may be several things at once. */
export class ThirdPartyRole extends Validity {
  @IsIn(THIRD_PARTY_ROLES)
  kind: (typeof THIRD_PARTY_ROLES)[number];

  /** Structure of ours that it works with. */
  @Optional()
  @Checked('reference')
  structure?: string | null;
}

/** What a third party is called over a period; on those days it takes the place of the other names. */
export class ThirdPartyName extends Validity {
  @Optional()
  @Checked('label')
  legalName?: string;

  @Optional()
  @Checked('label')
  acronym?: string | null;
}

/** Pivot model of a third party: a company, another legal entity or an individual one trades with. */
export class ThirdParty {
  @IsIn(['organisation', 'individual'])
  kind: 'organisation' | 'individual';

  /** Name in the registry; for an individual, family name and given names. */
  @Checked('label')
  legalName: string;

  @Optional()
  @Checked('label')
  acronym?: string | null;

  /** Names that change on a day. */
  @Optional()
  @NestedList(() => ThirdPartyName)
  names?: ThirdPartyName[] | null;

  /** INSEE legal category, 4 digits, or the label when the code is unknown. */
  @Optional()
  @Checked('label')
  legalForm?: string | null;

  @Optional()
  @NestedList(() => Identifier)
  identifiers?: Identifier[] | null;

  @Optional()
  @NestedList(() => Contact)
  contacts?: Contact[] | null;

  @Optional()
  @NestedList(() => PostalAddress)
  addresses?: PostalAddress[] | null;

  @Optional()
  @NestedList(() => ThirdPartyRole)
  roles?: ThirdPartyRole[] | null;

  /** True stops new postings. */
  @Optional()
  @IsBoolean()
  blocked?: boolean | null;

  @Checked('absent')
  @Optional()
  bankAccounts?: BankAccount[];

  @Optional()
  @Checked('extensions')
  extensions?: Record<string, unknown> | null;
}
