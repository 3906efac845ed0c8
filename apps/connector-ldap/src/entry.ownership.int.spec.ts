import fc from 'fast-check';
import { changedAttributes } from '@myelin/connector';
import { person, TestConnector } from './connector.testing.js';
import { TestDirectory } from './directory.testing.js';
import { anyPerson } from './person.testing.js';
import { loginLetters } from './supann/transliterate.js';

const photo = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00]);
const directory = new TestDirectory({ birthData: true, localSchemes: ['x-local'] });
const connector = new TestConnector(directory);

describe('an entry that others write to as well', () => {
  const foreign = [
    'jpegPhoto',
    'supannAliasLogin',
    'supannConsentement',
    'loginShell',
    'mailForwardingAddress',
    'objectClass',
  ];

  it('keeps its identity and all that is not ours through changes and a rename', async () => {
    const master = person({ contacts: [{ kind: 'workMail', value: 'c@example.org' }] });
    const { targetId, row } = await connector.create(master, 'cfontaine');
    await directory.ldap.modify(targetId, [
      { op: 'add', attribute: 'objectClass', values: ['posixAccount'] },
      { op: 'add', attribute: 'uidNumber', values: '7' },
      { op: 'add', attribute: 'gidNumber', values: '7' },
      { op: 'add', attribute: 'homeDirectory', values: '/home/c' },
      { op: 'add', attribute: 'loginShell', values: '/bin/sh' },
      { op: 'add', attribute: 'jpegPhoto', values: photo },
      { op: 'add', attribute: 'supannAliasLogin', values: 'cecile' },
      { op: 'add', attribute: 'supannConsentement', values: '{CGU}oui' },
      { op: 'add', attribute: 'mailForwardingAddress', values: 'c@elsewhere.example' },
      { op: 'add', attribute: 'supannRefId', values: ['{UAI:0999001W:BIB}B1', '{REFID}x'] },
      { op: 'add', attribute: 'supannRessourceEtat', values: '{MAIL}A:SupannActif' },
      { op: 'add', attribute: 'supannRessourceEtatDate', values: '{MAIL}A:SupannActif::' },
    ]);
    const before = await connector.attributes(targetId, 'entryUUID', 'userPassword', ...foreign);
    const after = connector.map({ ...master, usageName: 'Martin', contacts: null, listing: 'private' }, 'cmartin').row;
    const { targetId: renamed } = await connector.write(master.id, targetId, row, after);
    expect(renamed).toBe(directory.person('cmartin'));
    expect(await connector.attributes(renamed, 'entryUUID', 'userPassword', ...foreign)).toEqual(before);
    expect(await connector.attributes(renamed, 'uid', 'sn', 'mail', 'supannListeRouge')).toEqual({
      ...{ uid: ['cmartin'], sn: ['Martin'], supannListeRouge: ['TRUE'] },
    });
    expect((await connector.attributes(renamed, 'supannRefId'))?.supannRefId?.sort()).toEqual(
      ['{UAI:0999001W:BIB}B1', '{REFID}x', `{UAI:0999001W:HUB}${master.id}`].sort(),
    );
    expect((await connector.attributes(renamed, 'supannRessourceEtat'))?.supannRessourceEtat).toContain(
      '{MAIL}A:SupannActif',
    );
    expect(await directory.ldap.read(targetId, [])).toBeNull();
    expect(await connector.read(master.id, renamed)).toEqual({
      targetId: renamed,
      row: after,
    });
  });

  it('is corrected where somebody changed what is ours', async () => {
    const master = person();
    const { targetId, row } = await connector.create(master, 'corrected');
    await directory.ldap.modify(targetId, [
      { op: 'replace', attribute: 'sn', values: 'FONTAINE' },
      { op: 'replace', attribute: 'displayName', values: [] },
      { op: 'add', attribute: 'mail', values: 'wrong@example.org' },
      { op: 'add', attribute: 'uid', values: 'alias' },
    ]);
    const found = (await connector.read(master.id, targetId))!;
    expect(changedAttributes(found.row, row)).toEqual(['displayName', 'mail', 'sn', 'uid']);
    await connector.write(master.id, targetId, found.row, row);
    expect((await connector.read(master.id, targetId))!.row).toEqual(row);
  });

  it.each(['S:SupannVerrouAdministratif', 'I:SupannVerrouille'])(
    'stays suspended as %s when people have suspended it',
    async (lockState) => {
      const master = person();
      const login = loginLetters(lockState);
      const { targetId, row } = await connector.create(master, login);
      const lock = ['supannRessourceEtat', 'supannRessourceEtatDate'].map((attribute, i) => ({
        ...{ op: 'replace' as const, attribute, values: `{COMPTE}${lockState}${'::'.repeat(i)}` },
      }));
      await directory.ldap.modify(targetId, lock);
      const changed = connector.map({ ...master, roles: { resource: [{ population: 'RGPST' }] } }, login).row;
      await connector.write(master.id, targetId, row, changed);
      expect(await connector.attributes(targetId, 'supannRessourceEtat', 'eduPersonPrimaryAffiliation')).toEqual({
        supannRessourceEtat: [`{COMPTE}${lockState}`],
        eduPersonPrimaryAffiliation: ['staff'],
      });
      // A later check sees no state of ours: writing it again must lift nothing, and touch nothing.
      const found = (await connector.read(master.id, targetId))!;
      const mark = await directory.entryCsn(targetId);
      await connector.write(master.id, targetId, found.row, changed);
      expect(await directory.entryCsn(targetId)).toBe(mark);
    },
  );
});

describe('what is sent', () => {
  it('is nothing when nothing changed, and one modify of exactly the changed values otherwise', async () => {
    const phones = ['+33 1 00 00 00 01', '+33 1 00 00 00 02'].map((value) => ({ kind: 'workPhone' as const, value }));
    const master = person({ contacts: phones });
    const { targetId, row } = await connector.create(master, 'minimal');
    const mark = await directory.entryCsn(targetId);
    await connector.write(master.id, targetId, row, row);
    expect(await directory.entryCsn(targetId)).toBe(mark);
    // A value that somebody else added to the attribute stands: only what differs between the two rows is touched.
    await directory.ldap.modify(targetId, [{ op: 'add', attribute: 'telephoneNumber', values: '+33 1 99 99 99 99' }]);
    await connector.write(
      master.id,
      targetId,
      row,
      connector.map({ ...master, contacts: phones.slice(1) }, 'minimal').row,
    );
    expect((await connector.attributes(targetId, 'telephoneNumber'))?.telephoneNumber?.sort()).toEqual([
      '+33 1 00 00 00 02',
      '+33 1 99 99 99 99',
    ]);
  });

  it('corrects a spelling that the server holds for equal, once', async () => {
    const master = person({ birthName: 'Koné' });
    const { targetId, row } = await connector.create(master, 'spelling');
    const after = connector.map({ ...master, birthName: 'KONÉ' }, 'spelling').row;
    await connector.write(master.id, targetId, row, after);
    expect((await connector.attributes(targetId, 'sn'))?.sn).toEqual(['KONÉ']);
    const mark = await directory.entryCsn(targetId);
    await connector.write(master.id, targetId, row, after);
    expect(await directory.entryCsn(targetId)).toBe(mark);
  });

  it('changes an attribute without an equality rule, once', async () => {
    const fax = (value: string) => ({ kind: 'workFax' as const, value });
    const master = person({ contacts: [fax('+33 1 00 00 00 03')] });
    const { targetId, row } = await connector.create(master, 'fax');
    const after = connector.map({ ...master, contacts: [fax('+33 1 00 00 00 04')] }, 'fax').row;
    await connector.write(master.id, targetId, row, after);
    expect((await connector.read(master.id, targetId))!.row).toEqual(after);
    const mark = await directory.entryCsn(targetId);
    await connector.write(master.id, targetId, row, after);
    expect(await directory.entryCsn(targetId)).toBe(mark);
  });

  it('is accepted for any person, and reads back as it was mapped', async () => {
    let number = 0;
    await fc.assert(
      fc.asyncProperty(anyPerson, async (any) => {
        const master = { ...any, identifiers: any.identifiers?.filter(({ scheme }) => scheme !== 'uid') };
        const { targetId, row } = await connector.create(master, `any${number++}`);
        expect(await connector.read(master.id, targetId)).toEqual({ targetId, row });
        await connector.write(master.id, targetId, row, null);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it('costs a value that the schema cannot hold, not the entry', async () => {
    const master = person({ birth: { date: '1990-05-04', townCode: '2A004' } });
    const { targetId } = await connector.create(master, 'corsican');
    expect(connector.map(master, 'corsican').unrepresentable?.map(({ field }) => field)).toEqual(['birth.townCode']);
    expect(
      await connector.attributes(targetId, 'supannOIDCDateDeNaissance', 'supannCodeINSEEVilleDeNaissance'),
    ).toEqual({
      supannOIDCDateDeNaissance: ['1990-05-04'],
    });
  });
});
