import { Progress, type Standing } from './progress.js';

const standing = (partition: number, end: bigint, committed: bigint | null = null, low = 0n): Standing => ({
  topic: 't',
  partition,
  committed,
  low,
  end,
});

describe('Progress', () => {
  it('counts what is left of the partitions that were given, from what is done or else committed', () => {
    const progress = new Progress();
    progress.given({ t: [0, 1, 2] });
    progress.reached('t', 0, 7n);
    const seen = progress.against([
      standing(0, 10n, 2n),
      standing(1, 10n, 4n),
      standing(2, 5n, null, 3n),
      standing(3, 9n),
    ]);
    expect(seen).toMatchObject({ lag: 3n + 6n + 2n, beyond: undefined });
  });

  it('names the partition that ends before what is done: its topic was lost', () => {
    const progress = new Progress();
    progress.given({ t: [0, 1] });
    progress.reached('t', 1, 7n);
    expect(progress.against([standing(0, 0n), standing(1, 3n)]).beyond).toMatchObject({ partition: 1, committed: 7n });
    expect(progress.against([standing(0, 0n, 5n), standing(1, 7n)]).beyond).toMatchObject({
      partition: 0,
      committed: 5n,
    });
    progress.reached('t', 1, 0n);
    expect(progress.against([standing(0, 0n), standing(1, 3n)]).beyond).toBeUndefined();
  });

  it('forgets where it stood on partitions that went to others, and keeps the rest through a new distribution', () => {
    const progress = new Progress();
    progress.given({ t: [0, 1] });
    progress.reached('t', 0, 5n);
    progress.reached('t', 1, 5n);
    progress.given({ t: [0] });
    progress.given({ t: [0, 1] });
    expect(progress.against([standing(0, 9n), standing(1, 9n, 8n)]).lag).toBe(4n + 1n);
    expect(progress.partitionsOf('t')).toEqual([0, 1]);
  });
});
