import type { Mapped, Overlaid, Overlayable, RowValue, Shaped } from '@myelin/connector';
import { canonicalDn } from './canonical-dn.js';
import type { EntryKind } from './entry.js';
import type { EntryStore } from './entry.store.js';
import { EntryDraft } from './supann/draft.js';
import { attributeType, knownAttributes, type AttributeName } from './supann/schema.js';

/** What names, finds or closes an entry, or belongs to the connector by single values. */
const OWN = ['rdn', 'objectClass', 'supannRefId', 'supannRessourceEtat', 'supannRessourceEtatDate'];
/** What the directory keeps by itself (RFC 4512 §3.4, RFC 4530, RFC 5020, password policies, memberOf). */
const OPERATIONAL =
  /^(createTimestamp|creatorsName|modifyTimestamp|modifiersName|structuralObjectClass|governingStructureRule|subschemaSubentry|collectiveAttributeSubentries|collectiveExclusions|entry(UUID|CSN|DN|TTL)|contextCSN|(has|num|all)?Subordinates|memberOf|pwd[a-z]+)$/i;
/** What is no text, or nobody may read back. */
const NO_TEXT = /^(userPassword|jpegPhoto|photo|audio|userCertificate|cACertificate|userSMIMECertificate|userPKCS12)$/i;
/** Other names of attributes (RFC 4519, RFC 4524, RFC 2798): the directory answers with the first one. */
const ALIASES: Readonly<Record<string, string>> = {
  ...{ commonname: 'cn', surname: 'sn', gn: 'givenName', userid: 'uid', rfc822mailbox: 'mail' },
  ...{ mobiletelephonenumber: 'mobile', fax: 'facsimileTelephoneNumber', organizationname: 'o' },
  ...{ organizationalunitname: 'ou', countryname: 'c', localityname: 'l', stateorprovincename: 'st' },
  ...{ streetaddress: 'street', hometelephonenumber: 'homePhone', pagertelephonenumber: 'pager' },
  ...{ domaincomponent: 'dc', favouritedrink: 'drink', friendlycountryname: 'co' },
};
const SPELLINGS = new Map(knownAttributes().map((name) => [name.toLowerCase(), name]));

/** What an establishment changes in the entries of one kind: any attribute that the directory's schema lets them have. */
export class EntryOverlay implements Overlayable {
  private classes: readonly string[] = [];

  /** `required` are attributes without which the schema lets no entry stand. */
  constructor(
    private readonly kind: EntryKind,
    private readonly entries: EntryStore,
    private readonly required: readonly AttributeName[],
  ) {}

  refuse(name: string, as: 'set' | 'drop' | 'class'): string | undefined {
    const lower = name.toLowerCase();
    const isAmong = (names: readonly string[]) => names.some((one) => one.toLowerCase() === lower);
    // Options (`;lang-fr`) and numbers are other ways to write to an attribute.
    if (!/^[a-z][a-z0-9-]*$/.test(lower)) return 'is no name that a schema has';
    if (as === 'class') return isAmong(this.kind.classes) ? 'is given by the mapping' : undefined;
    if (isAmong([...OWN, this.kind.naming])) return 'names, finds or closes the entry: the mapping alone sets it';
    if (OPERATIONAL.test(name)) return 'is kept by the directory itself';
    if (NO_TEXT.test(name)) return 'holds no text that can be read back';
    const known = ALIASES[lower] ?? SPELLINGS.get(lower) ?? name;
    if (known !== name) return `is called ${known}`;
    if (as === 'drop' && !isAmong(this.kind.attributes)) return 'is none that the mapping writes';
    if (as === 'drop' && isAmong(this.required)) return 'is required in every entry';
    return undefined;
  }

  own({ attributes, classes }: Overlaid): void {
    this.classes = classes;
    this.entries.own({ attributes, classes });
  }

  shape(attribute: string, value: RowValue): Shaped {
    // The draft knows what every name may hold.
    const name = attribute as AttributeName;
    const draft = new EntryDraft();
    for (const one of Array.isArray(value) ? (value as readonly RowValue[]) : [value]) {
      const text = textOf(one);
      if (text === undefined) draft.refuse('', 'must be a text, a number, true or false, or a list of those');
      else draft.add(name, attributeType(name).syntax === 'dn' ? canonical(text) : text, '');
    }
    const { row, unrepresentable } = draft.mapped('', [], undefined);
    const shaped = row[attribute];
    return {
      ...(shaped !== undefined && { value: shaped }),
      ...(unrepresentable && { unrepresentable: unrepresentable.map(({ message }) => message) }),
    };
  }

  /** Gives a mapped entry the classes of the overlay. */
  classed<M extends Mapped | null>(mapped: M): M | Mapped {
    if (mapped === null || this.classes.length === 0) return mapped;
    const { objectClass } = mapped.row as { objectClass: readonly string[] };
    return { ...mapped, row: { ...mapped.row, objectClass: [...objectClass, ...this.classes].sort() } };
  }
}

function textOf(value: RowValue): string | undefined {
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/** The name in the spelling in which entries are read; one that cannot be parsed is left to the draft to refuse. */
function canonical(dn: string): string {
  try {
    return canonicalDn(dn);
  } catch {
    return dn;
  }
}
