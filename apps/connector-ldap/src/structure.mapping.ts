import { Rejected, type MapContext, type Mapped, type Reference } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import type { DirectorySettings } from './ldap.settings.js';
import { rdn } from './ldap/dn.js';
import { writeRefIds } from './ref-ids.js';
import { isValidOn, nextChange } from './supann/days.js';
import { EntryDraft } from './supann/draft.js';
import { nomenclatureLabel, postalAddress } from './supann/values.js';

/** Object classes of a component, a service, a laboratory (SupAnn, structures). */
export const UNIT_CLASSES = ['organizationalUnit', 'supannEntite'] as const;
/** Object classes of an establishment. */
export const ESTABLISHMENT_CLASSES = ['organization', 'supannEntite', 'supannOrg', 'eduOrg'] as const;

// What SupAnn tools accept in a code, which other entries repeat.
const CODE = /^[A-Za-z0-9_/-]{1,128}$/;

/** The entry of a structure on that day (SupAnn, structures); null: must not exist. */
export function mapStructure(
  master: Master<'structure'>,
  context: MapContext,
  settings: DirectorySettings,
): Mapped | null {
  if (master.status !== 'active' && master.status !== 'inactive') return null;
  if (!CODE.test(master.code))
    throw new Rejected('the code of the structure has other characters than letters, digits, - _ /');
  const { today } = context;
  const draft = new EntryDraft();
  const establishment = isEstablishment(master, today);
  draft.add('supannCodeEntite', master.code, 'code');
  draft.add(establishment ? 'o' : 'ou', master.shortLabel, 'shortLabel');
  draft.add('description', master.longLabel, 'longLabel');
  const label = nomenclatureLabel('entityType', master.type, `UAI:${settings.homeEstablishment}`);
  draft.addLabelled('supannTypeEntite', label, master.type, 'type');
  writeRefIds(draft, master, today, settings);
  writeParents(draft, master, context);
  if (establishment) writeEstablishment(draft, master, today);
  writeContacts(draft, master, today, establishment);
  const { identifiers, parents, contacts, addresses } = master;
  const classes = establishment ? ESTABLISHMENT_CLASSES : UNIT_CLASSES;
  return draft.mapped(
    rdn('supannCodeEntite', master.code),
    classes,
    nextChange(today, [identifiers, parents, contacts, addresses]),
  );
}

/** The parents of a structure: left out until they are in the directory. */
export function structureReferences({ status, parents }: Master<'structure'>): Reference[] {
  if (status !== 'active' && status !== 'inactive') return [];
  const keys = new Set((parents ?? []).map(({ structure }) => structure));
  return [...keys].map((key) => ({ entity: 'structure', key, required: false }));
}

/** An establishment has one of the types of SupAnn's first level and a UAI of its own. */
function isEstablishment({ type, identifiers }: Master<'structure'>, today: string): boolean {
  return /^S1\d\d$/.test(type) && (identifiers ?? []).some((one) => one.scheme === 'uai' && isValidOn(today, one));
}

function writeParents(draft: EntryDraft, { code, parents }: Master<'structure'>, context: MapContext): void {
  parents?.forEach((link, i) => {
    if (!isValidOn(context.today, link)) return;
    const parent = context.reference(link.structure)?.master;
    // A structure that names itself would be a cycle for those who read the tree.
    if (!parent || !('code' in parent) || parent.code === code) return;
    draft.add('supannCodeEntiteParent', parent.code, `parents[${i}].structure`);
  });
}

function writeEstablishment(draft: EntryDraft, { longLabel, identifiers }: Master<'structure'>, today: string): void {
  draft.add('eduOrgLegalName', longLabel, 'longLabel');
  identifiers?.forEach((identifier, i) => {
    const label = { uai: 'UAI', siret: 'SIRET' }[identifier.scheme];
    if (label === undefined || !isValidOn(today, identifier)) return;
    draft.addLabelled('supannEtablissement', label, identifier.value, `identifiers[${i}].value`);
  });
}

function writeContacts(
  draft: EntryDraft,
  { shortLabel, contacts, addresses }: Master<'structure'>,
  today: string,
  establishment: boolean,
): void {
  contacts?.forEach(({ kind, value, ...validity }, i) => {
    if (!isValidOn(today, validity)) return;
    const field = `contacts[${i}].value`;
    if (kind === 'workPhone') draft.add('telephoneNumber', value, field);
    if (kind === 'workFax') draft.add('facsimileTelephoneNumber', value, field);
    if (kind !== 'website') return;
    if (establishment) draft.add('eduOrgHomePageURI', value, field);
    // RFC 2079: the address, a space, a label.
    else draft.add('labeledURI', `${value.trim()} ${shortLabel}`, field);
  });
  addresses?.forEach((address, i) => {
    if (!isValidOn(today, address) || (address.kind !== 'work' && address.kind !== 'site')) return;
    draft.add('postalAddress', postalAddress(address), `addresses[${i}]`);
  });
}
