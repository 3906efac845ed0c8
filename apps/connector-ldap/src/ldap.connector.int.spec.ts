import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import {
  changedAttributes,
  Fatal,
  NameTaken,
  Rejected,
  TargetDown,
  type Mapped,
  type Session,
  type Sync,
} from '@myelin/connector';
import type { Entity, Master } from '@myelin/contracts';
import { contextWith, TestDirectory } from './directory.testing.js';
import { ldapConnector } from './ldap.connector.js';
import { TcpProxy } from './ldap/tcp-proxy.testing.js';
import { anyPerson } from './person.testing.js';
import { loginLetters } from './supann/transliterate.js';

const photo = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0x00]);
const directory = new TestDirectory({ birthData: true, localSchemes: ['x-local'] });
const { settings } = directory;
let session: Session;

const syncOf = <E extends Entity>(entity: E) =>
  session.syncs.find((one) => one.entity === entity) as unknown as Sync<E>;
const unit: Master<'structure'> = {
  ...{ id: 'S1', status: 'active', code: 'UFR', type: 'S201', shortLabel: 'UFR', longLabel: 'UFR des sciences' },
};
const references = () => ({
  'code:UFR': { master: unit, targetId: directory.structure('UFR') },
  'siham:1': { master: unit, targetId: directory.person('Le "chef", à côté+1') },
});
const person = (rest: Partial<Master<'person'>> = {}): Master<'person'> => ({
  ...{ id: randomBytes(6).toString('hex'), status: 'active', birthName: 'Fontaine', givenNames: ['Cécile'] },
  ...rest,
});

const map = (master: Master<'person'>, name: string) =>
  syncOf('person').map(master, contextWith(references(), { name })) as Mapped;
const write = (
  id: string,
  targetId: string | null,
  before: Mapped['row'] | null,
  after: Mapped['row'] | null,
  name?: string,
) =>
  syncOf('person').write({
    ...{ id, targetId, before, after, name, ...{ epoch: 1, revision: 1, etag: undefined, correlationId: undefined } },
    changed: changedAttributes(before, after),
  });
const create = async (master: Master<'person'>, name: string) => {
  const { row } = map(master, name);
  return { ...(await write(master.id, null, null, row, name)), row };
};
const attributes = async (dn: string, ...names: string[]) => (await directory.ldap.read(dn, names))?.attributes;
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  );

beforeAll(async () => {
  session = await ldapConnector(settings).open();
  await session.check();
});
afterAll(() => session.close());

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
    const { targetId, row } = await create(master, 'cfontaine');
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
    const before = await attributes(targetId, 'entryUUID', 'userPassword', ...foreign);
    const after = map({ ...master, usageName: 'Martin', contacts: null, listing: 'private' }, 'cmartin').row;
    const { targetId: renamed } = await write(master.id, targetId, row, after);
    expect(renamed).toBe(directory.person('cmartin'));
    expect(await attributes(renamed, 'entryUUID', 'userPassword', ...foreign)).toEqual(before);
    expect(await attributes(renamed, 'uid', 'sn', 'mail', 'supannListeRouge')).toEqual({
      ...{ uid: ['cmartin'], sn: ['Martin'], supannListeRouge: ['TRUE'] },
    });
    expect((await attributes(renamed, 'supannRefId'))?.supannRefId?.sort()).toEqual(
      ['{UAI:0999001W:BIB}B1', '{REFID}x', `{UAI:0999001W:HUB}${master.id}`].sort(),
    );
    expect((await attributes(renamed, 'supannRessourceEtat'))?.supannRessourceEtat).toContain('{MAIL}A:SupannActif');
    expect(await directory.ldap.read(targetId, [])).toBeNull();
    expect(await syncOf('person').read({ id: master.id, targetId: renamed })).toEqual({
      targetId: renamed,
      row: after,
    });
  });

  it('is corrected where somebody changed what is ours', async () => {
    const master = person();
    const { targetId, row } = await create(master, 'corrected');
    await directory.ldap.modify(targetId, [
      { op: 'replace', attribute: 'sn', values: 'FONTAINE' },
      { op: 'replace', attribute: 'displayName', values: [] },
      { op: 'add', attribute: 'mail', values: 'wrong@example.org' },
      { op: 'add', attribute: 'uid', values: 'alias' },
    ]);
    const found = (await syncOf('person').read({ id: master.id, targetId }))!;
    expect(changedAttributes(found.row, row)).toEqual(['displayName', 'mail', 'sn', 'uid']);
    await write(master.id, targetId, found.row, row);
    expect((await syncOf('person').read({ id: master.id, targetId }))!.row).toEqual(row);
  });

  it.each(['S:SupannVerrouAdministratif', 'I:SupannVerrouille'])(
    'stays suspended as %s when people have suspended it',
    async (lockState) => {
      const master = person();
      const login = loginLetters(lockState);
      const { targetId, row } = await create(master, login);
      const lock = ['supannRessourceEtat', 'supannRessourceEtatDate'].map((attribute, i) => ({
        ...{ op: 'replace' as const, attribute, values: `{COMPTE}${lockState}${'::'.repeat(i)}` },
      }));
      await directory.ldap.modify(targetId, lock);
      const changed = map({ ...master, roles: { resource: [{ population: 'RGPST' }] } }, login).row;
      await write(master.id, targetId, row, changed);
      expect(await attributes(targetId, 'supannRessourceEtat', 'eduPersonPrimaryAffiliation')).toEqual({
        supannRessourceEtat: [`{COMPTE}${lockState}`],
        eduPersonPrimaryAffiliation: ['staff'],
      });
      // A later check sees no state of ours: writing it again must lift nothing, and touch nothing.
      const found = (await syncOf('person').read({ id: master.id, targetId }))!;
      const mark = await directory.entryCsn(targetId);
      await write(master.id, targetId, found.row, changed);
      expect(await directory.entryCsn(targetId)).toBe(mark);
    },
  );
});

describe('what is sent', () => {
  it('is nothing when nothing changed, and one modify of exactly the changed values otherwise', async () => {
    const phones = ['+33 1 00 00 00 01', '+33 1 00 00 00 02'].map((value) => ({ kind: 'workPhone' as const, value }));
    const master = person({ contacts: phones });
    const { targetId, row } = await create(master, 'minimal');
    const mark = await directory.entryCsn(targetId);
    await write(master.id, targetId, row, row);
    expect(await directory.entryCsn(targetId)).toBe(mark);
    // A value that somebody else added to the attribute stands: only what differs between the two rows is touched.
    await directory.ldap.modify(targetId, [{ op: 'add', attribute: 'telephoneNumber', values: '+33 1 99 99 99 99' }]);
    await write(master.id, targetId, row, map({ ...master, contacts: phones.slice(1) }, 'minimal').row);
    expect((await attributes(targetId, 'telephoneNumber'))?.telephoneNumber?.sort()).toEqual([
      '+33 1 00 00 00 02',
      '+33 1 99 99 99 99',
    ]);
  });

  it('corrects a spelling that the server holds for equal, once', async () => {
    const master = person({ birthName: 'Koné' });
    const { targetId, row } = await create(master, 'spelling');
    const after = map({ ...master, birthName: 'KONÉ' }, 'spelling').row;
    await write(master.id, targetId, row, after);
    expect((await attributes(targetId, 'sn'))?.sn).toEqual(['KONÉ']);
    const mark = await directory.entryCsn(targetId);
    await write(master.id, targetId, row, after);
    expect(await directory.entryCsn(targetId)).toBe(mark);
  });

  it('changes an attribute without an equality rule, once', async () => {
    const fax = (value: string) => ({ kind: 'workFax' as const, value });
    const master = person({ contacts: [fax('+33 1 00 00 00 03')] });
    const { targetId, row } = await create(master, 'fax');
    const after = map({ ...master, contacts: [fax('+33 1 00 00 00 04')] }, 'fax').row;
    await write(master.id, targetId, row, after);
    expect((await syncOf('person').read({ id: master.id, targetId }))!.row).toEqual(after);
    const mark = await directory.entryCsn(targetId);
    await write(master.id, targetId, row, after);
    expect(await directory.entryCsn(targetId)).toBe(mark);
  });

  it('is accepted for any person, and reads back as it was mapped', async () => {
    let number = 0;
    await fc.assert(
      fc.asyncProperty(anyPerson, async (any) => {
        const master = { ...any, identifiers: any.identifiers?.filter(({ scheme }) => scheme !== 'uid') };
        const { targetId, row } = await create(master, `any${number++}`);
        expect(await syncOf('person').read({ id: master.id, targetId })).toEqual({ targetId, row });
        await write(master.id, targetId, row, null);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it('costs a value that the schema cannot hold, not the entry', async () => {
    const master = person({ birth: { date: '1990-05-04', townCode: '2A004' } });
    const { targetId } = await create(master, 'corsican');
    expect(map(master, 'corsican').unrepresentable?.map(({ field }) => field)).toEqual(['birth.townCode']);
    expect(await attributes(targetId, 'supannOIDCDateDeNaissance', 'supannCodeINSEEVilleDeNaissance')).toEqual({
      supannOIDCDateDeNaissance: ['1990-05-04'],
    });
  });
});

describe('names that are taken', () => {
  it('asks for another when the login was allocated, and refuses when the record brings it', async () => {
    await create(person(), 'taken');
    const other = person({ birthName: 'Autre' });
    const error = (await rejection(create(other, 'taken'))) as NameTaken;
    expect(error).toBeInstanceOf(NameTaken);
    expect(error.taken).toBe('taken');
    const given = await rejection(create(person({ identifiers: [{ scheme: 'uid', value: 'taken' }] }), 'unused'));
    expect(given).toBeInstanceOf(Rejected);
    expect(given).not.toBeInstanceOf(NameTaken);
    expect((given as Rejected).attributes).toEqual(['uid']);
  });

  it('says so when a rename meets one, and leaves the entry as it was', async () => {
    await create(person(), 'occupied');
    const master = person();
    const { targetId, row } = await create(master, 'renaming');
    const after = map({ ...master, listing: 'private' }, 'occupied').row;
    expect(await rejection(write(master.id, targetId, row, after, 'occupied'))).toBeInstanceOf(NameTaken);
    expect((await syncOf('person').read({ id: master.id, targetId }))!.row).toEqual(row);
  });

  it('finds the entry again when the ledger was lost, whatever its name', async () => {
    const master = person();
    const { targetId } = await create(master, 'found');
    const { targetId: again } = await create(master, 'found2');
    expect(again).toBe(directory.person('found2'));
    expect(await directory.ldap.read(targetId, [])).toBeNull();
  });

  it('does not choose between two entries that carry the id', async () => {
    const master = person();
    await create(master, 'twin1');
    await directory.ldap.add(directory.person('twin2'), {
      ...{ objectClass: ['inetOrgPerson', 'supannPerson'], uid: 'twin2', cn: 'x', sn: 'x' },
      supannRefId: `{UAI:0999001W:HUB}${master.id}`,
    });
    expect(await rejection(syncOf('person').read({ id: master.id, targetId: null }))).toBeInstanceOf(Rejected);
  });

  it('removes nothing that has become the entry of somebody else', async () => {
    const [one, two] = [person(), person()];
    const { targetId, row } = await create(one, 'reused');
    await write(one.id, targetId, row, null);
    await create(two, 'reused');
    await write(one.id, targetId, row, null);
    expect(await directory.ldap.read(targetId, [])).not.toBeNull();
  });
});

describe('a directory in which logins and principal names are unique', () => {
  const branch = `ou=people,${process.env.LDAP_BASE_DN}`;
  const unique = new TestDirectory({}, branch);
  let own: Session;
  const createUnique = async (master: Master<'person'>, name: string) => {
    const sync = own.syncs.find(({ entity }) => entity === 'person')!;
    const { row } = sync.map(master, contextWith({}, { name })) as Mapped;
    const change = {
      id: master.id,
      targetId: null,
      before: null,
      after: row,
      changed: [],
      name,
      ...{ epoch: 1, revision: 1, etag: undefined, correlationId: undefined },
    };
    return sync.write(change);
  };
  const eppn = (value: string) => ({ identifiers: [{ scheme: 'eppn', value }] });

  beforeAll(async () => {
    own = await ldapConnector(unique.settings).open();
    await own.check();
    await createUnique(person(eppn('zoe@univ-exemple.fr')), 'unique1');
  });
  afterAll(() => own.close());

  it('asks for another login when the login is taken, or the principal name made of it', async () => {
    expect(await rejection(createUnique(person(), 'unique1'))).toMatchObject({ name: 'NameTaken', taken: 'unique1' });
    expect(await rejection(createUnique(person(), 'zoe'))).toMatchObject({ name: 'NameTaken', taken: 'zoe' });
  });

  it('refuses a record that brings a principal name which is taken', async () => {
    const error = await rejection(createUnique(person(eppn('ZOE@univ-exemple.fr')), 'unique2'));
    expect(error).toMatchObject({ name: 'Rejected', attributes: ['eduPersonPrincipalName'] });
  });
});

describe('a directory that goes away', () => {
  const { hostname, port } = new URL(settings.url);
  const proxy = new TcpProxy({ host: hostname, port: Number(port) || 389 });
  let own: Session;

  beforeAll(async () => {
    await proxy.listen();
    own = await ldapConnector({ ...settings, url: proxy.url, deadlineMs: 500 }).open();
    await own.check();
  });
  afterAll(async () => {
    await proxy.kill();
    await own.close();
  });

  it('says whether the change may have been carried out, and goes on when it is back', async () => {
    const sync = own.syncs.find(({ entity }) => entity === 'person')!;
    const master = person();
    const { row } = map(master, 'outage');
    const { targetId } = await create(master, 'outage');
    const change = {
      id: master.id,
      targetId,
      before: row,
      name: undefined,
      ...{ epoch: 1, revision: 1, etag: undefined, correlationId: undefined },
      changed: ['supannListeRouge'],
    };
    const update = () => sync.write({ ...change, after: { ...row, supannListeRouge: ['TRUE'] } });
    proxy.freeze();
    expect(await rejection(update())).toMatchObject({ name: 'TargetDown', unknownOutcome: true });
    await proxy.kill();
    expect(await rejection(own.check())).toMatchObject({ name: 'TargetDown', unknownOutcome: false });
    expect(await rejection(update())).toMatchObject({ name: 'TargetDown', unknownOutcome: false });
    await proxy.listen();
    // The pool attempts connections at growing intervals.
    while (
      await own.check().then(
        () => false,
        (error: unknown) => error instanceof TargetDown,
      )
    )
      continue;
    await update();
    expect((await attributes(targetId, 'supannListeRouge'))?.supannListeRouge).toEqual(['TRUE']);
  }, 20_000);
});

describe('deliveries at the same time', () => {
  it('leave one entry', async () => {
    const master = person();
    const { row } = map(master, 'atonce');
    const targets = await Promise.all(Array.from({ length: 8 }, () => write(master.id, null, null, row)));
    expect(new Set(targets.map(({ targetId }) => targetId))).toEqual(new Set([directory.person('atonce')]));
    expect((await syncOf('person').read({ id: master.id, targetId: null }))!.row).toEqual(row);
  });
});

describe('structures', () => {
  const mapUnit = (master: Master<'structure'>) => (syncOf('structure').map(master, contextWith({})) as Mapped).row;
  const writeUnit = (targetId: string | null, before: Mapped['row'] | null, after: Mapped['row'] | null) =>
    syncOf('structure').write({
      ...{
        id: unit.id,
        targetId,
        before,
        after,
        name: undefined,
        ...{ epoch: 1, revision: 1, etag: undefined, correlationId: undefined },
      },
      changed: [],
    });

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
    const entry = await attributes(targetId, 'objectClass', 'o', 'ou', 'seeAlso', 'supannRefId', 'supannEtablissement');
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
    expect((await syncOf('structure').read({ id: unit.id, targetId }))!.row).toEqual(row);
  });

  it('come back as they were when the new kind is refused, and stay when there are entries below', async () => {
    const row = mapUnit(unit);
    const { targetId } = await writeUnit(null, null, row);
    const bad = {
      ...mapUnit({ ...unit, type: 'S102', identifiers: [{ scheme: 'uai', value: '0751717J' }] }),
      supannCodeEntiteParent: ['é'],
    };
    expect(await rejection(writeUnit(targetId, row, bad))).toBeInstanceOf(Rejected);
    expect((await syncOf('structure').read({ id: unit.id, targetId }))!.row).toEqual(row);
    await directory.ldap.add(`ou=below,${targetId}`, { objectClass: 'organizationalUnit', ou: 'below' });
    expect(await rejection(writeUnit(targetId, row, bad))).toBeInstanceOf(Rejected);
    expect(await rejection(writeUnit(targetId, row, null))).toBeInstanceOf(Rejected);
  });
});

describe('a directory that is not as the settings say', () => {
  const check = async (given: object) => {
    const opened = await ldapConnector({ ...settings, ...given }).open();
    return rejection(opened.check()).finally(() => opened.close());
  };

  it.each([
    ['a wrong password', { password: 'wrong' }],
    ['a base that does not exist', { baseDn: `ou=none,${settings.baseDn}` }],
    ['a missing branch that may not be created', { peopleBranch: `ou=none,${settings.baseDn}`, createBranches: false }],
    ['a missing branch elsewhere', { peopleBranch: `ou=none,ou=none,${settings.baseDn}` }],
  ])('is fatal: %s', async (_name, given) => {
    expect(await check(given)).toBeInstanceOf(Fatal);
  });

  it('is fatal when a branch goes away', async () => {
    const own = await ldapConnector({ ...settings, peopleBranch: `ou=leaving,${settings.baseDn}` }).open();
    await own.check();
    await directory.ldap.remove(`ou=leaving,${settings.baseDn}`);
    const sync = own.syncs.find(({ entity }) => entity === 'person')!;
    const { row } = map(person(), 'nowhere');
    const change = {
      ...{
        id: 'x',
        targetId: null,
        before: null,
        after: row,
        changed: [],
        name: undefined,
        ...{ epoch: 1, revision: 1, etag: undefined, correlationId: undefined },
      },
    };
    expect(await rejection(sync.write(change))).toBeInstanceOf(Fatal);
    await own.close();
  });
});
