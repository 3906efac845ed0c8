import { Fatal } from '@myelin/connector';
import { person, rejection, TestConnector } from './connector.testing.js';
import { TestDirectory } from './directory.testing.js';
import { ldapConnector } from './ldap.connector.js';
import { present } from './ldap/filter.js';
import { proxied } from './ldap/tcp-proxy.testing.js';

const directory = new TestDirectory();
const { settings } = directory;
const connector = new TestConnector(directory);

describe('a directory that goes away', () => {
  const proxy = proxied(settings.url);
  const own = new TestConnector(directory, () => ({ url: proxy.url, deadlineMs: 500 }));
  const check = () => own.session.check();

  it('says whether the change may have been carried out, and goes on when it is back', async () => {
    const master = person();
    const { targetId, row } = await connector.create(master, 'outage');
    const update = () => own.write(master.id, targetId, row, { ...row, supannListeRouge: ['TRUE'] });
    proxy.freeze();
    expect(await rejection(update())).toMatchObject({ name: 'TargetDown', unknownOutcome: true });
    await proxy.kill();
    expect(await rejection(check())).toMatchObject({ name: 'TargetDown', unknownOutcome: false });
    expect(await rejection(update())).toMatchObject({ name: 'TargetDown', unknownOutcome: false });
    await proxy.listen();
    await own.back();
    await update();
    expect((await connector.attributes(targetId, 'supannListeRouge'))?.supannListeRouge).toEqual(['TRUE']);
  });
});

describe('a directory without branches', () => {
  const bare = new TestDirectory();
  const own = new TestConnector(bare);
  const units = async () => {
    const entries = await bare.ldap.search(bare.settings.baseDn, present('ou'), { scope: 'one', attributes: ['ou'] });
    return entries.flatMap(({ attributes }) => attributes.ou ?? []).sort();
  };

  it('is left as it is by who only looks, and gets them with the first write', async () => {
    const ref = { id: 'x', targetId: null };
    await own.session.check();
    expect([await own.read('x', null), await own.sync('person').readMany!([ref])]).toEqual([null, [null]]);
    await own.write('x', null, null, null);
    expect(await units()).toEqual([]);
    await own.create(person(), 'first');
    expect(await units()).toEqual(['groups', 'people', 'structures']);
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

  describe('and loses a branch', () => {
    const peopleBranch = `ou=leaving,${settings.baseDn}`;
    const own = new TestConnector(directory, () => ({ peopleBranch }));

    it('is fatal to whoever writes, reads or reads many', async () => {
      const master = person();
      const { targetId, row } = await own.create(master, 'first');
      await own.write(master.id, targetId, row, null);
      await directory.ldap.remove(peopleBranch);
      const ref = { id: 'x', targetId: null };
      const attempts = [own.create(person(), 'nowhere'), own.read('x', null), own.sync('person').readMany!([ref])];
      for (const error of await Promise.all(attempts.map(rejection))) expect(error).toBeInstanceOf(Fatal);
    });
  });
});
