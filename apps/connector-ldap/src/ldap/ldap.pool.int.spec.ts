import { setTimeout as sleep } from 'node:timers/promises';
import { present } from './filter';
import { ldapDrivers } from './ldap.drivers';
import * as failure from './ldap.error';
import { LdapPool } from './ldap.pool';
import type { LdapOperations } from './ldap.port';
import { direct, pages, person, rejection, TestTree } from './ldap.testing';

describe.each(Object.values(ldapDrivers))('a pool over $name', (driver) => {
  const tree = new TestTree(driver);
  const names = async (of: LdapOperations) =>
    (await of.search(tree.base, present('cn'), { attributes: ['cn'] })).map((entry) => entry.attributes.cn![0]!);

  let pool: LdapPool;

  afterEach(() => pool.close());

  it('shares the work among its connections', async () => {
    pool = new LdapPool(driver, { ...tree.through, deadlineMs: 5_000 }, { size: 3, inFlight: 4 });
    const before = tree.proxy.accepted;
    const all = Array.from({ length: 100 }, (_, i) => `q${i}`);
    await Promise.all(all.map((cn) => pool.add(tree.at(cn), person(cn))));
    expect((await names(pool)).sort()).toEqual(all.sort());
    expect(tree.proxy.accepted - before).toBe(3);
  });

  it('replaces dead connections by bound ones', async () => {
    pool = new LdapPool(driver, { ...tree.through, deadlineMs: 5_000 }, { size: 2 });
    await pool.add(tree.at('a'), person('a'));
    await tree.proxy.kill();
    await sleep(50);
    const waiting = pool.use(async (connection) => [await connection.whoAmI(), await names(connection)]);
    await sleep(300);
    await tree.proxy.listen();
    expect(await waiting).toEqual([await tree.ldap.whoAmI(), ['a']]);
  });

  it('does not hammer a server that is down, and lets nobody wait for ever', async () => {
    pool = new LdapPool(driver, tree.through, { waitMs: 1_000 });
    await tree.proxy.listenAndReset();
    const before = tree.proxy.accepted;
    const start = Date.now();
    const results = await Promise.allSettled(Array.from({ length: 500 }, () => pool.read(tree.base, [])));
    expect(Date.now() - start).toBeLessThan(3_000);
    expect(results.every((result) => result.status === 'rejected' && failure.isDown(result.reason))).toBe(true);
    expect(tree.proxy.accepted - before).toBeLessThan(10);
  });

  it('fails at once, and asks once, when the password is wrong', async () => {
    pool = new LdapPool(driver, { ...tree.through, password: 'wrong' }, { waitMs: 60_000 });
    const before = tree.proxy.accepted;
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => pool.read(tree.base, [])));
    expect(results.every((result) => result.status === 'rejected' && failure.isCredentials(result.reason))).toBe(true);
    expect(failure.isCredentials(await rejection(pool.read(tree.base, [])))).toBe(true);
    expect(tree.proxy.accepted - before).toBe(1);
  });

  it('gives each listing a connection of its own', async () => {
    pool = new LdapPool(driver, tree.through, { size: 2, waitMs: 300 });
    await tree.addAll(['a', 'b', 'c']);
    const [one, two, three] = [1, 2, 3].map(() => pool.list(tree.base, present('cn'), [], 1));
    await one!.next();
    await two!.next();
    await expect(three!.next()).rejects.toMatchObject({ code: 'deadline' });
    await one!.return();
    expect((await pages(pool.list(tree.base, present('cn'), []))).at(-1)?.complete).toBe(true);
  });

  it('closes although somebody has left a listing halfway', async () => {
    pool = new LdapPool(driver, tree.through);
    await tree.addAll(['a', 'b']);
    await pool.list(tree.base, present('cn'), [], 1).next();
    await pool.close();
    while (tree.proxy.open > 0) await sleep(5);
  });

  it('ends what is in flight before it closes', async () => {
    pool = new LdapPool(driver, direct);
    await pool.whoAmI();
    const inFlight = Promise.all(['a', 'b'].map((cn) => pool.add(tree.at(cn), person(cn))));
    await pool.close();
    await inFlight;
    await expect(pool.whoAmI()).rejects.toMatchObject({ code: 'closed' });
  });
});
