import { IsIn } from 'class-validator';
import { Checked, NestedList, Optional } from './decorators.js';
import { Contact, Identifier, PostalAddress, Validity } from './parts.js';

export const STRUCTURE_LINKS = ['hierarchy', 'supervision', 'accreditation'] as const;

/** A structure above this one. A structure may have several parents of several kinds. */
export class ParentLink extends Validity {
  @IsIn(STRUCTURE_LINKS)
  kind: (typeof STRUCTURE_LINKS)[number];

  @Checked('reference')
  structure: string;
}

/** What a structure is called over a period; on those days it takes the place of the other labels. */
export class StructureName extends Validity {
  @Optional()
  @Checked('label')
  shortLabel?: string;

  @Optional()
  @Checked('label')
  longLabel?: string;

  @Optional()
  @Checked('label')
  displayLabel?: string | null;
}

/** Pivot model of a structure: establishment, component, service, doctoral school, laboratory. */
export class Structure extends Validity {
  /** Code of the structure in the establishment, also an identifier of scheme `code`. */
  @Checked('code')
  code: string;

  @Checked('label')
  shortLabel: string;

  @Checked('label')
  longLabel: string;

  @Optional()
  @Checked('label')
  displayLabel?: string | null;

  /** Labels that change on a day. */
  @Optional()
  @NestedList(() => StructureName)
  names?: StructureName[] | null;

  /** SUPANN entity type without its label (`S203` = laboratory). */
  @Checked('code')
  type: string;

  @Optional()
  @NestedList(() => Identifier)
  identifiers?: Identifier[] | null;

  @Optional()
  @NestedList(() => ParentLink)
  parents?: ParentLink[] | null;

  @Optional()
  @NestedList(() => Contact)
  contacts?: Contact[] | null;

  @Optional()
  @NestedList(() => PostalAddress)
  addresses?: PostalAddress[] | null;

  @Optional()
  @Checked('extensions')
  extensions?: Record<string, unknown> | null;
}
