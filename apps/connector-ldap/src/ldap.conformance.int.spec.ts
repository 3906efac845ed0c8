import { conformance, TcpLine } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { contextWith, TestDirectory } from './directory.testing.js';
import { ldapConnector } from './ldap.connector.js';
import { ldapDrivers, type LdapDriverName } from './ldap/ldap.drivers.js';
import { isLdapWrite } from './ldap/ldap.testing.js';

const laboratory: Master<'structure'> = {
  id: '01938c5e-0000-7000-8000-000000000011',
  status: 'active',
  code: 'LIEX',
  shortLabel: 'LIEX',
  longLabel: 'Laboratoire d’informatique d’Exempleville',
  type: 'S203',
  identifiers: [
    { scheme: 'code', value: 'LIEX' },
    { scheme: 'rnsr', value: '209999901A' },
  ],
  contacts: [{ kind: 'website', value: 'https://liex.univ-exemple.fr' }],
};

const person: Master<'person'> = {
  id: '01938c5e-0000-7000-8000-000000000101',
  status: 'active',
  birthName: 'Fontaine',
  givenNames: ['Cécile'],
  civility: 'MME',
  contacts: [{ kind: 'workMail', value: 'cecile.fontaine@univ-exemple.fr' }],
  roles: { resource: [{ population: 'RGPFT', from: '2026-09-01', affectations: [{ structure: 'code:LIEX' }] }] },
};

describe.each(Object.keys(ldapDrivers) as LdapDriverName[])('over %s', (driver) => {
  const directory = new TestDirectory({ driver });
  const { settings } = directory;
  const line = () => new TcpLine(() => settings.url, isLdapWrite);
  // Over a line that may be cut, nobody waits for long.
  const at = (url?: string) => ldapConnector({ ...settings, ...(url !== undefined && { url, deadlineMs: 2_000 }) });
  const nowhere = { ...settings, url: 'ldap://127.0.0.1:9', deadlineMs: 1_000 };

  conformance('ldap', {
    entity: 'structure',
    lacks: ['closing', 'removal'],
    connector: at,
    line: line(),
    unreachable: () => ldapConnector(nowhere),
    context: contextWith({}),
    masters: {
      base: laboratory,
      changed: { ...laboratory, longLabel: 'Laboratoire des informatiques d’Exempleville' },
      renamed: { ...laboratory, code: 'LINEX', shortLabel: 'LINEX' },
    },
    spoil: (row) => ({ ...row, supannTypeEntite: [''], supannCodeEntiteParent: ['é'] }),
    mark: (targetId) => directory.entryCsn(targetId),
    count: () => directory.count(settings.structuresBranch),
    crowd: directory.crowd((n) => ({
      dn: directory.structure(`C${n}`),
      entry: { objectClass: ['organizationalUnit', 'supannEntite'], ou: `C${n}`, supannCodeEntite: `C${n}` },
    })),
    decorate: async (dn) => {
      await directory.ldap.modify(dn, [{ op: 'add', attribute: 'seeAlso', values: 'cn=archive,dc=example' }]);
      return async (now) => (await directory.ldap.read(now, ['seeAlso']))?.attributes.seeAlso?.length === 1;
    },
  });

  const context = (name: string) =>
    contextWith({ 'code:LIEX': { master: laboratory, targetId: directory.structure('LIEX') } }, { name });

  conformance('ldap', {
    entity: 'person',
    lacks: [],
    connector: at,
    line: line(),
    unreachable: () => ldapConnector(nowhere),
    context: context('cfontaine'),
    masters: {
      base: person,
      changed: { ...person, listing: 'private' },
      renamed: { ...person, usageName: 'Élan' },
      closed: { ...person, status: 'inactive' },
    },
    renamedContext: context('celan'),
    spoil: (row) => ({ ...row, supannCivilite: ['Mlle é'] }),
    mark: (targetId) => directory.entryCsn(targetId),
    count: () => directory.count(settings.peopleBranch),
    crowd: directory.crowd((n) => ({
      dn: directory.person(`guest${n}`),
      entry: { objectClass: 'inetOrgPerson', uid: `guest${n}`, cn: `Guest ${n}`, sn: 'Guest' },
    })),
    decorate: async (dn) => {
      await directory.ldap.modify(dn, [
        { op: 'add', attribute: 'objectClass', values: 'posixAccount' },
        { op: 'add', attribute: 'uidNumber', values: '1001' },
        { op: 'add', attribute: 'gidNumber', values: '1001' },
        { op: 'add', attribute: 'homeDirectory', values: '/home/x' },
        { op: 'add', attribute: 'supannRefId', values: '{UAI:0999001W:BIB}B1' },
      ]);
      return async (now) => {
        const entry = await directory.ldap.read(now, ['objectClass', 'homeDirectory', 'supannRefId']);
        const { objectClass = [], homeDirectory = [], supannRefId = [] } = entry?.attributes ?? {};
        return objectClass.includes('posixAccount') && homeDirectory.length === 1 && supannRefId.length === 2;
      };
    },
  });
});
