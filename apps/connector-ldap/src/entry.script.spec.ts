import type { Row } from '@myelin/connector';
import { ldifOf } from './entry.script.js';
import type { EntryKind } from './entry.js';

const kind: EntryKind = {
  ...{ branch: 'ou=people,dc=x', naming: 'uid', classes: [], attributes: [], identifying: {} },
  structural: ['organizationalUnit', 'organization'],
};

const tell = (before: Row | null, after: Row | null, targetId: string | null = 'uid=a,ou=people,dc=x') =>
  ldifOf(kind).of({
    ...{ id: 'P1', epoch: 1, revision: 1, targetId, before, after, changed: [] },
    ...{ etag: undefined, name: undefined, correlationId: undefined },
  });

it('adds a whole entry, in the order of its attributes', () =>
  expect(tell(null, { rdn: 'uid=a\\2C b', uid: ['a, b'], sn: ['Kone'], objectClass: ['person', 'top'] })).toBe(
    'dn: uid=a\\2C b,ou=people,dc=x\nchangetype: add\nobjectClass: person\nobjectClass: top\nsn: Kone\nuid: a, b\n\n',
  ));

it('renames first and modifies under the new name', () =>
  expect(tell({ rdn: 'uid=a', uid: ['a'], sn: ['Kone'] }, { rdn: 'uid=b', uid: ['b'], sn: ['Koné'] })).toBe(
    'dn: uid=a,ou=people,dc=x\nchangetype: modrdn\nnewrdn: uid=b\ndeleteoldrdn: 1\n\n' +
      'dn: uid=b,ou=people,dc=x\nchangetype: modify\ndelete: sn\nsn: Kone\n-\nadd: sn\nsn:: S29uw6k=\n-\n\n',
  ));

it('keeps an entry below the branch where people have put it', () =>
  expect(tell({ rdn: 'uid=a' }, { rdn: 'uid=b' }, 'uid=a,ou=old,ou=people,dc=x')).toMatch(
    /^dn: uid=a,ou=old,ou=people,dc=x\n/,
  ));

it('deletes', () => expect(tell({ rdn: 'uid=a' }, null)).toBe('dn: uid=a,ou=people,dc=x\nchangetype: delete\n\n'));

it('says of an entry of another class that no modify brings it back', () =>
  expect(
    tell({ rdn: 'uid=a', objectClass: ['organization'] }, { rdn: 'uid=a', objectClass: ['organizationalUnit'] }),
  ).toMatch(/^# P1: becomes an entry of another structural class/));
