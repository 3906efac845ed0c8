import { TargetDown } from '@myelin/connector';
import { setTimeout as sleep } from 'node:timers/promises';
import { person, rejection, TestConnector } from './connector.testing.js';
import { TestDirectory } from './directory.testing.js';
import { proxied } from './ldap/tcp-proxy.testing.js';

const directory = new TestDirectory();
const { settings } = directory;
const connector = new TestConnector(directory);
const phone = (value: string) => ({ contacts: [{ kind: 'workFax' as const, value: `+33 1 00 00 00 ${value}` }] });

/** A person in the directory, and what it is mapped to with other numbers. */
async function standing(login: string) {
  const master = person(phone('00'));
  const created = await connector.create(master, login);
  const after = (value: string, name = login) => connector.map({ ...master, ...phone(value) }, name).row;
  return { ...created, id: master.id, after };
}

describe('the version of an entry', () => {
  it('is told by every write and every look', async () => {
    const { id, targetId, row, etag, after } = await standing('version1');
    expect(etag).toBe(await directory.entryCsn(targetId));
    const changed = await connector.write(id, targetId, row, after('01'), { etag });
    expect(changed.etag).toBe(await directory.entryCsn(targetId));
    const renamed = await connector.write(id, targetId, after('01'), after('02', 'version2'), { etag: changed.etag });
    expect(renamed).toEqual({
      targetId: directory.person('version2'),
      etag: await directory.entryCsn(renamed.targetId),
    });
    const found = await connector.sync('person').read({ id, targetId: renamed.targetId });
    expect(found).toEqual({ ...renamed, row: after('02', 'version2') });
    expect(await connector.sync('person').readMany!([{ id, targetId: null }])).toEqual([found]);
  });

  it('is held against what stands: what somebody else has written is seen before anything is', async () => {
    const { id, targetId, row, etag, after } = await standing('version3');
    await directory.ldap.modify(targetId, [{ op: 'add', attribute: 'mail', values: 'x@example.org' }]);
    await connector.write(id, targetId, row, after('01'), { etag });
    // The value that nobody remembered has gone too: the entry was read, and brought to the row as a whole.
    expect((await connector.read(id, targetId))?.row).toEqual(after('01'));
  });

  it('lets nothing be removed that is not what was remembered without a look at whose it is', async () => {
    const { id, targetId, row, etag } = await standing('version4');
    await directory.ldap.modify(targetId, [
      { op: 'replace', attribute: 'supannRefId', values: '{UAI:0999001W:HUB}other' },
    ]);
    await connector.write(id, targetId, row, null, { etag });
    expect(await directory.ldap.read(targetId, [])).not.toBeNull();
  });
});

describe('a write that the network holds back', () => {
  const proxy = proxied(settings.url);
  const slow = new TestConnector(directory, () => ({ url: proxy.url, deadlineMs: 500 }));
  const arrived = async () => {
    const before = proxy.late;
    proxy.release();
    while (proxy.late === before) await sleep(5);
  };

  it.each(['changed', 'renamed', 'removed'])('changes nothing when it arrives after others: %s', async (kind) => {
    const { id, targetId, row, etag, after } = await standing(`late${kind}`);
    const old = { changed: after('01'), renamed: after('01', 'neverthere'), removed: null }[kind]!;
    await slow.back();
    proxy.hold();
    const lost = await rejection(slow.write(id, targetId, row, old, { etag }));
    expect(lost).toBeInstanceOf(TargetDown);
    expect(lost).toMatchObject({ unknownOutcome: true });
    await connector.write(id, targetId, row, after('02'), { etag });
    const mark = await directory.entryCsn(targetId);
    await arrived();
    expect(await directory.entryCsn(targetId)).toBe(mark);
    expect(await connector.read(id, targetId)).toEqual({ targetId, row: after('02') });
  });
});

describe('a server that answers slowly', () => {
  const proxy = proxied(settings.url);
  const deadlineMs = 600;
  const slow = new TestConnector(directory, () => ({ url: proxy.url, deadlineMs }));

  it('is told nothing more once the write as a whole is given up', async () => {
    const { id, targetId, row, after } = await standing('slow1');
    let last = 0;
    proxy.delay = 250;
    proxy.watch = () => (last = performance.now());
    const begun = performance.now();
    // Not in a version that is known: it takes a refused rename, two looks, a rename and a modify.
    await directory.ldap.rename(targetId, 'uid=elsewhere');
    const lost = await rejection(slow.write(id, targetId, row, after('01', 'slow2')));
    expect(lost).toBeInstanceOf(TargetDown);
    expect(performance.now() - begun).toBeLessThan(slow.session.callDeadlineMs);
    await sleep(2 * deadlineMs);
    expect(last - begun).toBeLessThan(deadlineMs + 50);
  });
});
