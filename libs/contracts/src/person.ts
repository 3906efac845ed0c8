import { IsIn, IsInt, IsNumber, Max, Min } from 'class-validator';
import { Checked, CheckedList, Nested, NestedList, Optional } from './decorators.js';
import { BankAccount, Contact, Identifier, PostalAddress, Validity } from './parts.js';

/** Where and when a person was born. */
export class Birth {
  @Optional()
  @Checked('day')
  date?: string | null;

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

/** A place in a structure; the one with the highest quota is the main one. */
export class Affectation extends Validity {
  @Checked('reference')
  structure: string;

  /** Share of the working time, in percent. */
  @Optional()
  @IsNumber()
  @Min(0)
  @Max(100)
  quota?: number | null;
}

/** A responsibility held in a structure: SUPANN generic role (`D30` = director). */
export class StructureFunction extends Validity {
  @Checked('code')
  code: string;

  @Checked('reference')
  structure: string;
}

/** A step of a career: corps (NCORPS), grade, branch (BAP), CNU section, REFERENS job. */
export class CareerStep extends Validity {
  @Optional()
  @Checked('code')
  corps?: string | null;

  @Optional()
  @Checked('code')
  grade?: string | null;

  @Optional()
  @Checked('code')
  bap?: string | null;

  @Optional()
  @Checked('code')
  cnu?: string | null;

  @Optional()
  @Checked('code')
  referens?: string | null;
}

/** Staff, or hosted with an activity. */
export class ResourceRole extends Validity {
  /** SUPANN population code without its label (`RGPFT`). */
  @Checked('code')
  population: string;

  @Optional()
  @NestedList(() => Affectation)
  affectations?: Affectation[] | null;

  @Optional()
  @NestedList(() => StructureFunction)
  functions?: StructureFunction[] | null;

  @Optional()
  @NestedList(() => CareerStep)
  career?: CareerStep[] | null;
}

/** Entered locally, without an HR record: provider, guest, hosted researcher. */
export class ExternalRole extends Validity {
  /** SUPANN population code without its label (`PXSS`). */
  @Checked('code')
  population: string;

  @Checked('reference')
  structure: string;

  /** Establishment or company that employs the person (`siret:…`, `uai:…`). */
  @Optional()
  @Checked('reference')
  employer?: string | null;

  /** Person who answers for the external (`siham:…`, `hub:…`). */
  @Optional()
  @Checked('reference')
  sponsor?: string | null;
}

/** One registration in a course for one academic year. Codes are SISE codes without their label. */
export class Enrolment extends Validity {
  /** First calendar year of the academic year. */
  @IsInt()
  @Min(1900)
  @Max(2999)
  year: number;

  /** SUPANN population code without its label (`AGEI`). */
  @Checked('code')
  population: string;

  @Optional()
  @Checked('reference')
  structure?: string | null;

  @Optional()
  @Checked('code')
  diploma?: string | null;

  @Optional()
  @Checked('code')
  diplomaType?: string | null;

  /** Year in the course: L1-3, M1-2, D1-9, X. */
  @Optional()
  @Checked('code')
  courseYear?: string | null;

  @Optional()
  @Checked('code')
  discipline?: string | null;

  @Optional()
  @Checked('code')
  regime?: string | null;

  /** Code of the stage of the course in the student system. */
  @Optional()
  @Checked('code')
  stage?: string | null;

  @Optional()
  @CheckedList('code')
  courseUnits?: string[] | null;
}

/** A learner: student, doctoral student, trainee. */
export class LearnerRole extends Validity {
  @Optional()
  @NestedList(() => Enrolment)
  enrolments?: Enrolment[] | null;
}

/** What a person is to the establishment; one person may hold several roles at once. */
export class Roles {
  @Optional()
  @NestedList(() => ResourceRole)
  resource?: ResourceRole[] | null;

  @Optional()
  @NestedList(() => ExternalRole)
  external?: ExternalRole[] | null;

  @Optional()
  @NestedList(() => LearnerRole)
  learner?: LearnerRole[] | null;
}

export const CIVILITIES = ['M', 'MME'] as const;
export const SEXES = ['F', 'M', 'X'] as const;

/** The names that a person bears over a period; on those days they take the place of the others. */
export class PersonName extends Validity {
  @Optional()
  @Checked('label')
  birthName?: string;

  @Optional()
  @Checked('label')
  usageName?: string | null;

  @Optional()
  @CheckedList('label')
  givenNames?: string[];

  @Optional()
  @Checked('label')
  usageGivenName?: string | null;
}

/** Pivot model of a person: what a source asserts and what the golden record holds. */
export class Person {
  @Checked('label')
  birthName: string;

  @Optional()
  @Checked('label')
  usageName?: string | null;

  /** In the order of the civil status. */
  @CheckedList('label')
  givenNames: string[];

  /** The given name in daily use, when it is not the first one. */
  @Optional()
  @Checked('label')
  usageGivenName?: string | null;

  /** Names that change on a day. */
  @Optional()
  @NestedList(() => PersonName)
  names?: PersonName[] | null;

  @Optional()
  @IsIn(CIVILITIES)
  civility?: (typeof CIVILITIES)[number] | null;

  @Optional()
  @IsIn(SEXES)
  sex?: (typeof SEXES)[number] | null;

  @Optional()
  @Nested(() => Birth)
  birth?: Birth | null;

  @Optional()
  @CheckedList('country')
  nationalities?: string[] | null;

  @Optional()
  @Checked('day')
  deathDate?: string | null;

  @Optional()
  @NestedList(() => Identifier)
  identifiers?: Identifier[] | null;

  @Optional()
  @NestedList(() => Contact)
  contacts?: Contact[] | null;

  @Optional()
  @NestedList(() => PostalAddress)
  addresses?: PostalAddress[] | null;

  /** `private` keeps the person out of white pages. */
  @Optional()
  @IsIn(['public', 'private'])
  listing?: 'public' | 'private' | null;

  @Optional()
  @Nested(() => Roles)
  roles?: Roles | null;

  @Checked('absent')
  @Optional()
  bankAccounts?: BankAccount[];

  @Optional()
  @Checked('extensions')
  extensions?: Record<string, unknown> | null;
}
