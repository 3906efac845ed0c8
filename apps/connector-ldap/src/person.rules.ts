import type { Rule } from '@myelin/connector';
import type { AttributeName } from './supann/schema.js';

const rule = (text: string, ...from: readonly string[]): Rule => ({ from, rule: text });

const FAMILY_NAME = ['usageName', 'birthName'];
const GIVEN_NAME = ['usageGivenName', 'givenNames'];
const RESOURCE = 'roles.resource[]';
const EXTERNAL = 'roles.external[]';
const ENROLMENT = 'roles.learner[].enrolments[]';
const STRUCTURES = [
  `${RESOURCE}.affectations[].structure`,
  `${RESOURCE}.functions[].structure`,
  `${EXTERNAL}.structure`,
  `${ENROLMENT}.structure`,
];
const POPULATIONS = [`${RESOURCE}.population`, `${EXTERNAL}.population`, `${ENROLMENT}.population`];
const CURRENT_YEAR = 'of the enrolments of the current academic year';

/** Where each attribute of a person's entry comes from. */
export const PERSON_RULES: Readonly<Record<string, Rule>> = {
  rdn: rule('The login names the entry.', 'identifiers', ...GIVEN_NAME, ...FAMILY_NAME),
  objectClass: rule('Every person has the same classes.', 'status'),
  uid: rule(
    'The valid identifier of scheme uid, else a login made of the first letter of the given name and of the family name, with a number when it is taken.',
    'identifiers',
    ...GIVEN_NAME,
    ...FAMILY_NAME,
  ),
  eduPersonPrincipalName: rule(
    'The valid identifier of scheme eppn, else the login at the scope of the establishment.',
    'identifiers',
    ...GIVEN_NAME,
    ...FAMILY_NAME,
  ),
  sn: rule('The family name in use, else that of birth.', ...FAMILY_NAME),
  givenName: rule('The given name in use, else the first of the civil status.', ...GIVEN_NAME),
  displayName: rule('Given name, then family name in use.', ...GIVEN_NAME, ...FAMILY_NAME),
  cn: rule('Family name, then given name in use, without diacritics.', ...FAMILY_NAME, ...GIVEN_NAME),
  supannCivilite: rule('M or Mme.', 'civility'),
  supannListeRouge: rule('TRUE when the person is kept out of white pages.', 'listing'),
  supannRefId: rule(
    'The master id under the label of the hub, and the valid identifiers of registries and of the schemes that the settings name.',
    'id',
    'identifiers',
  ),
  supannEmpId: rule('The valid identifiers of scheme siham.', 'identifiers'),
  supannEtuId: rule('The valid identifiers of schemes apogee and pegase.', 'identifiers'),
  supannCodeINE: rule('The valid identifiers of scheme ine.', 'identifiers'),
  eduPersonOrcid: rule('The valid identifiers of scheme orcid, as addresses.', 'identifiers'),
  mail: rule('The valid contacts of kind workMail.', 'contacts'),
  supannMailPerso: rule('The valid contacts of kind privateMail.', 'contacts'),
  supannMailPrive: rule('The valid contacts of kind privateMail, labelled PERSO.', 'contacts'),
  telephoneNumber: rule('The valid contacts of kind workPhone.', 'contacts'),
  mobile: rule('The valid contacts of kind workMobile.', 'contacts'),
  facsimileTelephoneNumber: rule('The valid contacts of kind workFax.', 'contacts'),
  supannTelephonePrive: rule(
    'The valid contacts of kinds privatePhone and privateMobile, labelled FIXEPERSO and MOBPERSO.',
    'contacts',
  ),
  labeledURI: rule('The valid contacts of kind website.', 'contacts'),
  postalAddress: rule('The valid addresses of kind work, lines joined by a dollar sign.', 'addresses'),
  supannAdressePostalePrivee: rule('The valid addresses of kinds home and term, labelled PERSO and TEMP.', 'addresses'),
  eduPersonAffiliation: rule(
    'The affiliations that SupAnn gives to the populations held today, those of leavers in grace; affiliate gives way to member.',
    ...POPULATIONS,
    'status',
  ),
  eduPersonPrimaryAffiliation: rule(
    'The first affiliation, in the order of the connector, of the heaviest population held today.',
    ...POPULATIONS,
    'status',
  ),
  supannCodePopulation: rule(
    'The populations held today, those of leavers in grace; codes that SupAnn does not know are labelled as local.',
    ...POPULATIONS,
    'status',
  ),
  supannRessourceEtat: rule(
    'The state of each resource: active while a role is valid, in grace after it, then expired; a lock that people have set stays.',
    'status',
    'roles',
  ),
  supannRessourceEtatDate: rule(
    'The state of each resource with the first and the last day of the roles held, or of the grace.',
    'status',
    'roles',
  ),
  supannEtablissement: rule(
    'The home establishment, the employer, or both, as SupAnn says of each population held today.',
    ...POPULATIONS,
    `${EXTERNAL}.employer`,
  ),
  eduPersonOrgDN: rule('The entry of the home establishment, for those who belong to it today.', ...POPULATIONS),
  supannEntiteAffectation: rule('The codes of the structures of the roles held today.', ...STRUCTURES),
  supannTypeEntiteAffectation: rule('The types of the structures of the roles held today.', ...STRUCTURES),
  eduPersonOrgUnitDN: rule(
    'The entries of the structures of the roles held today, save those of persons of another establishment.',
    ...STRUCTURES,
  ),
  supannEntiteAffectationPrincipale: rule(
    'The structure with the highest quota, then the eldest; an enrolment comes after an affectation, an external link last.',
    `${RESOURCE}.affectations[]`,
    `${ENROLMENT}.structure`,
    `${EXTERNAL}.structure`,
  ),
  eduPersonPrimaryOrgUnitDN: rule(
    'The entry of the main structure.',
    `${RESOURCE}.affectations[]`,
    `${ENROLMENT}.structure`,
    `${EXTERNAL}.structure`,
  ),
  supannEmpProfil: rule(
    'One profile for each affectation valid today, one for a role without any.',
    `${RESOURCE}.population`,
    `${RESOURCE}.affectations[]`,
    `${RESOURCE}.career[]`,
  ),
  supannEmpCorps: rule('The corps of the career steps valid today.', `${RESOURCE}.career[].corps`),
  supannActivite: rule(
    'The CNU sections, REFERENS jobs and BAP branches of the career steps valid today.',
    `${RESOURCE}.career[].cnu`,
    `${RESOURCE}.career[].referens`,
    `${RESOURCE}.career[].bap`,
  ),
  supannEmpDateFin: rule(
    'The last days of the affectations valid today, or of the role.',
    `${RESOURCE}.affectations[].to`,
    `${RESOURCE}.to`,
  ),
  supannRoleGenerique: rule('The functions held today.', `${RESOURCE}.functions[].code`),
  supannRoleEntite: rule('The functions held today, each with its structure.', `${RESOURCE}.functions[]`),
  supannExtProfil: rule('One profile for each external role valid today.', EXTERNAL),
  supannExtDateFin: rule('The last days of the external roles valid today.', `${EXTERNAL}.to`),
  supannParrainDN: rule(
    'The entries of the persons who answer for an external role valid today, once the directory has them.',
    `${EXTERNAL}.sponsor`,
  ),
  supannEtuInscription: rule('One registration for each enrolment of the current academic year.', ENROLMENT),
  supannEtuAnneeInscription: rule(`The years ${CURRENT_YEAR}.`, `${ENROLMENT}.year`),
  supannEtuRegimeInscription: rule(`The SISE regimes ${CURRENT_YEAR}.`, `${ENROLMENT}.regime`),
  supannEtuSecteurDisciplinaire: rule(`The SISE disciplines ${CURRENT_YEAR}.`, `${ENROLMENT}.discipline`),
  supannEtuTypeDiplome: rule(`The SISE types of diploma ${CURRENT_YEAR}.`, `${ENROLMENT}.diplomaType`),
  supannEtuDiplome: rule(`The SISE diplomas ${CURRENT_YEAR}.`, `${ENROLMENT}.diploma`),
  supannEtuCursusAnnee: rule(`The years in the course ${CURRENT_YEAR}.`, `${ENROLMENT}.courseYear`),
  supannEtuEtape: rule(`The stages ${CURRENT_YEAR}, labelled as local.`, `${ENROLMENT}.stage`),
  supannEtuElementPedagogique: rule(
    `The course units ${CURRENT_YEAR}, labelled as local.`,
    `${ENROLMENT}.courseUnits[]`,
  ),
  supannEtuDateFin: rule(
    `The last days ${CURRENT_YEAR}, the end of the year where there is none.`,
    `${ENROLMENT}.to`,
    'roles.learner[].to',
  ),
  supannNomDeNaissance: rule('The name of birth.', 'birthName'),
  supannPrenomsEtatCivil: rule('The given names of the civil status.', 'givenNames'),
  supannOIDCGenre: rule('The sex of the civil status, as OpenID Connect words it.', 'sex'),
  supannOIDCDateDeNaissance: rule('The day of birth.', 'birth.date'),
  supannCodeINSEEVilleDeNaissance: rule(
    'The INSEE code of the town of birth; those of Corsica have a letter, which the schema cannot hold.',
    'birth.townCode',
  ),
  supannCodeINSEEPaysDeNaissance: rule('The INSEE code of the country of birth.', 'birth.country'),
} satisfies Partial<Record<AttributeName | 'rdn', Rule>>;
