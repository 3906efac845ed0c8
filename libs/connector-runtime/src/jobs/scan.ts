import { changedAttributes, type Found, type Sync } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { consequenceOf } from '../work/outcome.js';
import { decide, standingOf, type Standing } from '../work/decision.js';
import type { Item, Mode, Scope } from './job.js';
import type { Mapper, Mapping } from '../work/mapper.js';
import { readMany } from '../work/read.js';
import { readChunk, saveProjection, saveVersions, structuresBelow, type Scanned } from './scan.sql.js';

/** Entities looked at in one step: one call of a target that reads many at once. */
const CHUNK = 500;

/** What one step has found. */
export interface Step {
  /** The last entity that was looked at; null when there are no more. */
  readonly last: string | null;
  readonly scanned: number;
  readonly items: readonly Item[];
}

/**
 * Walks the ledger of one kind of entity and finds those for which there is something to do, in the order of their ids:
 * those whose state or mapping version is another than the target acknowledged, or, to verify, all of them, read in the
 * target. It writes nothing to the target and marks nothing due.
 */
export class Scan {
  private next: Promise<Scanned[]> | undefined;
  private saving: Promise<unknown> | undefined;
  private structures: readonly string[] | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly mapper: Mapper,
    private readonly entity: Entity,
    private readonly mode: Mode,
    private readonly scope: Scope,
  ) {}

  /** Looks at the entities after `after`; while these are mapped, the next ones are already being read. */
  async step(after: string | null): Promise<Step> {
    const chunk = await (this.next ?? this.read(after));
    const last = chunk.length < CHUNK ? null : chunk.at(-1)!.id;
    this.next = last === null ? undefined : this.read(last);
    // Its failure is met by the step that awaits it.
    this.next?.catch(() => undefined);
    const items = await this.compare(chunk);
    if (last === null) await this.saving;
    return { last, scanned: chunk.length, items };
  }

  private async read(after: string | null): Promise<Scanned[]> {
    if (this.scope.structure !== undefined) {
      this.structures ??= await structuresBelow(this.dataSource, this.scope.structure);
    }
    const version = this.mapper.syncs.get(this.entity)?.version ?? '';
    return readChunk(this.dataSource, {
      ...{ entity: this.entity, version, mode: this.mode, scope: this.scope, structures: this.structures, after },
      limit: CHUNK,
    });
  }

  private async compare(chunk: readonly Scanned[]): Promise<Item[]> {
    const sync = this.mapper.syncs.get(this.entity);
    if (!sync || chunk.length === 0) return [];
    const suspects = this.mode === 'verify' ? await this.suspects(sync, chunk) : chunk;
    const reading = this.mode === 'verify' ? this.found(suspects) : undefined;
    // Its failure is met below.
    reading?.catch(() => undefined);
    const mappings = await this.mappings(suspects);
    const found = await reading;
    const items: Item[] = [];
    const mapped: string[] = [];
    const versions: { id: string; etag: string }[] = [];
    for (const one of suspects) {
      const mapping = mappings.get(one)!;
      const read = found?.get(one);
      // What cannot be mapped or read on its own is tried by a worker, which parks it with the reason.
      if (mapping.is === 'failed' || read instanceof Error) {
        items.push({ entity: one.entity, id: one.id, action: one.row === null ? 'create' : 'retry', changed: [] });
        continue;
      }
      if (mapping.is === 'skipped' || mapping.is === 'waiting') continue;
      const standing: Standing = read === undefined ? one : standingOf(read, one.suspendedOn);
      const { action, changed } = decide(mapping, standing, sync.removal, this.mapper.today());
      const forgotten = read !== undefined && one.stale && changedAttributes(one.row, read?.row ?? null).length > 0;
      if (action !== 'none') items.push({ entity: one.entity, id: one.id, action, changed });
      // The target is right and the ledger is not: it learns what the target has, without a write.
      else if (forgotten || (one.stale && one.status !== statusOf(mapping, standing)))
        items.push({ entity: one.entity, id: one.id, action: 'refresh', changed: [] });
      else {
        if (one.stale && !one.behind) mapped.push(one.id);
        if (read?.etag !== undefined && read.etag !== one.etag) versions.push({ id: one.id, etag: read.etag });
      }
    }
    // What is kept of one chunk is written while the next one is looked at.
    await this.saving;
    this.saving = Promise.all([
      saveProjection(this.dataSource, this.entity, sync.version, mapped),
      saveVersions(this.dataSource, this.entity, versions),
    ]);
    this.saving.catch(() => undefined);
    return items;
  }

  /** Those that may differ: all but those that stand in the target in the version that the last write left. */
  private async suspects(sync: Sync, chunk: readonly Scanned[]): Promise<readonly Scanned[]> {
    if (!sync.readVersions) return chunk;
    const known = chunk.filter(({ stale, etag }) => !stale && etag !== null);
    if (known.length === 0) return chunk;
    const versions = await sync.readVersions(known);
    const same = new Set(known.filter(({ etag }, index) => etag === versions[index]));
    return chunk.filter((one) => !same.has(one));
  }

  /** What each must be in the target: what it was acknowledged as, unless its state or the mapping is another one now. */
  private async mappings(chunk: readonly Scanned[]): Promise<Map<Scanned, Mapping>> {
    const stale = chunk.filter((one) => one.stale);
    const mapped = await this.mapper.map(stale, { allocate: false });
    const mappings = new Map(stale.map((one, index) => [one, mapped[index] as Mapping]));
    const nothing = { name: undefined, waitsFor: null, uses: [], faults: [] };
    for (const one of chunk) {
      if (one.stale) continue;
      if (one.status === 'skipped') mappings.set(one, { ...nothing, is: 'skipped' });
      else if (one.row === null) mappings.set(one, { ...nothing, is: 'absent', atOnce: true });
      else mappings.set(one, { ...nothing, is: 'row', row: one.row, validUntil: undefined });
    }
    return mappings;
  }

  /** The chunk as it stands in the target; a target that does not answer ends the step. */
  private async found(chunk: readonly Scanned[]): Promise<Map<Scanned, Found | null | Error>> {
    const found = await readMany(this.mapper.syncs, chunk);
    for (const one of found.values()) {
      if (one instanceof Error && consequenceOf(one, 0).then !== 'park') throw one;
    }
    return found;
  }
}

const statusOf = (mapping: { is: string }, { row, suspendedOn }: Standing) =>
  mapping.is === 'row' ? 'applied' : row === null ? 'absent' : suspendedOn === null ? 'applied' : 'suspended';
