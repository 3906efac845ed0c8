import type { AttributeName } from './schema.js';
import { equalityKey, syntaxFault } from './syntax.js';

describe('syntaxFault', () => {
  it.each<[AttributeName, string, boolean]>([
    ['supannListeRouge', 'TRUE', true],
    ['supannListeRouge', 'true', false],
    ['supannCivilite', 'Mme', true],
    ['supannCivilite', 'Méme', false],
    ['supannCodeEntite', 'UFR/SCI_1', true],
    ['supannCodeEntite', 'UFR-É', false],
    ['supannCodeINSEEVilleDeNaissance', '75056', true],
    ['supannCodeINSEEVilleDeNaissance', '2A004', false],
    ['supannEmpDateFin', '20270831235959Z', true],
    ['supannEmpDateFin', '20270831', false],
    ['telephoneNumber', '+33 1 23 45 67 89', true],
    ['telephoneNumber', '01 23 45 67 89 (secrétariat)', false],
    ['eduPersonOrgDN', 'ou=a\\, b,dc=c', true],
    ['eduPersonOrgDN', 'nobody', false],
    ['postalAddress', '1 rue A$75005 Paris', true],
    ['postalAddress', '1 rue A$$75005 Paris', false],
    ['postalAddress', '\\24 and \\5C', true],
    ['postalAddress', 'a\\b', false],
    ['mail', '', false],
    ['supannRefId', 'x'.repeat(128), true],
    ['supannRefId', 'x'.repeat(129), false],
    ['supannRefId', '𝒳'.repeat(128), true],
  ])('%s takes %j: %s', (attribute, value, isTaken) => {
    expect(syntaxFault(attribute, value) === undefined).toBe(isTaken);
  });

  it('never says the value', () => {
    expect(syntaxFault('supannCodeINSEEVilleDeNaissance', '2A004')).not.toContain('2A004');
  });
});

describe('equalityKey', () => {
  it.each<[AttributeName, string, string, boolean]>([
    ['mail', 'A@x.fr', 'a@X.fr', true],
    ['sn', 'Le  Goff ', 'le goff', true],
    ['sn', 'Koné', 'Kone\u0301', true],
    ['sn', 'Koné', 'Kone', false],
    ['supannRefId', '{UAI:x}P1', '{uai:x}P1', false],
    ['telephoneNumber', '+33 1-23', '+33123', true],
    ['supannEtuAnneeInscription', '20 26', '2026', true],
    ['eduPersonOrgDN', 'OU=People, DC=fr', 'ou=people,dc=fr', true],
  ])('%s: %j and %j are equal: %s', (attribute, a, b, areEqual) => {
    expect(equalityKey(attribute, a) === equalityKey(attribute, b)).toBe(areEqual);
  });
});
