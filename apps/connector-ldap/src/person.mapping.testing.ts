import type { Mapped } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { contextWith } from './directory.testing.js';
import { directorySettings } from './ldap.settings.js';
import { mapPerson } from './person.mapping.js';
import type { AttributeName } from './supann/schema.js';

/** The settings under which the persons of the tests are mapped. */
export const settings = directorySettings({
  url: 'ldap://localhost',
  bindDn: '',
  password: '',
  baseDn: 'dc=univ-exemple,dc=fr',
  homeEstablishment: '0999001W',
  eppnScope: 'univ-exemple.fr',
  localSchemes: ['x-local'],
  birthData: true,
});
export const today = '2026-10-15';
const structure = (code: string, type: string): Master<'structure'> => ({
  ...{ id: code, status: 'active', code, type, shortLabel: code, longLabel: code },
});
const references = {
  'code:UFR': { master: structure('UFR', 'S201'), targetId: `supannCodeEntite=UFR,${settings.structuresBranch}` },
  'code:LAB': { master: structure('LAB', 'S203'), targetId: `supannCodeEntite=LAB,${settings.structuresBranch}` },
  'uai:0999001W': { master: structure('UEX', 'S102'), targetId: `supannCodeEntite=UEX,${settings.structuresBranch}` },
  'siham:1': { master: structure('unused', ''), targetId: `uid=sponsor,${settings.peopleBranch}` },
};
export const context = contextWith(references, { today, name: 'cfontaine' });
/** A person with these fields beside the ones that all have. */
export const master = (rest: Partial<Master<'person'>> = {}): Master<'person'> => ({
  ...{ id: 'P1', status: 'active', birthName: 'Fontaine', givenNames: ['Cécile'] },
  ...rest,
});
/** That person mapped. */
export const mapped = (rest: Partial<Master<'person'>>, on = context) => mapPerson(master(rest), on, settings)!;
/** The values of an attribute. */
export const values = ({ row }: Mapped, attribute: AttributeName) => (row[attribute] ?? []) as readonly string[];
export const staff = { population: 'RGPFT' };
