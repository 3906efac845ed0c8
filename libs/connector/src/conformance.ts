import { masterSchema, PIVOT, type Entity, type Master } from '@myelin/contracts';
import { NameTaken, Rejected, TargetDown } from './errors.js';
import { changedAttributes, type Row } from './row.js';
import {
  SKIP,
  type Change,
  type Connector,
  type Listed,
  type MapContext,
  type Mapped,
  type Session,
  type Sync,
} from './spi.js';

/** What the conformance suite needs of a connector under test, for one kind of entity. */
export interface Harness<E extends Entity = Entity> {
  readonly entity: E;
  /** The connector on a target that is empty of the masters below; called once the test's own `beforeAll` hooks have run. */
  connector(): Connector;
  /** The same connector where nothing answers. */
  unreachable(): Connector;
  readonly context: MapContext;
  readonly masters: {
    readonly base: Master<E>;
    /** `base` with another value of one attribute. */
    readonly changed: Master<E>;
    /** `base` with the attribute changed from which the target makes its id; left out where ids never change. */
    readonly renamed?: Master<E>;
    /** `base` when its use in the target has ended; left out where the sync does not say what closes. */
    readonly closed?: Master<E>;
  };
  /** Context under which `renamed` is mapped, when an allocated name is what changes. */
  readonly renamedContext?: MapContext;
  /** Makes of a good row one that the target refuses. */
  spoil(row: Row): Row;
  /** Something that moves whenever the entity is touched in the target (a version, a change number). */
  mark(targetId: string): Promise<string>;
  /** How many entities of this kind the target holds. */
  count(): Promise<number>;
  /** Adds to the entity something that belongs to others, and returns a check that it is still there. */
  decorate?(targetId: string): Promise<(targetId: string) => Promise<boolean>>;
}

/** No answer of a target may take longer. */
const PATIENCE_MS = 15_000;

/**
 * Registers the tests that every connector passes, on the real target or its simulator (Jest). They hold the connector to what
 * the runtime relies on: what was written is what is read, a repeated write is harmless, and errors say what happens next.
 */
export function conformance<E extends Entity>(name: string, harness: Harness<E>): void {
  describe(`the connector ${name} of ${harness.entity} records`, () => {
    let session: Session;
    let sync: Sync<E>;
    const { base, changed, renamed } = harness.masters;
    const { id } = base;

    const find = (opened: Session) => opened.syncs.find((one) => one.entity === harness.entity) as unknown as Sync<E>;
    const map = (master: Master<E>, context = harness.context): Row => {
      const mapped = sync.map(master, context);
      if (mapped === null || mapped === SKIP) throw new Error('the harness must give masters that map to a row');
      return mapped.row;
    };
    const change = (targetId: string | null, before: Row | null, after: Row | null, etag?: string): Change => {
      const changed = changedAttributes(before, after);
      return {
        id,
        epoch: 1,
        revision: 1,
        targetId,
        before,
        etag,
        after,
        changed,
        name: harness.context.name,
        correlationId: undefined,
      };
    };
    const create = async () => {
      const row = map(base);
      const { targetId } = await sync.write(change(null, null, row));
      const etag = (await sync.read({ id, targetId }))?.etag;
      return { targetId, row, etag };
    };
    const read = async (targetId: string | null) => {
      const found = await sync.read({ id, targetId });
      return found && { targetId: found.targetId, row: found.row };
    };

    const readOneByOne = (targetIds: readonly (string | null)[]) =>
      Promise.all(targetIds.map((targetId) => sync.read({ id, targetId })));
    const readTogether = async (targetIds: readonly (string | null)[]) =>
      sync.readMany ? sync.readMany(targetIds.map((targetId) => ({ id, targetId }))) : readOneByOne(targetIds);

    beforeAll(async () => {
      session = await harness.connector().open();
      sync = find(session);
    });
    afterEach(async () => {
      const left = await sync.read({ id, targetId: null });
      if (left) await sync.write(change(left.targetId, left.row, null));
    });
    afterAll(() => session.close());

    it('answers a check', () => session.check());

    it('maps the same record to the same row', () => {
      const [first, second] = [sync.map(base, harness.context), sync.map(structuredClone(base), harness.context)];
      expect((second as Mapped).row).toEqual((first as Mapped).row);
    });

    it('knows nothing of a record that was never written', async () => {
      expect(await sync.read({ id, targetId: null })).toBeNull();
    });

    it('reads what it has written, by its id and by the master id', async () => {
      const { targetId, row } = await create();
      expect(await read(targetId)).toEqual({ targetId, row });
      expect(await read(null)).toEqual({ targetId, row });
    });

    it('reads many as it reads one', async () => {
      expect(await readTogether([])).toEqual([]);
      expect(await readTogether([null])).toEqual([null]);
      const { targetId } = await create();
      expect(await readTogether([null, targetId])).toEqual(await readOneByOne([null, targetId]));
    });

    it('says of every attribute where it comes from', () => {
      if (!sync.rules) return;
      const rows = [map(base), map(changed), ...(renamed ? [map(renamed, harness.renamedContext)] : [])];
      expect(rows.flatMap((row) => Object.keys(row)).filter((name) => !sync.rules?.[name])).toEqual([]);
      const fields = fieldsOf(harness.entity);
      for (const { from, rule } of Object.values(sync.rules)) {
        expect(from.map((path) => /^\w+/.exec(path)?.[0]).filter((field) => !fields.includes(field ?? ''))).toEqual([]);
        expect(rule).toMatch(/^[^.\n]+\.$/);
      }
    });

    it('suspends what is suspended to the same row', () => {
      const { removal } = sync;
      if (!removal) return;
      const suspended = removal.suspend(map(base));
      expect(removal.suspend(suspended)).toEqual(suspended);
      expect(removal.graceDays).toBeGreaterThan(0);
    });

    it('says that an entity is closed when its use ends, and of no other change', () => {
      const { closed } = harness.masters;
      expect(closed !== undefined).toBe(sync.closes !== undefined);
      if (!closed || !sync.closes) return;
      const [open, other, over] = [map(base), map(changed), map(closed)];
      expect(sync.closes(open, over)).toBe(true);
      expect([sync.closes(open, open), sync.closes(open, other), sync.closes(over, open)]).toEqual([
        false,
        false,
        false,
      ]);
      const suspended = sync.removal?.suspend(open) ?? over;
      expect([sync.closes(open, suspended), sync.closes(suspended, suspended)]).toEqual([true, false]);
    });

    it('tells a version that every write changes, where it tells any', async () => {
      if (!sync.readVersions) return;
      expect(await sync.readVersions([{ id, targetId: null }])).toEqual([null]);
      const { targetId, row } = await create();
      const version = async () => {
        const [[one], found] = await Promise.all([sync.readVersions!([{ id, targetId }]), sync.read({ id, targetId })]);
        expect([typeof one, found?.etag]).toEqual(['string', one]);
        return one;
      };
      const before = await version();
      await sync.write(change(targetId, row, map(changed)));
      expect(await version()).not.toBe(before);
    });

    it('creates once, however often it is told', async () => {
      const before = await harness.count();
      const { targetId, row } = await create();
      const mark = await harness.mark(targetId);
      expect((await sync.write(change(null, null, row))).targetId).toBe(targetId);
      expect(await harness.count()).toBe(before + 1);
      expect(await harness.mark(targetId)).toBe(mark);
    });

    it.each([
      ['', false],
      [' in the version that was read', true],
    ])('changes what differs%s, once, and nothing that belongs to others', async (_, versioned) => {
      const { targetId, row, etag } = await create();
      const isKept = await harness.decorate?.(targetId);
      const update = change(targetId, row, map(changed), versioned ? etag : undefined);
      expect((await sync.write(update)).targetId).toBe(targetId);
      expect(await read(targetId)).toEqual({ targetId, row: update.after });
      const mark = await harness.mark(targetId);
      expect((await sync.write(update)).targetId).toBe(targetId);
      expect(await harness.mark(targetId)).toBe(mark);
      expect(await isKept?.(targetId)).not.toBe(false);
    });

    it('tells the version that it has made, or none', async () => {
      const { targetId, row, etag } = await create();
      const made = await sync.write(change(targetId, row, map(changed), etag));
      const found = await sync.read({ id, targetId });
      expect([undefined, found?.etag]).toContain(made.etag);
      await sync.write(change(targetId, map(changed), row, made.etag));
      expect(await read(targetId)).toEqual({ targetId, row });
    });

    it('goes on from what stands in the target when that differs from what was remembered', async () => {
      const { targetId, row, etag } = await create();
      await sync.write(change(targetId, row, map(changed), etag));
      await sync.write(change(targetId, row, row));
      const update = change(targetId, map(changed), row, etag);
      await sync.write(update);
      expect(await read(targetId)).toEqual({ targetId, row });
    });

    it('lists all that the target has, under the master ids that it carries, where it can', async () => {
      if (!sync.list) return;
      const listed = async () => {
        const all: Listed[] = [];
        for await (const page of sync.list!()) all.push(...page);
        return all;
      };
      const before = await listed();
      expect(before.filter((one) => one.id === id)).toEqual([]);
      const { targetId, row, etag } = await create();
      const after = await listed();
      expect(after.filter((one) => one.id === id)).toEqual([
        expect.objectContaining({ id, targetId, row, ...(etag !== undefined && { etag }) }),
      ]);
      expect(after).toHaveLength(before.length + 1);
      expect(new Set(after.map((one) => one.targetId)).size).toBe(after.length);
    });

    if (renamed) {
      it('renames, once, and nothing that belongs to others is lost', async () => {
        const { targetId, row, etag } = await create();
        const count = await harness.count();
        const isKept = await harness.decorate?.(targetId);
        const update = change(targetId, row, map(renamed, harness.renamedContext), etag);
        const { targetId: newId } = await sync.write(update);
        expect(newId).not.toBe(targetId);
        expect(await read(targetId)).toEqual({ targetId: newId, row: update.after });
        expect(await readTogether([targetId, newId, null])).toEqual(await readOneByOne([targetId, newId, null]));
        const mark = await harness.mark(newId);
        expect((await sync.write(update)).targetId).toBe(newId);
        expect(await harness.mark(newId)).toBe(mark);
        expect(await harness.count()).toBe(count);
        expect(await isKept?.(newId)).not.toBe(false);
      });
    }

    it('removes, once', async () => {
      const before = await harness.count();
      const { targetId, row, etag } = await create();
      const removal = change(targetId, row, null, etag);
      await sync.write(removal);
      expect(await sync.read({ id, targetId })).toBeNull();
      await sync.write(removal);
      expect(await harness.count()).toBe(before);
    });

    it('rejects what the target refuses, and leaves the entity as it was', async () => {
      const { targetId, row } = await create();
      const error = await rejection(sync.write(change(targetId, row, harness.spoil(row))));
      expect(error).toBeInstanceOf(Rejected);
      expect(error).not.toBeInstanceOf(NameTaken);
      expect(await read(targetId)).toEqual({ targetId, row });
    });

    it(
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
  });
}

/** The fields of a master record. */
function fieldsOf(entity: Entity): string[] {
  const { $defs } = masterSchema(entity) as { $defs: Record<string, { properties: object }> };
  return Object.keys($defs[PIVOT[entity].name]!.properties);
}

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  );
}
