/** Where a group has committed and where the partitions of a topic end, as the broker says. */
export interface Standing {
  topic: string;
  partition: number;
  /** Null when the group has committed nothing. */
  committed: bigint | null;
  low: bigint;
  end: bigint;
}

const key = (topic: string, partition: number) => `${topic}/${partition}`;

/** How far one member of a group has come on the partitions that it has been given. */
export class Progress {
  private assigned = new Set<string>();
  private readonly positions = new Map<string, bigint>();
  /** When the member last moved, or was given partitions. */
  private moved = Date.now();

  /** Takes note of a new distribution of the partitions: positions on those that went to others are forgotten. */
  given(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.assigned = new Set(
      Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((partition) => key(topic, partition))),
    );
    for (const known of this.positions.keys()) if (!this.assigned.has(known)) this.positions.delete(known);
    this.moved = Date.now();
  }

  /** Takes note that everything below `next` is done with. */
  reached(topic: string, partition: number, next: bigint): void {
    this.positions.set(key(topic, partition), next);
    this.moved = Date.now();
  }

  partitionsOf(topic: string): number[] {
    const prefix = `${topic}/`;
    return [...this.assigned].filter((one) => one.startsWith(prefix)).map((one) => Number(one.slice(prefix.length)));
  }

  /** Messages and markers between this member and the ends, how long it has not moved, and where it stands beyond an end. */
  against(standings: readonly Standing[]): { lag: bigint; stillMs: number; beyond: Standing | undefined } {
    let lag = 0n;
    let beyond: Standing | undefined;
    for (const standing of standings) {
      const { topic, partition, committed, low, end } = standing;
      if (!this.assigned.has(key(topic, partition))) continue;
      const position = this.positions.get(key(topic, partition)) ?? committed ?? low;
      if (position > end) beyond ??= { ...standing, committed: position };
      else lag += end - (position > low ? position : low);
    }
    return { lag, stillMs: Date.now() - this.moved, beyond };
  }
}
