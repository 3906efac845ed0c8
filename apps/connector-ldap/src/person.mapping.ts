import { Rejected, type MapContext, type Mapped, type NameRequest } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { canonicalDn } from './canonical-dn.js';
import type { DirectorySettings } from './ldap.settings.js';
import { rdn } from './ldap/dn.js';
import { affiliations, primaryAffiliation } from './person.affiliations.js';
import { usageNames, writeBirth, writeContacts, writeIdentifiers, writeIdentity } from './person.identity.js';
import { writeProfiles } from './person.profiles.js';
import { tenures, type Tenure } from './person.roles.js';
import { accountState, writeState } from './person.state.js';
import { writeRefIds } from './ref-ids.js';
import { academicYear, isValidOn, nextChange } from './supann/days.js';
import { EntryDraft } from './supann/draft.js';
import { loginLetters } from './supann/transliterate.js';
import { nomenclatureLabel } from './supann/values.js';

/** Object classes of a person (SupAnn, persons). */
export const PERSON_CLASSES = ['inetOrgPerson', 'eduPerson', 'supannPerson'] as const;
const LONGEST_LOGIN = 20;

/** The entry of a person on that day (SupAnn 2018–2021, with the choices of the settings); null: must not exist. */
export function mapPerson(master: Master<'person'>, context: MapContext, settings: DirectorySettings): Mapped | null {
  if (master.status === 'erased') return null;
  const { today } = context;
  const draft = new EntryDraft();
  const login = givenLogin(master, today) ?? context.name;
  if (login === undefined) throw new Rejected('the person has no login and none was allocated');
  draft.add('uid', login, 'identifiers');
  writeIdentity(draft, master);
  draft.add(
    'eduPersonPrincipalName',
    identifier(master, 'eppn', today) ?? `${login}@${settings.eppnScope}`,
    'identifiers',
  );
  const kept = master.status === 'active' || master.status === 'inactive';
  if (kept) {
    writeRefIds(draft, master, today, settings);
    writeIdentifiers(draft, master, today);
    writeContacts(draft, master, today);
    if (settings.birthData) writeBirth(draft, master);
  } else {
    writeRefIds(draft, { id: master.id }, today, settings);
  }
  const held = master.status === 'active' ? tenures(master, settings.grace) : [];
  writeRoles(draft, master, held, context, settings);
  return draft.mapped(rdn('uid', login), PERSON_CLASSES, validUntil(master, kept, held, today));
}

/** The login to allocate: first letter of the given name and family name in use; undefined when the record has a login. */
export function loginRequest(master: Master<'person'>, today: string): NameRequest | undefined {
  if (master.status === 'erased' || givenLogin(master, today) !== undefined) return undefined;
  const { familyName, givenName } = usageNames(master);
  const letters = loginLetters(givenName ?? '').slice(0, 1) + loginLetters(familyName);
  // A name in another script leaves nothing; a login must begin with a letter.
  const base = letters === '' ? `u${master.id.replaceAll('-', '').slice(-8)}` : letters.replace(/^(?=\d)/, 'u');
  return { base: base.slice(0, LONGEST_LOGIN), maxLength: LONGEST_LOGIN };
}

function writeRoles(
  draft: EntryDraft,
  master: Master<'person'>,
  held: readonly Tenure[],
  context: MapContext,
  settings: DirectorySettings,
): void {
  const valid = held.filter(({ period }) => isValidOn(context.today, period));
  const account = accountState(master, held, context.today);
  writeState(draft, account, settings);
  const populations = valid.length > 0 ? valid.map(({ role }) => role.population) : (account.leaving ?? []);
  const kept = affiliations(populations);
  for (const affiliation of kept) draft.add('eduPersonAffiliation', affiliation, 'roles');
  if (populations.length > 0) {
    draft.add('eduPersonPrimaryAffiliation', primaryAffiliation(populations, kept), 'roles');
  }
  writeProfiles({ draft, context, settings, affiliations: kept }, valid);
  const local = `UAI:${settings.homeEstablishment}`;
  for (const code of account.leaving ?? []) {
    draft.addLabelled('supannCodePopulation', nomenclatureLabel('population', code, local), code, 'roles');
  }
  writeEstablishment(draft, valid, context, settings);
}

/** The home establishment of those who have it, its entry while they are here (SupAnn, supannEtablissement, eduPersonOrgDN). */
function writeEstablishment(
  draft: EntryDraft,
  valid: readonly Tenure[],
  context: MapContext,
  { homeEstablishment }: DirectorySettings,
): void {
  if (valid.length === 0) {
    draft.add('supannEtablissement', `{UAI}${homeEstablishment}`, 'roles');
  } else if (draft.holds('supannEtablissement', `{UAI}${homeEstablishment}`)) {
    const home = context.reference(`uai:${homeEstablishment}`);
    draft.add('eduPersonOrgDN', home && canonicalDn(home.targetId), 'roles');
  }
}

/** The next day on which something of the entry begins or has ended. */
function validUntil(
  { identifiers, contacts, addresses }: Master<'person'>,
  kept: boolean,
  held: readonly Tenure[],
  today: string,
): string | undefined {
  const lists: Parameters<typeof nextChange>[1][number][] = [identifiers];
  if (kept) lists.push(contacts, addresses);
  for (const { kind, role, period, graceEnd } of held) {
    lists.push([period, { to: graceEnd }]);
    if (kind === 'staff') lists.push(role.affectations, role.functions, role.career);
    if (kind === 'learner' && isValidOn(today, period)) lists.push([{ to: `${academicYear(today) + 1}-08-31` }]);
  }
  return nextChange(today, lists);
}

function givenLogin(master: Master<'person'>, today: string): string | undefined {
  return identifier(master, 'uid', today);
}

function identifier({ identifiers }: Master<'person'>, scheme: string, today: string): string | undefined {
  return identifiers?.find((one) => one.scheme === scheme && isValidOn(today, one))?.value;
}
