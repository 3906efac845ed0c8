import { masterSchema, PIVOT, type Entity } from '@myelin/contracts';
import { lineTests } from './conformance.line.js';
import { NameTaken, Rejected, TargetDown, TargetError } from './errors.js';
import { testsAbout, type Harness, type Notion, type Runner } from './harness.js';
import type { Row } from './row.js';
import type { Mapped } from './spi.js';
import { rejection, Subject } from './subject.js';

/** No answer of a target may take longer. */
const PATIENCE_MS = 15_000;

/** Entities of others among which one is listed: more than the largest page. */
const CROWD = 600;
const CROWD_MS = 60_000;

/**
 * Registers the tests that every connector passes, on the real target or its simulator (Jest). They hold the connector to what
 * the runtime relies on: what was written is what is read, a repeated write is harmless, and errors say what happens next.
 */
export function conformance<E extends Entity>(name: string, harness: Harness<E>, runner?: Runner): void {
  const on = runner ?? ofJest();
  const { it: test } = on;
  const about = testsAbout(harness, on);
  on.describe(`the connector ${name} of ${harness.entity} records`, () => {
    const subject = new Subject(harness);
    const { base, changed, renamed } = harness.masters;
    const { id } = base;

    on.beforeAll(() => subject.open(harness.connector()));
    on.afterEach(() => subject.clear());
    on.afterAll(() => subject.close());

    test('answers a check', () => subject.session.check());

    test('has everything but what its harness says that it lacks', () => {
      expect(lacking(subject).sort()).toEqual([...harness.lacks].sort());
      expect(harness.crowd !== undefined).toBe(subject.sync.list !== undefined);
      expect(harness.masters.closed !== undefined).toBe(subject.sync.closes !== undefined);
    });

    test('maps the same record to the same row', () => {
      const [first, second] = [
        subject.sync.map(base, harness.context),
        subject.sync.map(structuredClone(base), harness.context),
      ];
      expect((second as Mapped).row).toEqual((first as Mapped).row);
    });

    test('knows nothing of a record that was never written', async () => {
      expect(await subject.sync.read({ id, targetId: null })).toBeNull();
    });

    test('reads what it has written, by its id and by the master id', async () => {
      const { targetId, row } = await subject.create();
      expect(await subject.read(targetId)).toEqual({ targetId, row });
      expect(await subject.read(null)).toEqual({ targetId, row });
    });

    test('reads many as it reads one', async () => {
      expect(await subject.readTogether([])).toEqual([]);
      expect(await subject.readTogether([null])).toEqual([null]);
      const { targetId } = await subject.create();
      expect(await subject.readTogether([null, targetId])).toEqual(await subject.readOneByOne([null, targetId]));
    });

    about('rules', 'says of every attribute where it comes from', () => {
      const { rules = {} } = subject.sync;
      const rows = [
        subject.map(base),
        subject.map(changed),
        ...(renamed ? [subject.map(renamed, harness.renamedContext)] : []),
      ];
      expect(rows.flatMap((row) => Object.keys(row)).filter((name) => !rules[name])).toEqual([]);
      const fields = fieldsOf(harness.entity);
      for (const { from, rule } of Object.values(rules)) {
        expect(from.map((path) => /^\w+/.exec(path)?.[0]).filter((field) => !fields.includes(field ?? ''))).toEqual([]);
        expect(rule).toMatch(/^[^.\n]+\.$/);
      }
    });

    about('removal', 'suspends what is suspended to the same row', () => {
      const removal = subject.sync.removal!;
      const suspended = removal.suspend(subject.map(base));
      expect(removal.suspend(suspended)).toEqual(suspended);
      expect(removal.graceDays).toBeGreaterThan(0);
    });

    about('closing', 'says that an entity is closed when its use ends, and of no other change', () => {
      const closes = subject.sync.closes!;
      const [open, other, over] = [base, changed, harness.masters.closed!].map((master) => subject.map(master)) as [
        Row,
        Row,
        Row,
      ];
      expect(closes(open, over)).toBe(true);
      expect([closes(open, open), closes(open, other), closes(over, open)]).toEqual([false, false, false]);
      const suspended = subject.sync.removal?.suspend(open) ?? over;
      expect([closes(open, suspended), closes(suspended, suspended)]).toEqual([true, false]);
    });

    about('versions', 'tells a version that every write changes', async () => {
      expect(await subject.sync.readVersions!([{ id, targetId: null }])).toEqual([null]);
      const { targetId, row } = await subject.create();
      const version = async () => {
        const [[one], found] = await Promise.all([
          subject.sync.readVersions!([{ id, targetId }]),
          subject.sync.read({ id, targetId }),
        ]);
        expect([typeof one, found?.etag]).toEqual(['string', one]);
        return one;
      };
      const before = await version();
      await subject.sync.write(subject.change(targetId, row, subject.map(changed)));
      expect(await version()).not.toBe(before);
    });

    test('creates once, however often it is told', async () => {
      const before = await harness.count();
      const { targetId, row } = await subject.create();
      const mark = await harness.mark(targetId);
      expect((await subject.sync.write(subject.change(null, null, row))).targetId).toBe(targetId);
      expect(await harness.count()).toBe(before + 1);
      expect(await harness.mark(targetId)).toBe(mark);
    });

    for (const versioned of [false, true]) {
      const where = versioned ? ' in the version that was read' : '';
      test(`changes what differs${where}, once, and nothing that belongs to others`, async () => {
        const { targetId, row, etag } = await subject.create();
        const isKept = await harness.decorate?.(targetId);
        const update = subject.change(targetId, row, subject.map(changed), versioned ? etag : undefined);
        expect((await subject.sync.write(update)).targetId).toBe(targetId);
        expect(await subject.read(targetId)).toEqual({ targetId, row: update.after });
        const mark = await harness.mark(targetId);
        expect((await subject.sync.write(update)).targetId).toBe(targetId);
        expect(await harness.mark(targetId)).toBe(mark);
        expect(await isKept?.(targetId)).not.toBe(false);
      });
    }

    test('tells the version that it has made, or none', async () => {
      const { targetId, row, etag } = await subject.create();
      const made = await subject.sync.write(subject.change(targetId, row, subject.map(changed), etag));
      const found = await subject.sync.read({ id, targetId });
      expect([undefined, found?.etag]).toContain(made.etag);
      await subject.sync.write(subject.change(targetId, subject.map(changed), row, made.etag));
      expect(await subject.read(targetId)).toEqual({ targetId, row });
    });

    test('goes on from what stands in the target when that differs from what was remembered', async () => {
      const { targetId, row, etag } = await subject.create();
      await subject.sync.write(subject.change(targetId, row, subject.map(changed), etag));
      await subject.sync.write(subject.change(targetId, row, row));
      const update = subject.change(targetId, subject.map(changed), row, etag);
      await subject.sync.write(update);
      expect(await subject.read(targetId)).toEqual({ targetId, row });
    });

    about('listing', 'lists all that the target has, under the master ids that it carries', async () => {
      const before = await subject.listed();
      expect(before.filter((one) => one.id === id)).toEqual([]);
      const { targetId, row, etag } = await subject.create();
      const after = await subject.listed();
      expect(after.filter((one) => one.id === id)).toEqual([
        expect.objectContaining({ id, targetId, row, ...(etag !== undefined && { etag }) }),
      ]);
      expect(after).toHaveLength(before.length + 1);
      expect(new Set(after.map((one) => one.targetId)).size).toBe(after.length);
    });

    about('renaming', 'renames, once, and nothing that belongs to others is lost', async () => {
      const { targetId, row, etag } = await subject.create();
      const count = await harness.count();
      const isKept = await harness.decorate?.(targetId);
      const update = subject.change(targetId, row, subject.map(renamed!, harness.renamedContext), etag);
      const { targetId: newId } = await subject.sync.write(update);
      expect(newId).not.toBe(targetId);
      expect(await subject.read(targetId)).toEqual({ targetId: newId, row: update.after });
      expect(await subject.readTogether([targetId, newId, null])).toEqual(
        await subject.readOneByOne([targetId, newId, null]),
      );
      const mark = await harness.mark(newId);
      expect((await subject.sync.write(update)).targetId).toBe(newId);
      expect(await harness.mark(newId)).toBe(mark);
      expect(await harness.count()).toBe(count);
      expect(await isKept?.(newId)).not.toBe(false);
    });

    test('removes, once', async () => {
      const before = await harness.count();
      const { targetId, row, etag } = await subject.create();
      const removal = subject.change(targetId, row, null, etag);
      await subject.sync.write(removal);
      expect(await subject.sync.read({ id, targetId })).toBeNull();
      await subject.sync.write(removal);
      expect(await harness.count()).toBe(before);
    });

    test('takes an older revision after a newer one whole or not at all, and then the newer one again', async () => {
      const before = await harness.count();
      const { targetId, row, etag } = await subject.create();
      const newest = renamed ? subject.map(renamed, harness.renamedContext) : subject.map(changed);
      await subject.sync.write(subject.change(targetId, row, newest, etag, 3));
      const older = [subject.change(null, null, row), subject.change(targetId, row, subject.map(changed), etag, 2)];
      for (const late of older) {
        const refusal = await subject.sync.write(late).catch((error: unknown) => error);
        if (refusal instanceof Error) expect(refusal).toBeInstanceOf(TargetError);
        const found = await subject.read(null);
        expect([late.after, newest]).toContainEqual(found?.row);
        await subject.sync.write(subject.change(found!.targetId, found!.row, newest, undefined, 3));
        expect((await subject.read(null))?.row).toEqual(newest);
        expect(await harness.count()).toBe(before + 1);
      }
    });

    about(
      'listing',
      'lists whatever stays while others come and go between its pages',
      async () => {
        const { add, remove } = harness.crowd!;
        const crowd = [...(await add(CROWD))];
        try {
          const gone: string[] = [];
          const told = new Set<string>();
          const all = await subject.listed(async (page) => {
            expect(page.length).toBeLessThanOrEqual(500);
            for (const { targetId } of page) told.add(targetId);
            const [before, after] = [crowd.filter((one) => told.has(one)), crowd.filter((one) => !told.has(one))];
            if (gone.length > 0 || before.length < 5) return;
            gone.push(...before.slice(0, 5), ...after.slice(-5));
            await remove(gone);
            await subject.create();
          });
          const listed = new Set(all.map(({ targetId }) => targetId));
          const staying = crowd.filter((one) => !gone.includes(one));
          expect([gone.length, staying.filter((one) => !listed.has(one))]).toEqual([10, []]);
          crowd.splice(0, crowd.length, ...staying);
        } finally {
          await remove(crowd);
        }
      },
      CROWD_MS,
    );

    test('rejects what the target refuses, and leaves the entity as it was', async () => {
      const { targetId, row } = await subject.create();
      const error = await rejection(subject.sync.write(subject.change(targetId, row, harness.spoil(row))));
      expect(error).toBeInstanceOf(Rejected);
      expect(error).not.toBeInstanceOf(NameTaken);
      expect(await subject.read(targetId)).toEqual({ targetId, row });
    });

    test(
      'says that a target which does not answer is down',
      async () => {
        const open = async () => {
          const lost = await harness.unreachable().open();
          await lost.check().finally(() => lost.close());
        };
        expect(await rejection(open())).toBeInstanceOf(TargetDown);
      },
      PATIENCE_MS,
    );

    lineTests(subject, on);
  });
}

/** The globals of Jest, where the suite runs under it. */
function ofJest(): Runner {
  const awaited = (step: () => unknown) => async () => void (await step());
  return {
    describe: (name, body) => void describe(name, body),
    it: (name, test, patienceMs) => void it(name, awaited(test), patienceMs),
    beforeAll: (hook) => void beforeAll(awaited(hook)),
    afterEach: (hook) => void afterEach(awaited(hook)),
    afterAll: (hook) => void afterAll(awaited(hook)),
  };
}

/** What the connector, or the harness, does not have. */
function lacking<E extends Entity>({ sync, harness }: Subject<E>): Notion[] {
  const has: Readonly<Record<Notion, unknown>> = {
    renaming: harness.masters.renamed,
    closing: sync.closes,
    removal: sync.removal,
    rules: sync.rules,
    versions: sync.readVersions,
    listing: sync.list,
    others: harness.decorate,
  };
  return (Object.keys(has) as Notion[]).filter((notion) => has[notion] === undefined);
}

/** The fields of a master record. */
function fieldsOf(entity: Entity): string[] {
  const { $defs } = masterSchema(entity) as { $defs: Record<string, { properties: object }> };
  return Object.keys($defs[PIVOT[entity].name]!.properties);
}
