import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { check, type Published, type Shown } from './checker.js';
import { readLog, rowHash, type LoggedWrite } from './log.js';

const hashOf = (id: string, revision: number) => rowHash({ name: `${id} at ${revision}` });

let requests = 0;

async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A write as a target logs it when all goes well. */
const write = (id: string, revision: number, changes: Partial<LoggedWrite> = {}): LoggedWrite => ({
  at: '2026-11-24T10:00:00.000Z',
  request: ++requests,
  execution: 1,
  entity: 'structure',
  id,
  verb: revision === 1 ? 'PUT' : 'PATCH',
  epoch: 1,
  revision,
  correlationId: 'c',
  status: 200,
  before: revision > 1,
  after: true,
  hash: hashOf(id, revision),
  ...changes,
});
const removal = (id: string, revision: number) => write(id, revision, { verb: 'DELETE', after: false, hash: null });

/** Records `a` and `b` at revision 3, all revisions published and written. */
const good = () => {
  const ids = ['a', 'b'];
  const states = [1, 2, 3].flatMap((revision) => ids.map((id) => ({ id, revision })));
  return {
    log: states.map(({ id, revision }) => write(id, revision)),
    topic: states.map(({ id, revision }): Published => ({
      ...{ id, epoch: 1, revision, hash: hashOf(id, revision), correlationId: 'c' },
    })),
    records: ids.map((id): Shown => ({ id, revision: 3, hash: hashOf(id, 3) })),
  };
};

const broken = async ({ log, topic, records }: ReturnType<typeof good>) =>
  (await check(log, topic, records)).violations.map(({ broken, id }) => `${broken} ${id}`);

it('finds nothing where nothing is wrong, and counts', async () => {
  const { log, topic, records } = good();
  const verdict = await check(log, topic, records);
  expect(verdict).toEqual({ records: 2, revisions: 6, writes: 6, repeated: 0, refused: 0, violations: [] });
});

it('allows and counts a write that is repeated, and revisions that were never written', async () => {
  const { log, topic, records } = good();
  const repeated = [...log.slice(0, 2), ...log.slice(4).flatMap((one) => [one, { ...one, execution: 2 }])];
  expect(await check(repeated, topic, records)).toMatchObject({ writes: 6, repeated: 2, violations: [] });
});

it('finds a write of an older revision after a newer one, also when the row ends right', async () => {
  const { log, ...others } = good();
  const last = log.length - 2;
  const planted = [...log.slice(0, last), write('a', 2), write('a', 3), log[last + 1]!];
  expect(await broken({ ...others, log: planted })).toEqual([]);
  const late = [...log, write('a', 2), write('a', 3)];
  expect(await broken({ ...others, log: late })).toEqual(['older write a']);
});

it('finds an older write that the network repeated, and the stale row that it left', async () => {
  const { log, ...others } = good();
  const late = { ...log[2]!, execution: 2 };
  expect(await broken({ ...others, log: [...log, late] })).toEqual(['older write a', 'stale row a']);
});

it('orders by epoch first', async () => {
  const { log, ...others } = good();
  const newer = write('a', 1, { epoch: 2, verb: 'PATCH', hash: hashOf('a', 3) });
  expect(await broken({ ...others, log: [...log, newer] })).toEqual([]);
  const older = write('a', 9, { epoch: 1, hash: hashOf('a', 3) });
  expect(await broken({ ...others, log: [...log, newer, older] })).toEqual(['older write a']);
});

it('finds a row that is not the map of the newest revision', async () => {
  const { log, ...others } = good();
  expect(await broken({ ...others, log: log.slice(0, -1) })).toEqual(['stale row b']);
});

it('finds an entity that was lost', async () => {
  const { log, ...others } = good();
  expect(await broken({ ...others, log: log.filter(({ id }) => id !== 'b') })).toEqual(['missing row b']);
  expect(await broken({ ...others, log: [...log, removal('b', 3)] })).toEqual(['missing row b']);
});

it('finds a row that must not be there', async () => {
  const { log, topic, records } = good();
  const gone = records.map((one) => (one.id === 'a' ? { ...one, hash: null } : one));
  const tombstone = topic.map((one) => (one.id === 'a' && one.revision === 3 ? { ...one, hash: null } : one));
  expect(await broken({ log, topic: tombstone, records: gone })).toEqual(['orphan row a']);
  expect(await broken({ log: [...log, removal('a', 3)], topic: tombstone, records: gone })).toEqual([]);
  expect(await broken({ log: [...log, write('c', 1)], topic, records })).toEqual(['orphan row c']);
});

it('finds a double creation, executed or refused, but not the one that the network repeats', async () => {
  const { log, ...others } = good();
  const again = write('a', 3, { verb: 'PUT' });
  const refused = { ...again, status: 409 };
  expect(await broken({ ...others, log: [...log, again] })).toEqual(['double creation a']);
  expect(await broken({ ...others, log: [...log, refused] })).toEqual(['double creation a']);
  expect(await broken({ ...others, log: [...log, { ...refused, execution: 2 }] })).toEqual([]);
  expect(await broken({ ...others, log: [...log, removal('a', 3), again] })).toEqual([]);
});

it('finds a write that does not name the request of its revision', async () => {
  const { log, ...others } = good();
  const last = log.length - 1;
  const instead = (correlationId: string) => [...log.slice(0, last), { ...log[last]!, correlationId }];
  expect(await broken({ ...others, log: instead('none') })).toEqual(['other request b']);
  const own = others.topic.map((one) => (one.id === 'b' && one.revision === 3 ? { ...one, correlationId: 'd' } : one));
  expect(await broken({ ...others, topic: own, log })).toEqual(['other request b']);
  expect(await broken({ ...others, topic: own, log: instead('d') })).toEqual([]);
});

it('finds a topic that goes back or is behind the referential', async () => {
  const { topic, ...others } = good();
  expect(await broken({ ...others, topic: [...topic, topic[0]!, topic[4]!] })).toEqual(['topic goes back a']);
  expect(await broken({ ...others, topic: topic.slice(0, -1) })).toEqual(['topic differs b']);
});

it('refuses to judge nothing', async () => {
  await expect(check([], [], [])).rejects.toThrow('nothing was checked');
});

it('finds any single write that is moved behind a newer one of its row', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 6 }), async (from, distance) => {
      const { log, ...others } = good();
      const [moved] = log.splice(from, 1);
      log.splice(from + distance, 0, moved!);
      const overtaken = log.slice(from, from + distance).some(({ id }) => id === moved!.id);
      expect((await broken({ ...others, log })).includes(`older write ${moved!.id}`)).toBe(overtaken);
    }),
  );
});

it('reads a log as it was written, and fails at a line that is cut', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
  const file = join(folder, 'log');
  const { log } = good();
  const text = log.map((one) => `${JSON.stringify(one)}\n`).join('');
  writeFileSync(file, text);
  expect(await listed(readLog(file))).toEqual(log);
  writeFileSync(file, text.slice(0, -20));
  await expect(listed(readLog(file))).rejects.toThrow('line 6');
  rmSync(folder, { recursive: true });
});
