import type { Rule } from '@myelin/connector';
import type { AttributeName } from './supann/schema.js';

const rule = (text: string, ...from: readonly string[]): Rule => ({ from, rule: text });

const KIND = ['type', 'identifiers'];

/** Where each attribute of a structure's entry comes from. */
export const STRUCTURE_RULES: Readonly<Record<string, Rule>> = {
  rdn: rule('The code names the entry.', 'code'),
  objectClass: rule(
    'An establishment is a structure of a type of the first level with a UAI of its own, everything else a unit.',
    ...KIND,
  ),
  supannCodeEntite: rule('The code.', 'code'),
  ou: rule('The short label of a unit.', 'shortLabel', ...KIND),
  o: rule('The short label of an establishment.', 'shortLabel', ...KIND),
  description: rule('The long label.', 'longLabel'),
  supannTypeEntite: rule('The type; codes that SupAnn does not know are labelled as local.', 'type'),
  supannRefId: rule(
    'The master id under the label of the hub, and the valid identifiers of registries and of the schemes that the settings name.',
    'id',
    'identifiers',
  ),
  supannCodeEntiteParent: rule('The codes of the parents valid today, once the directory has them.', 'parents'),
  eduOrgLegalName: rule('The long label of an establishment.', 'longLabel', ...KIND),
  supannEtablissement: rule('The valid UAI and SIRET of an establishment.', ...KIND),
  telephoneNumber: rule('The valid contacts of kind workPhone.', 'contacts'),
  facsimileTelephoneNumber: rule('The valid contacts of kind workFax.', 'contacts'),
  labeledURI: rule(
    'The valid contacts of kind website of a unit, each followed by the short label.',
    'contacts',
    'shortLabel',
    ...KIND,
  ),
  eduOrgHomePageURI: rule('The valid contacts of kind website of an establishment.', 'contacts', ...KIND),
  postalAddress: rule('The valid addresses of kinds work and site, lines joined by a dollar sign.', 'addresses'),
} satisfies Partial<Record<AttributeName | 'rdn', Rule>>;
