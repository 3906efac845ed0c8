import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { childDn, normaliseDn, rdn, sameDn } from './dn';
import { and, equal, or, present } from './filter';
import { ldapDrivers } from './ldap.drivers';
import * as failure from './ldap.error';
import type { LdapPage } from './ldap.port';
import { direct, pages, person, rejection, TestTree } from './ldap.testing';

// RFC 4511 §4.5.2.
const searchEntry = 0x64;
const searchDone = 0x65;

describe.each(Object.values(ldapDrivers))('the LDAP port over $name', (driver) => {
  const tree = new TestTree(driver);

  describe('values and names', () => {
    it('adds, reads, changes and removes an entry', async () => {
      await tree.ldap.add(tree.at('a'), {
        ...person('a'),
        description: ['one', '', null, 'two'],
        mail: '',
        title: null,
      });
      expect(await tree.ldap.read(tree.at('a'), ['CN', 'description', 'mail', 'title'])).toEqual({
        dn: expect.any(String),
        attributes: { CN: ['a'], description: expect.arrayContaining(['one', 'two']) },
        binary: {},
      });
      await tree.ldap.modify(tree.at('a'), [
        { op: 'delete', attribute: 'description', values: ['one', null] },
        { op: 'add', attribute: 'title', values: [undefined, 'Professeur'] },
        { op: 'add', attribute: 'mail', values: '' },
        { op: 'replace', attribute: 'telephoneNumber', values: [] },
        { op: 'delete', attribute: 'sn', values: [''] },
      ]);
      const entry = await tree.ldap.read(tree.at('a'), ['description', 'title', 'sn']);
      expect(entry?.attributes).toEqual({ description: ['two'], title: ['Professeur'], sn: ['Test'] });
      await tree.ldap.remove(tree.at('a'));
      expect(await tree.ldap.read(tree.at('a'), ['cn'])).toBeNull();
    });

    it('applies the steps of a modify in order', async () => {
      await tree.ldap.add(tree.at('a'), { ...person('a'), description: 'université' });
      await tree.ldap.modify(tree.at('a'), [
        { op: 'delete', attribute: 'description', values: 'université' },
        { op: 'add', attribute: 'description', values: 'Université' },
      ]);
      expect((await tree.ldap.read(tree.at('a'), ['description']))?.attributes).toEqual({
        description: ['Université'],
      });
    });

    it('renames and moves', async () => {
      const unit = childDn('ou=b\\, c', tree.base);
      await tree.ldap.add(unit, { objectClass: 'organizationalUnit', ou: 'b, c' });
      await tree.ldap.add(tree.at('a'), person('a'));
      await tree.ldap.rename(tree.at('a'), rdn('cn', 'x\\y, z'));
      await tree.ldap.rename(tree.at('x\\y, z'), rdn('cn', 'x\\y, z'), { newSuperior: unit });
      const entry = await tree.ldap.read(childDn(rdn('cn', 'x\\y, z'), unit), ['cn']);
      expect(entry?.attributes).toEqual({ cn: ['x\\y, z'] });
    });

    it('shows names in readable UTF-8, the same whatever the escapes', async () => {
      await tree.ldap.add(tree.at('Éloïse Dupré, née "Noël"'), person('Éloïse Dupré, née "Noël"'));
      const [entry] = await tree.ldap.search(tree.base, equal('cn', 'éloïse dupré, née "noël"'), { attributes: [] });
      expect(entry?.dn).toContain('Éloïse Dupré\\2C née');
      expect(sameDn(entry!.dn, tree.at('éloïse DUPRÉ, née "noël"'))).toBe(true);
    });

    it('leaves bytes alone', async () => {
      const photo = Buffer.concat([Buffer.of(0xff, 0xd8, 0, 0x80), randomBytes(200_000)]);
      await tree.ldap.add(tree.at('a'), { ...person('a'), jpegPhoto: photo });
      const entry = await tree.ldap.read(tree.at('a'), ['cn'], { binary: ['jpegphoto'] });
      expect(entry?.attributes).toEqual({ cn: ['a'] });
      expect(entry?.binary.jpegphoto?.[0]?.equals(photo)).toBe(true);
    });

    it('carries any text as value, name and filter to exactly one entry', async () => {
      await tree.addAll(['u1', 'u2']);
      const attack = fc.constantFrom(
        '*',
        '*)(uid=u1',
        'u1)(|(cn=*',
        '\\',
        '\\2a',
        '\0',
        '\ufeffx',
        ' x',
        'x ',
        '#00',
        '+D',
      );
      const text = fc.oneof(attack, fc.string({ unit: 'binary', minLength: 1 }), fc.string({ minLength: 1 }));
      // With and without letters around: what is special at an end of a DN value is not so inside.
      const value = fc.tuple(text, fc.constantFrom('', 'v')).map(([some, end]) => (end ? `${end}${some}${end}` : some));
      await fc.assert(
        fc.asyncProperty(value, async (cn) => {
          // A name of spaces only is no name for the server.
          fc.pre(cn.trim() !== '' && !['u1', 'u2'].includes(fold(cn)));
          await tree.ldap.add(tree.at(cn), { ...person(cn), description: cn });
          const filters = [equal('cn', cn), and(equal('objectClass', 'person'), or(equal('description', cn)))];
          for (const filter of filters) {
            const entries = await tree.ldap.search(tree.base, filter, { attributes: ['cn', 'description'] });
            expect(entries.map((entry) => entry.attributes)).toEqual([{ cn: [cn], description: [cn] }]);
            expect(normaliseDn(entries[0]!.dn)).toBe(normaliseDn(tree.at(cn)));
          }
          await tree.ldap.remove(tree.at(cn));
        }),
        { numRuns: 300 },
      );
    }, 60_000);
  });

  describe('answers', () => {
    it.each([
      ['exists', failure.isAlreadyExists, () => tree.ldap.add(tree.at('a'), person('a'))],
      ['has no parent', failure.isNoSuchObject, () => tree.ldap.add(childDn('cn=x', tree.at('none')), person('x'))],
      ['is absent', failure.isNoSuchObject, () => tree.ldap.search(tree.at('none'), present('cn'), { attributes: [] })],
      ['is not a leaf', failure.isNotLeaf, () => tree.ldap.remove(tree.base)],
      ['is no DN', failure.isInvalidSyntax, () => tree.ldap.remove('nonsense')],
      [
        'lacks its class',
        failure.isSchemaViolation,
        () => tree.ldap.add(tree.at('b'), { objectClass: 'person', cn: 'b' }),
      ],
    ])('says that an entry %s', async (_, is, attempt) => {
      await tree.ldap.add(tree.at('a'), person('a'));
      expect(is(await rejection(attempt()))).toBe(true);
    });

    it.each([
      ['there', failure.isValueExists, 'add', 'sn', 'TEST'],
      ['not there', failure.isNoSuchAttribute, 'delete', 'sn', 'secret'],
      ['malformed', failure.isInvalidSyntax, 'replace', 'seeAlso', 'secret'],
    ] as const)('says that a value is %s, naming the attribute but no value', async (_, is, op, attribute, value) => {
      await tree.ldap.add(tree.at('a'), person('a'));
      const error = await rejection(tree.ldap.modify(tree.at('a'), [{ op, attribute, values: value }]));
      expect(is(error)).toBe(true);
      expect(error).toMatchObject({ attribute, unknownOutcome: false });
      expect(String(error)).not.toMatch(/secret|cn=/i);
    });

    it('takes a result code it has never heard of for an answer like any other', async () => {
      const connection = await tree.open();
      // The result of the next delete becomes 122 (assertionFailed, RFC 4528).
      tree.proxy.alter = (chunk) =>
        Buffer.from(chunk.toString('latin1').replace('\x0a\x01\x20', '\x0a\x01\x7a'), 'latin1');
      await expect(connection.remove(tree.at('none'))).rejects.toMatchObject({ code: 122 });
      expect(await connection.whoAmI()).not.toBe('');
    });

    it('gives every operation in flight its own answer', async () => {
      const all = Array.from({ length: 200 }, (_, i) => `p${i}`);
      const half = all.filter((_, i) => i % 2 === 0);
      await tree.addAll(half);
      const results = await Promise.allSettled(all.map((cn) => tree.ldap.add(tree.at(cn), person(cn))));
      expect(results.map((result) => result.status === 'fulfilled')).toEqual(all.map((_, i) => i % 2 === 1));
      const read = await Promise.all(all.map((cn) => tree.ldap.read(tree.at(cn), ['cn'])));
      expect(read.map((entry) => entry?.attributes.cn)).toEqual(all.map((cn) => [cn]));
    });

    it('sends in the order of the calls', async () => {
      const connection = await tree.open();
      const seen: string[] = [];
      tree.proxy.watch = (chunk) => seen.push(...(chunk.toString('latin1').match(/cn=order\d\d/g) ?? []));
      const all = Array.from({ length: 60 }, (_, i) => `order${i + 10}`);
      await Promise.all(all.map((cn) => connection.read(tree.at(cn), [])));
      expect(seen).toEqual(all.map((cn) => `cn=${cn}`));
    });
  });

  describe('listings', () => {
    beforeEach(async () => {
      const all = Array.from({ length: 250 }, (_, i) => `l${i}`);
      await tree.addAll(all, { description: 'x'.repeat(500) });
    });

    it('gives every entry once and says complete on the last page only', async () => {
      const seen = await pages(tree.ldap.list(tree.base, equal('objectClass', 'person'), ['cn'], 100));
      expect(seen.map((page) => page.complete)).toEqual([false, false, true]);
      const cns = seen.flatMap((page) => page.entries.map((entry) => entry.attributes.cn![0]));
      expect(new Set(cns).size).toBe(250);
      expect(cns).toHaveLength(250);
    });

    it('says complete of an empty listing', async () => {
      expect(await pages(tree.ldap.list(tree.base, equal('cn', 'nobody'), []))).toEqual([
        { entries: [], complete: true },
      ]);
    });

    it('rejects rather than shorten when another server holds a part', async () => {
      const connection = await tree.open();
      // Each entry becomes a reference with an empty list of addresses.
      const refer = (message: Buffer) => {
        const id = identifier(message);
        return Buffer.concat([Buffer.of(0x30, id.length + 2), id, Buffer.of(0x73, 0)]);
      };
      tree.proxy.alter = (chunk) =>
        Buffer.concat(
          messages(chunk).map((message) => (operation(message) === searchEntry ? refer(message) : message)),
        );
      expect(await rejection(connection.list(tree.base, present('cn'), [], 2).next())).toMatchObject({
        code: 'protocol',
      });
    });

    it.each([500, 5_000, 40_000, 100_000])('is never complete when cut after %d bytes', async (bytes) => {
      const connection = await tree.open();
      const seen: LdapPage[] = [];
      const listing = async () => {
        for await (const page of connection.list(tree.base, present('cn'), ['cn', 'description'], 100)) seen.push(page);
      };
      tree.proxy.cut(bytes);
      expect(failure.isDown(await rejection(listing()))).toBe(true);
      expect(seen.some((page) => page.complete)).toBe(false);
      expect(connection.alive).toBe(false);
    });

    it('goes on after a page that the server left empty', async () => {
      const connection = await tree.open();
      tree.proxy.alter = (chunk) => {
        const all = messages(chunk);
        if (all.some((message) => operation(message) === searchDone)) tree.proxy.alter = undefined;
        return Buffer.concat(all.filter((message) => operation(message) !== searchEntry));
      };
      const seen = await pages(connection.list(tree.base, present('cn'), [], 2));
      expect(seen[0]).toEqual({ entries: [], complete: false });
      expect(seen.at(-1)?.complete).toBe(true);
      expect(seen.flatMap((page) => page.entries)).toHaveLength(248);
    });

    it('runs one at a time on a connection, beside other operations', async () => {
      const first = tree.ldap.list(tree.base, present('cn'), [], 100);
      await first.next();
      await expect(tree.ldap.list(tree.base, present('cn'), []).next()).rejects.toMatchObject({ code: 'listing' });
      expect(await tree.ldap.read(tree.at('l1'), ['cn'])).not.toBeNull();
      expect((await pages(first)).at(-1)?.complete).toBe(true);
    });

    it('can be left before its end', async () => {
      for await (const page of tree.ldap.list(tree.base, present('cn'), [], 100)) {
        expect(page.complete).toBe(false);
        break;
      }
      expect(await pages(tree.ldap.list(tree.base, present('cn'), [], 1_000))).toMatchObject([{ complete: true }]);
    });
  });

  describe('connections', () => {
    it('is bound under the name it was given', async () => {
      expect((await tree.ldap.whoAmI()).toLowerCase()).toBe(`dn:${direct.bindDn.toLowerCase()}`);
    });

    it('refuses a wrong password, and an empty one without asking', async () => {
      expect(failure.isCredentials(await rejection(tree.open({ ...tree.through, password: 'wrong' })))).toBe(true);
      const before = tree.proxy.accepted;
      expect(failure.isCredentials(await rejection(tree.open({ ...tree.through, password: '' })))).toBe(true);
      expect(tree.proxy.accepted).toBe(before);
    });

    it('does not speak in clear when the certificate is not trusted', async () => {
      await expect(tree.open({ ...direct, tls: {} })).rejects.toMatchObject({ code: 'tls' });
    });

    it('rejects when refused', async () => {
      await tree.proxy.kill();
      await expect(tree.open()).rejects.toMatchObject({ code: 'refused' });
    });

    it('rejects in time when the server is frozen, before or after the connection', async () => {
      const connection = await tree.open();
      tree.proxy.freeze();
      const start = Date.now();
      const attempts = await Promise.allSettled([
        tree.open(),
        connection.add(tree.at('a'), person('a')),
        connection.read(tree.base, []),
      ]);
      expect(Date.now() - start).toBeLessThan(3_000);
      expect(attempts.map((attempt) => attempt.status)).toEqual(['rejected', 'rejected', 'rejected']);
      const errors = attempts.map((attempt) => (attempt as PromiseRejectedResult).reason as unknown);
      expect(errors.map(failure.isDown)).toEqual([true, true, true]);
      expect(errors.map(failure.isUnknown)).toEqual([false, true, false]);
      expect(connection.alive).toBe(false);
    });

    it('rejects what is in flight when the server is killed, and everything after at once', async () => {
      const connection = await tree.open();
      tree.proxy.freeze();
      const inFlight = Promise.allSettled([connection.add(tree.at('a'), person('a')), connection.read(tree.base, [])]);
      await sleep(50);
      await tree.proxy.kill();
      const unknown = (await inFlight).map((result) => failure.isUnknown((result as PromiseRejectedResult).reason));
      expect(unknown).toEqual([true, false]);
      await connection.ended;
      await expect(connection.remove(tree.at('a'))).rejects.toMatchObject({ code: 'closed', unknownOutcome: false });
    });

    it('stays dead when the server is back: nothing is asked on a socket that is not bound', async () => {
      const connection = await tree.open();
      await tree.proxy.kill();
      await tree.proxy.listen();
      const before = tree.proxy.accepted;
      await expect(connection.add(tree.at('a'), person('a'))).rejects.toMatchObject({ code: 'closed' });
      await expect(connection.list(tree.base, present('cn'), []).next()).rejects.toMatchObject({ code: 'closed' });
      expect(tree.proxy.accepted).toBe(before);
      expect(await (await tree.open()).whoAmI()).toBe(await tree.ldap.whoAmI());
    });

    it('lets go of its socket when closed', async () => {
      const connection = await tree.open();
      await connection.close();
      await connection.close();
      await expect(connection.whoAmI()).rejects.toMatchObject({ code: 'closed' });
      while (tree.proxy.open > 0) await sleep(5);
    });
  });
});

/** Cuts what a server sent into its messages: each a BER sequence, here shorter than 64 kB. */
function messages(chunk: Buffer): Buffer[] {
  if (chunk.length === 0) return [];
  const long = chunk[1]! & 0x80 ? chunk[1]! & 0x7f : 0;
  const length = 2 + long + (long ? chunk.readUIntBE(2, long) : chunk[1]!);
  return [chunk.subarray(0, length), ...messages(chunk.subarray(length))];
}

function identifier(message: Buffer): Buffer {
  const start = 2 + (message[1]! & 0x80 ? message[1]! & 0x7f : 0);
  return message.subarray(start, start + 2 + message[start + 1]!);
}

/** The tag of the operation, which follows the identifier. */
function operation(message: Buffer): number | undefined {
  const id = identifier(message);
  return message[id.byteOffset - message.byteOffset + id.length];
}

function fold(value: string): string {
  return normaliseDn(rdn('cn', value)).slice('cn='.length);
}
