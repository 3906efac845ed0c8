/** A stream of pseudo-random numbers (sfc32) that depends on a seed and a stream number only. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d = 1;

  constructor(seed: number, stream: number) {
    this.a = mix(seed);
    this.b = mix(this.a ^ stream);
    this.c = mix(this.b + 0x9e3779b9);
    for (let i = 0; i < 8; i++) this.next();
  }

  /** A number in [0, 1). */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4294967296;
  }

  /** An integer from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One item, each as likely as the others. */
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

/** Hash of an integer (murmur3 finaliser), so that near seeds give far streams. */
export function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

/** Items that are drawn in proportion to their weights. */
export class Weighted<T> {
  private readonly items: T[];
  private readonly bounds: Float64Array;

  constructor(entries: readonly (readonly [item: T, weight: number])[]) {
    let total = 0;
    this.items = entries.map(([item]) => item);
    this.bounds = Float64Array.from(entries, ([, weight]) => (total += weight));
  }

  draw(random: Random): T {
    const target = random.next() * (this.bounds.at(-1) ?? 0);
    let low = 0;
    let high = this.bounds.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.bounds[middle] ?? 0) > target) high = middle;
      else low = middle + 1;
    }
    return this.items[low] as T;
  }
}
