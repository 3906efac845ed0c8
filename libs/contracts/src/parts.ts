import { IsIn } from 'class-validator';
import { Checked, CheckedList, Optional } from './decorators.js';

/** A first and a last day, both included; null or absent = open. */
export class Validity {
  @Optional()
  @Checked('day')
  from?: string | null;

  @Optional()
  @Checked('day')
  to?: string | null;
}

/** What an application or a national registry calls the record: unique by (scheme, value). */
export class Identifier extends Validity {
  /** A name of `IDENTIFIER_SCHEMES`, or `x-…` for a scheme of the establishment. */
  @Checked('code')
  scheme: string;

  @Checked('identifier')
  value: string;

  /** Establishment or application that gave it, as a reference, where the scheme does not say. */
  @Optional()
  @Checked('reference')
  issuer?: string | null;
}

export const CONTACT_KINDS = [
  'workMail',
  'privateMail',
  'workPhone',
  'workMobile',
  'workFax',
  'privatePhone',
  'privateMobile',
  'website',
] as const;

/** A way to reach the record; phones in international form with spaces (`+33 1 …`). */
export class Contact extends Validity {
  @IsIn(CONTACT_KINDS)
  kind: (typeof CONTACT_KINDS)[number];

  @Checked('label')
  value: string;
}

export const ADDRESS_KINDS = ['work', 'home', 'term', 'billing', 'site'] as const;

/** A postal address; `lines` hold what stands before the postcode. */
export class PostalAddress extends Validity {
  @IsIn(ADDRESS_KINDS)
  kind: (typeof ADDRESS_KINDS)[number];

  @Optional()
  @CheckedList('label')
  lines?: string[] | null;

  @Optional()
  @Checked('code')
  postcode?: string | null;

  @Optional()
  @Checked('label')
  town?: string | null;

  /** INSEE code of the town (5 characters, Corsica 2A/2B). */
  @Optional()
  @Checked('code')
  townCode?: string | null;

  @Optional()
  @Checked('country')
  country?: string | null;
}

/** An account held at a bank. Sensitive group: leaves only encrypted or masked. */
export class BankAccount extends Validity {
  @Checked('code')
  iban: string;

  @Optional()
  @Checked('code')
  bic?: string | null;

  @Optional()
  @Checked('label')
  holder?: string | null;
}
