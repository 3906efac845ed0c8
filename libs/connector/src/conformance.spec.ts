import { conformance } from './conformance.js';
import type { Runner } from './harness.js';
import { DEFECTS, specimen, type Defect } from './specimen.testing.js';

/** Runs a suite outside of Jest, and answers the names of all tests and of those that fail. */
async function run(suite: (on: Runner) => void): Promise<{ names: string[]; failed: string[] }> {
  interface Block {
    readonly tests: { name: string; test: () => unknown }[];
    readonly hooks: Record<'beforeAll' | 'afterEach' | 'afterAll', (() => unknown)[]>;
    readonly blocks: Block[];
  }
  const blockOf = (): Block => ({ tests: [], hooks: { beforeAll: [], afterEach: [], afterAll: [] }, blocks: [] });
  let block = blockOf();
  const root = block;
  suite({
    describe(_, body) {
      const outer = block;
      outer.blocks.push((block = blockOf()));
      body();
      block = outer;
    },
    it: (name, test) => void block.tests.push({ name, test }),
    beforeAll: (hook) => void block.hooks.beforeAll.push(hook),
    afterEach: (hook) => void block.hooks.afterEach.push(hook),
    afterAll: (hook) => void block.hooks.afterAll.push(hook),
  });
  const [names, failed]: string[][] = [[], []];
  const play = async ({ tests, hooks, blocks }: Block, after: (() => unknown)[]): Promise<void> => {
    for (const hook of hooks.beforeAll) await hook();
    const each = [...hooks.afterEach, ...after];
    for (const { name, test } of tests) {
      names!.push(name);
      try {
        await test();
        for (const hook of each) await hook();
      } catch {
        failed!.push(name);
        for (const hook of each) await Promise.resolve(hook()).catch(() => undefined);
      }
    }
    for (const inner of blocks) await play(inner, each);
    for (const hook of hooks.afterAll) await hook();
  };
  await play(root, []);
  return { names: names!, failed: failed! };
}

const suiteOf = (defect?: Defect) => run((on) => conformance('specimen', specimen(defect), on));

it('passes a connector that is as it should be', async () => {
  const { names, failed } = await suiteOf();
  expect(failed).toEqual([]);
  expect(names.length).toBeGreaterThan(20);
  expect(new Set(names).size).toBe(names.length);
});

it.each(Object.entries(DEFECTS) as [Defect, string][])('finds a connector that %s', async (defect, name) => {
  const { names, failed } = await suiteOf(defect);
  expect(names).toContain(name);
  expect(failed).toContain(name);
});
