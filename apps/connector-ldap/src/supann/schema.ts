/** Syntaxes of RFC 4517 that the attributes have. */
export type Syntax =
  | 'boolean'
  | 'directoryString'
  | 'dn'
  | 'generalizedTime'
  | 'ia5'
  | 'numeric'
  | 'postalAddress'
  | 'printable'
  | 'telephone';

/** How the server compares two values (RFC 4517 §4.2); `none` = no equality rule, so values cannot be deleted one by one. */
export type Equality = 'ignoreCase' | 'exactCase' | 'numeric' | 'telephone' | 'dn' | 'none';

/** What the schema says of one attribute. */
export interface AttributeType {
  readonly syntax: Syntax;
  readonly equality: Equality;
  /** Upper bound, in characters. */
  readonly max?: number;
  readonly single?: boolean;
}

const text = (max: number, rest: Partial<AttributeType> = {}): AttributeType => ({
  syntax: 'directoryString',
  equality: 'ignoreCase',
  max,
  ...rest,
});
// RFC 4519 sets no bound; OpenLDAP's is that of its supertype `name`.
const name = (rest: Partial<AttributeType> = {}): AttributeType => text(32_768, rest);
const ia5 = (max: number, rest: Partial<AttributeType> = {}): AttributeType => text(max, { syntax: 'ia5', ...rest });
const printable = (max: number, rest: Partial<AttributeType> = {}): AttributeType =>
  text(max, { syntax: 'printable', ...rest });
const numeric = (max: number, rest: Partial<AttributeType> = {}): AttributeType => ({
  syntax: 'numeric',
  equality: 'numeric',
  max,
  ...rest,
});
const dn = (rest: Partial<AttributeType> = {}): AttributeType => ({ syntax: 'dn', equality: 'dn', ...rest });
const time: AttributeType = { syntax: 'generalizedTime', equality: 'exactCase' };
const telephone: AttributeType = { syntax: 'telephone', equality: 'telephone', max: 32 };
const single = { single: true } as const;
const exact = { equality: 'exactCase' } as const;

/** The attributes that the connector writes (sources in README.md). */
export const ATTRIBUTES = {
  objectClass: text(256),
  // RFC 4519, RFC 4524, RFC 2798, RFC 2079
  cn: name(),
  description: name(),
  displayName: name(single),
  facsimileTelephoneNumber: { ...telephone, equality: 'none' },
  givenName: name(),
  labeledURI: text(1024, exact),
  mail: ia5(256),
  mobile: telephone,
  o: name(),
  ou: name(),
  postalAddress: { syntax: 'postalAddress', equality: 'ignoreCase' },
  sn: name(),
  telephoneNumber: telephone,
  uid: text(256),
  // eduPerson, eduOrg
  eduOrgHomePageURI: text(1024, exact),
  eduOrgLegalName: text(1024),
  eduPersonAffiliation: text(256),
  eduPersonOrcid: text(256),
  eduPersonOrgDN: dn(single),
  eduPersonOrgUnitDN: dn(),
  eduPersonPrimaryAffiliation: text(256, single),
  eduPersonPrimaryOrgUnitDN: dn(single),
  eduPersonPrincipalName: text(256, single),
  // SupAnn
  supannActivite: text(128),
  supannAdressePostalePrivee: text(4096),
  supannCivilite: printable(32, single),
  supannCodeEntite: ia5(128, single),
  supannCodeEntiteParent: ia5(128),
  supannCodeINE: printable(128),
  supannCodeINSEEPaysDeNaissance: numeric(5, single),
  supannCodeINSEEVilleDeNaissance: numeric(5, single),
  supannCodePopulation: text(128),
  supannEmpCorps: text(128),
  supannEmpDateFin: time,
  supannEmpId: text(128, exact),
  supannEmpProfil: text(4096),
  supannEntiteAffectation: ia5(128),
  supannEntiteAffectationPrincipale: ia5(128, single),
  supannEtablissement: text(128),
  supannEtuAnneeInscription: numeric(4),
  supannEtuCursusAnnee: text(128),
  supannEtuDateFin: time,
  supannEtuDiplome: text(128),
  supannEtuElementPedagogique: text(128),
  supannEtuEtape: text(128),
  supannEtuId: text(128, exact),
  supannEtuInscription: text(4096),
  supannEtuRegimeInscription: text(128),
  supannEtuSecteurDisciplinaire: text(128),
  supannEtuTypeDiplome: text(128),
  supannExtDateFin: time,
  supannExtProfil: text(4096),
  supannListeRouge: { syntax: 'boolean', equality: 'exactCase', ...single },
  supannMailPerso: ia5(256),
  supannMailPrive: text(4096),
  supannNomDeNaissance: text(256, single),
  supannOIDCDateDeNaissance: printable(10, { ...single, ...exact }),
  supannOIDCGenre: printable(32, single),
  supannParrainDN: dn(),
  supannPrenomsEtatCivil: text(256, single),
  supannRefId: text(128, exact),
  supannRessourceEtat: text(4096),
  supannRessourceEtatDate: text(4096),
  supannRoleEntite: text(512),
  supannRoleGenerique: text(256),
  supannTelephonePrive: text(4096),
  supannTypeEntite: text(128),
  supannTypeEntiteAffectation: text(128),
} as const satisfies Record<string, AttributeType>;

/** Name of an attribute that the connector writes. */
export type AttributeName = keyof typeof ATTRIBUTES;

/** Those that only overlays set, and that the directory answers in its own spelling. */
const NAMES = { manager: dn(), secretary: dn(), seeAlso: dn() };
const TYPES: ReadonlyMap<string, AttributeType> = new Map(Object.entries({ ...ATTRIBUTES, ...NAMES }));
/** Any other that an overlay sets: of its rules nothing is known, so all of its values are replaced together. */
const OTHER: AttributeType = { syntax: 'directoryString', equality: 'none' };

/** The attributes of which more is known than their names. */
export const knownAttributes = (): readonly string[] => [...TYPES.keys()];

/** What the schema says of that attribute. */
export function attributeType(name: string): AttributeType {
  return TYPES.get(name) ?? OTHER;
}
