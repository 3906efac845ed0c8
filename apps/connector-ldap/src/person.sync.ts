import {
  NameTaken,
  Rejected,
  type Change,
  type MapContext,
  type Mapped,
  type Ref,
  type Removal,
  type Script,
  type Sync,
} from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { ldifOf } from './entry.script.js';
import { EntryStore } from './entry.store.js';
import type { Wanted } from './entry.write.js';
import { EntryOverlay } from './entry.overlay.js';
import { MAPPING_VERSION, type EntryKind } from './entry.js';
import { targetError } from './ldap.errors.js';
import type { DirectorySettings } from './ldap.settings.js';
import { sameDn } from './ldap/dn.js';
import { equal } from './ldap/filter.js';
import type { LdapError } from './ldap/ldap.error.js';
import type { LdapPool } from './ldap/ldap.pool.js';
import { PERSON_IDENTIFIERS } from './person.identity.js';
import { loginRequest, mapPerson, PERSON_CLASSES } from './person.mapping.js';
import { personRemoval } from './person.removal.js';
import { personReferences } from './person.roles.js';
import { PERSON_RULES } from './person.rules.js';
import { closesPerson } from './person.state.js';
import type { AttributeName } from './supann/schema.js';
import type { Tree } from './tree.js';

const ATTRIBUTES: readonly AttributeName[] = [
  'cn',
  'displayName',
  'eduPersonAffiliation',
  'eduPersonOrcid',
  'eduPersonOrgDN',
  'eduPersonOrgUnitDN',
  'eduPersonPrimaryAffiliation',
  'eduPersonPrimaryOrgUnitDN',
  'eduPersonPrincipalName',
  'facsimileTelephoneNumber',
  'givenName',
  'labeledURI',
  'mail',
  'mobile',
  'postalAddress',
  'sn',
  'supannActivite',
  'supannAdressePostalePrivee',
  'supannCivilite',
  'supannCodeINE',
  'supannCodePopulation',
  'supannEmpCorps',
  'supannEmpDateFin',
  'supannEmpId',
  'supannEmpProfil',
  'supannEntiteAffectation',
  'supannEntiteAffectationPrincipale',
  'supannEtablissement',
  'supannEtuAnneeInscription',
  'supannEtuCursusAnnee',
  'supannEtuDateFin',
  'supannEtuDiplome',
  'supannEtuElementPedagogique',
  'supannEtuEtape',
  'supannEtuId',
  'supannEtuInscription',
  'supannEtuRegimeInscription',
  'supannEtuSecteurDisciplinaire',
  'supannEtuTypeDiplome',
  'supannExtDateFin',
  'supannExtProfil',
  'supannListeRouge',
  'supannMailPerso',
  'supannMailPrive',
  'supannParrainDN',
  'supannRefId',
  'supannRessourceEtat',
  'supannRessourceEtatDate',
  'supannRoleEntite',
  'supannRoleGenerique',
  'supannTelephonePrive',
  'supannTypeEntiteAffectation',
  'telephoneNumber',
  'uid',
];
const BIRTH_ATTRIBUTES: readonly AttributeName[] = [
  'supannCodeINSEEPaysDeNaissance',
  'supannCodeINSEEVilleDeNaissance',
  'supannNomDeNaissance',
  'supannOIDCDateDeNaissance',
  'supannOIDCGenre',
  'supannPrenomsEtatCivil',
];

/** Persons in the directory. */
export class PersonSync implements Sync<'person'> {
  readonly entity = 'person';
  readonly version: string;
  readonly rules = PERSON_RULES;
  readonly closes = closesPerson;
  readonly removal: Removal;
  readonly overlay: EntryOverlay;
  readonly script: Script;
  private readonly entries: EntryStore;
  private readonly kind: EntryKind;

  constructor(
    private readonly ldap: LdapPool,
    private readonly settings: DirectorySettings,
    tree: Tree,
  ) {
    const { staff, learner, external } = settings.grace;
    // With other graces the same person may be another entry.
    this.version = `${MAPPING_VERSION}, grace ${staff}/${learner}/${external}`;
    this.removal = personRemoval(settings);
    this.kind = {
      branch: settings.peopleBranch,
      naming: 'uid',
      classes: PERSON_CLASSES,
      structural: ['inetOrgPerson'],
      attributes: [...ATTRIBUTES, ...(settings.birthData ? BIRTH_ATTRIBUTES : [])],
      identifying: PERSON_IDENTIFIERS,
    };
    this.script = ldifOf(this.kind);
    this.entries = new EntryStore(ldap, settings, tree, this.kind, (wanted, refusal) => this.taken(wanted, refusal));
    this.overlay = new EntryOverlay(this.kind, this.entries, ['cn', 'sn']);
  }

  references(master: Master<'person'>, today: string) {
    return personReferences(master, today, this.settings);
  }

  nameRequest(master: Master<'person'>, today: string) {
    return loginRequest(master, today);
  }

  map(master: Master<'person'>, context: MapContext): Mapped | null {
    return this.overlay.classed(mapPerson(master, context, this.settings));
  }

  read(ref: Ref) {
    return this.entries.read(ref);
  }

  readMany(refs: readonly Ref[]) {
    return this.entries.readMany(refs);
  }

  readVersions(refs: readonly Ref[]) {
    return this.entries.readVersions(refs);
  }

  list() {
    return this.entries.list();
  }

  write(change: Change) {
    return this.entries.write(change);
  }

  /** Another login cures a refusal only if it was allocated and it, or the principal name made of it, is in the way. */
  private async taken({ after: row, name, adopted, targetId }: Wanted, refusal: LdapError): Promise<unknown> {
    const [login] = row.uid as readonly [string];
    const [principal] = (row.eduPersonPrincipalName ?? []) as readonly string[];
    const holds = async (attribute: 'uid' | 'eduPersonPrincipalName', value: string) => {
      const found = await this.ldap.search(this.kind.branch, equal(attribute, value), { attributes: ['supannRefId'] });
      const own = (row.supannRefId as readonly string[]).filter((id) => id.startsWith(`{${this.settings.hubLabel}}`));
      // An adopted entry does not carry the id yet.
      const others = found.filter(({ dn }) => !(adopted && targetId !== null && sameDn(dn, targetId)));
      return others.some(({ attributes }) => !own.some((id) => attributes.supannRefId?.includes(id)));
    };
    const takenBy = (attribute: AttributeName, isOurs = name === login) =>
      isOurs
        ? new NameTaken(login, { cause: refusal })
        : new Rejected('another entry has this name', { cause: refusal, attributes: [attribute] });
    if (await holds('uid', login)) return takenBy('uid');
    if (principal === undefined || !(await holds('eduPersonPrincipalName', principal))) return targetError(refusal);
    const derived = principal === `${login}@${this.settings.eppnScope}`;
    return takenBy('eduPersonPrincipalName', derived && name === login);
  }
}
