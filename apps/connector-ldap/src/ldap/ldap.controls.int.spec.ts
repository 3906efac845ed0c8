import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { rdn } from './dn';
import { and, equal, or, present } from './filter';
import { ASSERTION } from './ldap.controls';
import { ldapDrivers } from './ldap.drivers';
import * as failure from './ldap.error';
import { LdapPool } from './ldap.pool';
import { direct, person, rejection, TestTree } from './ldap.testing';

describe.each(Object.values(ldapDrivers))('controls over $name', (driver) => {
  const tree = new TestTree(driver);
  const version = async (cn: string) =>
    (await tree.ldap.read(tree.at(cn), ['entryCSN']))?.attributes.entryCSN?.[0] ?? '';
  const mail = (value: string) => [{ op: 'replace' as const, attribute: 'mail', values: value }];

  it('carries a write out only while the entry matches', async () => {
    await tree.ldap.add(tree.at('a'), person('a'));
    const first = equal('entryCSN', await version('a'));
    await tree.ldap.modify(tree.at('a'), mail('a@x'), { onlyIf: first });
    const attempts = [
      tree.ldap.modify(tree.at('a'), mail('b@x'), { onlyIf: first }),
      tree.ldap.rename(tree.at('a'), rdn('cn', 'b'), { onlyIf: first }),
      tree.ldap.remove(tree.at('a'), { onlyIf: first }),
    ];
    const refusals = await Promise.all(attempts.map(rejection));
    expect(refusals.map(failure.isAssertionFailed)).toEqual([true, true, true]);
    expect((await tree.ldap.read(tree.at('a'), ['mail']))?.attributes).toEqual({ mail: ['a@x'] });
    await tree.ldap.rename(tree.at('a'), rdn('cn', 'b'), { onlyIf: equal('entryCSN', await version('a')) });
    await tree.ldap.remove(tree.at('b'), { onlyIf: equal('entryCSN', await version('b')) });
    expect(await tree.ldap.read(tree.at('b'), [])).toBeNull();
  });

  it('tells what the entry is after a write, whatever it holds', async () => {
    const text = 'é'.repeat(40_000);
    const added = await tree.ldap.add(
      tree.at('a'),
      { ...person('a'), description: text },
      { returning: ['DESCRIPTION'] },
    );
    expect(added).toEqual({ DESCRIPTION: [text] });
    const asked = { returning: ['entryCSN', 'mail', 'title'] };
    expect(await tree.ldap.modify(tree.at('a'), mail('a@x'), asked)).toEqual({
      ...{ entryCSN: [await version('a')], mail: ['a@x'] },
    });
    expect(await tree.ldap.rename(tree.at('a'), rdn('cn', 'b'), asked)).toEqual({
      ...{ entryCSN: [await version('b')], mail: ['a@x'] },
    });
    expect(await tree.ldap.modify(tree.at('b'), mail('b@x'))).toEqual({});
    expect(await rejection(tree.ldap.add(tree.at('b'), person('b'), asked))).toMatchObject({ code: 68 });
  });

  it('asserts what a search would find', async () => {
    await tree.ldap.add(tree.at('a'), person('a'));
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }).filter((value) => value.trim() !== '');
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        await tree.ldap.modify(tree.at('a'), [{ op: 'replace', attribute: 'description', values: value }]);
        const filter = and(present('sn'), or(equal('description', value), equal('sn', 'nobody')));
        await tree.ldap.modify(tree.at('a'), mail('a@x'), { onlyIf: filter });
        const other = equal('description', `${value}x`);
        expect(
          failure.isAssertionFailed(await rejection(tree.ldap.modify(tree.at('a'), mail('b@x'), { onlyIf: other }))),
        ).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('is announced by the server, which is asked once', async () => {
    const pool = new LdapPool(driver, tree.through);
    let asked = 0;
    tree.proxy.watch = (chunk) => (asked += chunk.includes('supportedControl') ? 1 : 0);
    expect(await Promise.all([ASSERTION, '1.2.3', ASSERTION].map((control) => pool.supports(control)))).toEqual([
      true,
      false,
      true,
    ]);
    expect(asked).toBe(1);
    await pool.close();
  });

  describe('an operation with an end', () => {
    it('is not sent after it, and costs nobody the connection', async () => {
      let sent = 0;
      const connection = await tree.open();
      tree.proxy.watch = () => (sent += 1);
      const until = performance.now() - 1;
      expect(await rejection(connection.add(tree.at('a'), person('a'), { until }))).toMatchObject({
        ...{ code: 'deadline', unknownOutcome: false },
      });
      expect([sent, connection.alive]).toEqual([0, true]);
    });

    it('is not awaited after it, neither by the server nor for a place', async () => {
      const pool = new LdapPool(driver, { ...direct, url: tree.proxy.url }, { size: 1, inFlight: 1 });
      await pool.whoAmI();
      tree.proxy.freeze();
      const begun = performance.now();
      const until = begun + 200;
      const attempts = [pool.remove(tree.at('a'), { until }), pool.remove(tree.at('b'), { until })];
      const errors = await Promise.all(attempts.map(rejection));
      expect(performance.now() - begun).toBeLessThan(1_000);
      expect(errors.map(failure.isDown)).toEqual([true, true]);
      expect(errors.map(failure.isUnknown)).toEqual([true, false]);
      await tree.proxy.kill();
      await sleep(10);
      await pool.close();
    });
  });
});
