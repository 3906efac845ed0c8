import { Rejected, TryLater } from '@myelin/connector';
import { person, rejection, TestConnector } from './connector.testing.js';
import { TestDirectory } from './directory.testing.js';
import { childDn } from './ldap/dn.js';

const directory = new TestDirectory();
const connector = new TestConnector(directory);
const refId = (id: string) => `{UAI:0999001W:HUB}${id}`;
const sync = () => connector.sync('person');
const oneByOne = (refs: readonly { id: string; targetId: string | null }[]) =>
  Promise.all(refs.map((ref) => sync().read(ref)));

describe('reading many', () => {
  it('finds what reading one finds, in the order of the references', async () => {
    const ids = await Promise.all(
      Array.from({ length: 120 }, async (_, i) => {
        const master = person();
        const { targetId } = await connector.create(master, `many${i}`);
        return { id: master.id, targetId: i % 3 === 0 ? null : targetId };
      }),
    );
    const refs = [...ids, { id: 'absent', targetId: null }, { id: 'gone', targetId: directory.person('gone') }];
    refs.sort((a, b) => (a.id < b.id ? -1 : 1));
    const found = await sync().readMany!(refs);
    expect(found.filter((one) => one !== null)).toHaveLength(120);
    expect(found).toEqual(await oneByOne(refs));
  });

  it('finds entries that were renamed, moved within the branch, or moved out of it', async () => {
    const masters = [person(), person(), person()];
    const [renamed, within, out] = await Promise.all(
      masters.map((master, i) => connector.create(master, `moving${i}`)),
    );
    await directory.ldap.rename(renamed!.targetId, 'uid=renamedbyhand');
    const below = childDn('ou=below', directory.settings.peopleBranch);
    await directory.ldap.add(below, { objectClass: 'organizationalUnit', ou: 'below' });
    await directory.ldap.rename(within!.targetId, 'uid=moving1', { newSuperior: below });
    await directory.ldap.rename(out!.targetId, 'uid=moving2', { newSuperior: directory.settings.baseDn });
    const elsewhere = childDn('uid=moving2', directory.settings.baseDn);
    const refs = masters.flatMap(({ id }, i) =>
      [directory.person(`moving${i}`), null, elsewhere].map((targetId) => ({ id, targetId })),
    );
    const found = await sync().readMany!(refs);
    expect(found).toEqual(await oneByOne(refs));
    expect(found.map((one) => one && 'targetId' in one && one.targetId.split(',', 2).join())).toEqual([
      ...Array<string>(3).fill(`uid=renamedbyhand,ou=people`),
      ...Array<string>(3).fill('uid=moving1,ou=below'),
      ...[null, null, `uid=moving2,${directory.settings.baseDn.split(',', 1)[0]}`],
    ]);
  });

  it('refuses one of whom two entries stand, unless one is where it should be, and tells of the others', async () => {
    const [twin, other] = [person(), person()];
    const { targetId } = await connector.create(twin, 'twin1');
    await connector.create(other, 'single');
    await directory.ldap.add(directory.person('twin2'), {
      ...{
        objectClass: ['inetOrgPerson', 'supannPerson'],
        uid: 'twin2',
        cn: 'x',
        sn: 'x',
        supannRefId: refId(twin.id),
      },
    });
    const refs = [
      { id: twin.id, targetId: null },
      { id: other.id, targetId: null },
      { id: twin.id, targetId },
      { id: twin.id, targetId: directory.person('TWIN2') },
    ];
    const [refused, ...others] = await sync().readMany!(refs);
    expect(refused).toBeInstanceOf(Rejected);
    expect(await rejection(sync().read(refs[0]!))).toEqual(refused);
    expect(others).toEqual(await oneByOne(refs.slice(1)));
  });
});

describe('a server that answers a page at most', () => {
  // Anybody but the service account gets 500 entries; an administrator of a branch is bound to that.
  const reader = directory.person('reader');

  beforeAll(async () => {
    await directory.ldap.add(reader, {
      ...{ objectClass: ['inetOrgPerson'], uid: 'reader', cn: 'x', sn: 'x', userPassword: 'a password of the test' },
    });
    await Promise.all(
      Array.from({ length: 502 }, (_, i) =>
        directory.ldap.add(directory.person(`copy${i}`), {
          ...{ objectClass: ['inetOrgPerson', 'supannPerson'], uid: `copy${i}`, cn: 'x', sn: 'x' },
          supannRefId: refId(`copied${i % 2}`),
        }),
      ),
    );
  });

  const limited = new TestConnector(directory, () => ({ bindDn: reader, password: 'a password of the test' }));

  it('is asked for less at once, and never taken for complete', async () => {
    const refs = ['copied0', 'copied1', 'nobody'].map((id) => ({ id, targetId: null }));
    const found = await limited.sync('person').readMany!(refs);
    expect(found.map((one) => one instanceof Rejected)).toEqual([true, true, false]);
    await Promise.all(
      Array.from({ length: 502 }, (_, i) =>
        directory.ldap.modify(directory.person(`copy${i}`), [
          { op: 'add', attribute: 'supannRefId', values: refId(`copied${(i + 1) % 2}`) },
        ]),
      ),
    );
    expect(await rejection(limited.sync('person').readMany!(refs))).toBeInstanceOf(TryLater);
  });
});
