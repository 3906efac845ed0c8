import { Rejected, type Mapped, type Row } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import { rejection, TestConnector, unit } from './connector.testing.js';
import { contextWith, TestDirectory } from './directory.testing.js';

const photo = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00]);
const directory = new TestDirectory();
const connector = new TestConnector(directory);

describe('structures', () => {
  const mapUnit = (master: Master<'structure'>) =>
    (connector.sync('structure').map(master, contextWith({})) as Mapped).row;
  const writeUnit = (targetId: string | null, before: Row | null, after: Row | null) =>
    connector.write(unit.id, targetId, before, after, { entity: 'structure' });

  it('become establishments, with what belongs to others', async () => {
    const [row, after] = [unit, { ...unit, type: 'S102', identifiers: [{ scheme: 'uai', value: '0751717J' }] }].map(
      mapUnit,
    );
    const { targetId } = await writeUnit(null, null, row!);
    await directory.ldap.modify(targetId, [
      { op: 'add', attribute: 'objectClass', values: 'labeledURIObject' },
      { op: 'add', attribute: 'seeAlso', values: 'cn=x' },
      { op: 'add', attribute: 'userPassword', values: photo },
      { op: 'add', attribute: 'supannRefId', values: '{UAI:0999001W:BIB}B1' },
    ]);
    await writeUnit(targetId, row!, after!);
    const entry = await connector.attributes(
      targetId,
      'objectClass',
      'o',
      'ou',
      'seeAlso',
      'supannRefId',
      'supannEtablissement',
    );
    expect(entry?.objectClass?.sort()).toEqual([
      'eduOrg',
      'labeledURIObject',
      'organization',
      'supannEntite',
      'supannOrg',
    ]);
    expect(entry).toMatchObject({ o: ['UFR'], seeAlso: ['cn=x'], supannEtablissement: ['{UAI}0751717J'] });
    expect(entry?.ou).toBeUndefined();
    const secret = await directory.ldap.read(targetId, [], { binary: ['userPassword'] });
    expect(secret?.binary.userPassword).toEqual([photo]);
    expect(entry?.supannRefId).toHaveLength(2);
    const mark = await directory.entryCsn(targetId);
    await writeUnit(targetId, row!, after!);
    expect(await directory.entryCsn(targetId)).toBe(mark);
    await writeUnit(targetId, after!, row!);
    expect((await connector.read(unit.id, targetId, 'structure'))!.row).toEqual(row);
  });

  it('come back as they were when the new kind is refused, and stay when there are entries below', async () => {
    const row = mapUnit(unit);
    const { targetId } = await writeUnit(null, null, row);
    const bad = {
      ...mapUnit({ ...unit, type: 'S102', identifiers: [{ scheme: 'uai', value: '0751717J' }] }),
      supannCodeEntiteParent: ['é'],
    };
    expect(await rejection(writeUnit(targetId, row, bad))).toBeInstanceOf(Rejected);
    expect((await connector.read(unit.id, targetId, 'structure'))!.row).toEqual(row);
    await directory.ldap.add(`ou=below,${targetId}`, { objectClass: 'organizationalUnit', ou: 'below' });
    expect(await rejection(writeUnit(targetId, row, bad))).toBeInstanceOf(Rejected);
    expect(await rejection(writeUnit(targetId, row, null))).toBeInstanceOf(Rejected);
  });
});
