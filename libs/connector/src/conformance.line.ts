import type { Entity } from '@myelin/contracts';
import { TargetDown, TryLater, type TargetError } from './errors.js';
import { testsAbout, type Runner } from './harness.js';
import type { Row } from './row.js';
import { rejection, Subject } from './subject.js';

/** How long a connector may take to find that its target is back. */
const BACK_MS = 30_000;
const TEST_MS = 60_000;

/**
 * The tests for which something passes, or does not pass, between the connector and its target: `direct` speaks to the target
 * by another way meanwhile.
 */
export function lineTests<E extends Entity>(direct: Subject<E>, on: Runner): void {
  const { harness, id } = direct;
  const { line } = harness;
  const { changed } = harness.masters;
  const { it: test } = on;

  on.describe('over a line that may fail', () => {
    const subject = new Subject(harness);
    on.beforeAll(async () => subject.open(harness.connector(await line.open())));
    on.afterAll(async () => {
      await subject.close();
      await line.close();
    });

    test(
      'writes nothing when it only looks',
      async () => {
        const { targetId, row } = await subject.create();
        const [before, mark, count] = [line.writes, await harness.mark(targetId), await harness.count()];
        expect(before).toBeGreaterThan(0);
        await lookAtEverything(subject, targetId, row);
        expect([line.writes, await harness.mark(targetId), await harness.count()]).toEqual([before, mark, count]);
      },
      TEST_MS,
    );

    for (const what of ['creation', 'change', 'removal'] as const)
      test(
        `says that it does not know when the answer to a ${what} is lost, and repeats it without harm`,
        async () => {
          const count = await harness.count();
          const { targetId, row } = what === 'creation' ? NOTHING : await direct.create();
          const after = what === 'creation' ? direct.map(harness.masters.base) : direct.map(changed);
          const write = subject.change(targetId, row, what === 'removal' ? null : after);
          await subject.session.check();
          line.loseAnswer();
          const lost = await rejection(subject.sync.write(write));
          expect([isForLater(lost), (lost as TargetError).unknownOutcome]).toEqual([true, true]);
          await back(subject);
          await subject.sync.write(write);
          expect((await direct.read(null))?.row ?? null).toEqual(write.after);
          expect(await harness.count()).toBe(write.after === null ? count : count + 1);
        },
        TEST_MS,
      );

    test(
      'says that a target is down that goes away in the middle, and goes on when it is back',
      async () => {
        const { targetId, row } = await subject.create();
        const write = subject.change(targetId, row, direct.map(changed));
        await line.cut();
        const refusals = await Promise.all(
          [
            subject.sync.write(write),
            subject.sync.read({ id, targetId }),
            subject.readTogether([targetId]),
            ...(subject.sync.readVersions ? [subject.sync.readVersions([{ id, targetId }])] : []),
          ].map(rejection),
        );
        expect(refusals.filter((error) => !isForLater(error))).toEqual([]);
        expect(await direct.read(targetId)).toEqual({ targetId, row });
        await line.mend();
        await back(subject);
        await subject.sync.write(write);
        expect(await direct.read(targetId)).toEqual({ targetId, row: write.after });
      },
      TEST_MS,
    );

    testsAbout(harness, on)(
      'listing',
      'never takes a listing that was cut for a whole one',
      async () => {
        const { add, remove } = harness.crowd!;
        const crowd = await add(CROWD);
        try {
          const cut = subject.listed(() => line.cut());
          expect(isForLater(await rejection(cut))).toBe(true);
        } finally {
          await line.mend();
          await back(subject);
          await remove(crowd);
        }
      },
      TEST_MS,
    );
  });
}

/** More than the largest page. */
const CROWD = 600;
const NOTHING: { readonly targetId: null; readonly row: null } = { targetId: null, row: null };

/** Whether an error makes the change come back by itself. */
const isForLater = (error: unknown): boolean => error instanceof TargetDown || error instanceof TryLater;

/** Everything that must leave the target as it is. */
async function lookAtEverything<E extends Entity>(subject: Subject<E>, targetId: string, row: Row): Promise<void> {
  const { session, sync, id, harness } = subject;
  const { today } = harness.context;
  await session.check();
  for (const master of [harness.masters.base, harness.masters.changed]) {
    sync.references?.(master, today);
    sync.nameRequest?.(master, today);
    sync.map(master, harness.context);
  }
  sync.removal?.suspend(row);
  sync.script?.of(subject.change(targetId, row, subject.map(harness.masters.changed)));
  await subject.read(targetId);
  await subject.read(null);
  await subject.readTogether([targetId, null]);
  await sync.readVersions?.([{ id, targetId }]);
  if (sync.list) await subject.listed();
}

/** Resolves when the target answers the connector again. */
async function back<E extends Entity>({ session }: Subject<E>): Promise<void> {
  for (const end = Date.now() + BACK_MS; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    try {
      await session.check();
      return;
    } catch (error) {
      if (!isForLater(error) || Date.now() > end) throw error;
    }
  }
}
