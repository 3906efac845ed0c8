import type { Contact, Master } from '@myelin/contracts';
import type { Identifying } from './entry.js';
import { isValidOn } from './supann/days.js';
import type { EntryDraft } from './supann/draft.js';
import type { AttributeName } from './supann/schema.js';
import { tidy } from './supann/syntax.js';
import { transliterate } from './supann/transliterate.js';
import { postalAddress } from './supann/values.js';

/** Family name and given name in use. */
export function usageNames({ usageName, birthName, usageGivenName, givenNames }: Master<'person'>) {
  return {
    familyName: tidy(usageName ?? birthName),
    givenName: tidy(usageGivenName ?? givenNames[0] ?? '') || undefined,
  };
}

/** Writes names, civility and listing (SupAnn, attributes cn, displayName, supannCivilite, supannListeRouge). */
export function writeIdentity(draft: EntryDraft, master: Master<'person'>): void {
  const { familyName, givenName } = usageNames(master);
  const family = master.usageName == null ? 'birthName' : 'usageName';
  const given = master.usageGivenName == null ? 'givenNames[0]' : 'usageGivenName';
  draft.add('sn', familyName, family);
  draft.add('givenName', givenName, given);
  draft.add('displayName', givenName === undefined ? familyName : `${givenName} ${familyName}`, family);
  draft.add('cn', transliterate(givenName === undefined ? familyName : `${familyName} ${givenName}`), family);
  if (master.civility != null) draft.add('supannCivilite', master.civility === 'M' ? 'M.' : 'Mme', 'civility');
  draft.add('supannListeRouge', master.listing === 'private' ? 'TRUE' : 'FALSE', 'listing');
}

/** INSEE codes of the countries that the connector knows. */
const COUNTRY_CODES: Readonly<Record<string, string>> = { FR: '99100' };
const GENDERS = { F: 'female', M: 'male', X: 'other' } as const;

/** Writes the civil status (SupAnn, attributes of FranceConnect in supannPerson). */
export function writeBirth(draft: EntryDraft, { birthName, givenNames, sex, birth }: Master<'person'>): void {
  draft.add('supannNomDeNaissance', birthName, 'birthName');
  draft.add('supannPrenomsEtatCivil', givenNames.join(' '), 'givenNames');
  if (sex != null) draft.add('supannOIDCGenre', GENDERS[sex], 'sex');
  draft.add('supannOIDCDateDeNaissance', birth?.date, 'birth.date');
  draft.add('supannCodeINSEEVilleDeNaissance', birth?.townCode, 'birth.townCode');
  if (birth?.country == null) return;
  const code = COUNTRY_CODES[birth.country];
  if (code === undefined) draft.refuse('birth.country', 'has no INSEE code here');
  draft.add('supannCodeINSEEPaysDeNaissance', code, 'birth.country');
}

const CONTACTS: Readonly<Record<Contact['kind'], (value: string) => readonly [AttributeName, string][]>> = {
  workMail: (value) => [['mail', value]],
  privateMail: (value) => [
    ['supannMailPrive', `{PERSO}${value}`],
    ['supannMailPerso', value],
  ],
  workPhone: (value) => [['telephoneNumber', value]],
  workMobile: (value) => [['mobile', value]],
  workFax: (value) => [['facsimileTelephoneNumber', value]],
  privatePhone: (value) => [['supannTelephonePrive', `{FIXEPERSO}${value}`]],
  privateMobile: (value) => [['supannTelephonePrive', `{MOBPERSO}${value}`]],
  website: (value) => [['labeledURI', value]],
};

/** Writes mails, phones, sites and addresses that are valid on that day (SupAnn, supannMailPrive and its like). */
export function writeContacts(draft: EntryDraft, { contacts, addresses }: Master<'person'>, today: string): void {
  contacts?.forEach((contact, i) => {
    if (!isValidOn(today, contact)) return;
    const values = CONTACTS[contact.kind](tidy(contact.value));
    for (const [attribute, value] of values) draft.add(attribute, value, `contacts[${i}].value`);
  });
  addresses?.forEach((address, i) => {
    const text = postalAddress(address);
    if (!isValidOn(today, address) || text === '') return;
    if (address.kind === 'work') draft.add('postalAddress', text, `addresses[${i}]`);
    const label = { home: 'PERSO', term: 'TEMP', work: undefined, billing: undefined, site: undefined }[address.kind];
    if (label !== undefined) draft.addLabelled('supannAdressePostalePrivee', label, text, `addresses[${i}]`);
  });
}

/** Identifiers that have an attribute of their own. */
const OWN_ATTRIBUTES: Readonly<Record<string, AttributeName>> = {
  siham: 'supannEmpId',
  apogee: 'supannEtuId',
  pegase: 'supannEtuId',
  ine: 'supannCodeINE',
};

const ORCID = /^https?:\/\/orcid\.org\//i;

/** The identifiers that attributes of their own stand for; a student number does not say which application gave it. */
export const PERSON_IDENTIFIERS: Identifying = {
  supannEmpId: (value) => [`siham:${value}`],
  supannEtuId: (value) => [`apogee:${value}`, `pegase:${value}`],
  supannCodeINE: (value) => [`ine:${value}`],
  eduPersonOrcid: (value) => [`orcid:${value.replace(ORCID, '')}`],
};

/** Writes the identifiers that SupAnn has an attribute for; `writeRefIds` takes the others. */
export function writeIdentifiers(draft: EntryDraft, { identifiers }: Master<'person'>, today: string): void {
  identifiers?.forEach((identifier, i) => {
    if (!isValidOn(today, identifier)) return;
    const field = `identifiers[${i}].value`;
    const attribute = OWN_ATTRIBUTES[identifier.scheme];
    if (attribute !== undefined) draft.add(attribute, identifier.value, field);
    if (identifier.scheme === 'orcid') draft.add('eduPersonOrcid', `https://orcid.org/${identifier.value}`, field);
  });
}
