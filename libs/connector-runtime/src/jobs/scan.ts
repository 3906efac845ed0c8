import { setImmediate } from 'node:timers/promises';
import { changedAttributes, rowHash, type Found, type Row, type Sync } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { consequenceOf } from '../work/outcome.js';
import { decide, standingOf, type Decision, type Standing } from '../work/decision.js';
import type { Finding, Item, Mode, Scope, Stranger } from './job.js';
import type { Mapper, Mapping } from '../work/mapper.js';
import { readMany } from '../work/read.js';
import {
  readChunk,
  readRows,
  saveProjection,
  saveVersions,
  structuresBelow,
  type ChunkQuery,
  type Scanned,
} from './scan.sql.js';

/** Entities looked at in one step: to verify, as many as one call of a target reads. */
const CHUNK: Readonly<Record<Mode, number>> = { trust: 1000, verify: 500, reconcile: 500, adopt: 500 };
/** Entities mapped without a pause. */
const SLICE = 100;

/** What one step has found. */
export interface Step {
  /** The last entity that was looked at; null when there are no more. */
  readonly last: string | null;
  readonly scanned: number;
  readonly items: readonly Item[];
  readonly strangers?: readonly Stranger[];
}

/**
 * Walks the ledger of one kind of entity and finds those for which there is something to do, in the order of their ids:
 * those whose state or mapping version is another than the target acknowledged, or, to verify, all of them, read in the
 * target. It writes nothing to the target and marks nothing due.
 */
export class Scan {
  private next: { readonly after: string; readonly chunk: Promise<Scanned[]> } | undefined;
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
    const chunk = await (this.next?.after === after ? this.next.chunk : this.read(after));
    const last = chunk.length < CHUNK[this.mode] ? null : chunk.at(-1)!.id;
    this.next = last === null ? undefined : { after: last, chunk: this.read(last) };
    // Its failure is met by the step that awaits it.
    this.next?.chunk.catch(() => undefined);
    const items = await this.compare(chunk);
    if (last === null) await this.saving;
    return { last, scanned: chunk.length, items };
  }

  /** Looks at the entities after `after`, up to and with `until`; null: to the last one. */
  async range(after: string | null, until: string | null): Promise<Step> {
    const chunk = await this.read(after, until);
    const items = await this.compare(chunk);
    await this.saving;
    return { last: until, scanned: chunk.length, items };
  }

  /** Looks, after `after`, at the entities that no listing of the target has shown to that job. */
  async unseen(after: string, job: string): Promise<Step> {
    const chunk = await this.read(after, undefined, job);
    const last = chunk.length < CHUNK[this.mode] ? null : chunk.at(-1)!.id;
    const items = await this.compare(chunk);
    await this.saving;
    return { last, scanned: chunk.length, items };
  }

  /** These entities as the ledger has them. */
  only(ids: readonly string[]): Promise<Scanned[]> {
    return this.chunk({ scope: { ids }, structures: undefined, after: null, until: null, limit: null });
  }

  /** Looks at these entities. */
  async among(ids: readonly string[]): Promise<Item[]> {
    const items = await this.compare(await this.only(ids));
    await this.saving;
    return items;
  }

  get today(): string {
    return this.mapper.today();
  }

  /** The next entities after `after`, or all of a range; `unseenBy`: by the listing of that job. */
  private async read(after: string | null, until?: string | null, unseenBy?: string): Promise<Scanned[]> {
    if (this.scope.structure !== undefined) {
      this.structures ??= await structuresBelow(this.dataSource, this.scope.structure);
    }
    return this.chunk({
      ...{ scope: this.scope, structures: this.structures, after },
      ...(until === undefined ? { until: null, limit: CHUNK[this.mode] } : { until, limit: null }),
      ...(unseenBy !== undefined && { unseenBy }),
    });
  }

  private chunk(part: Omit<ChunkQuery, 'entity' | 'version' | 'mode'>): Promise<Scanned[]> {
    const version = this.mapper.versionOf(this.entity);
    return readChunk(this.dataSource, { entity: this.entity, version, mode: this.mode, ...part });
  }

  /** What there is to do for these entities; `listed`: as they stand in the target, where that is known. */
  async compare(chunk: readonly Scanned[], listed?: ReadonlyMap<Scanned, Found>): Promise<Item[]> {
    const sync = this.mapper.syncs.get(this.entity);
    if (!sync || chunk.length === 0) return [];
    const isRead = this.mode !== 'trust' && listed === undefined;
    const suspects = isRead ? await this.suspects(sync, chunk) : chunk;
    const reading = isRead ? this.found(suspects) : undefined;
    // Its failure is met below.
    reading?.catch(() => undefined);
    const mappingOf = await this.mapped(suspects);
    const found: ReadonlyMap<Scanned, Found | null | Error> | undefined = listed ?? (await reading);
    const same: Scanned[] = [];
    const rest: { one: Scanned; mapping: Mapping | undefined }[] = [];
    for (const [index, one] of suspects.entries()) {
      // Live changes pass between two slices: the mapping alone would hold them up for as long as a chunk takes.
      if (index % SLICE === SLICE - 1) await setImmediate();
      const mapping = await mappingOf(one);
      if (!this.isAsAcknowledged(one, mapping)) rest.push({ one, mapping });
      else if (one.hasOwnVersion) same.push(one);
    }
    const rows = await readRows(
      this.dataSource,
      this.entity,
      rest.map(({ one }) => one.id),
    );
    const items: Item[] = [];
    const versions: { id: string; etag: string }[] = [];
    for (const { one, mapping: renewed } of rest) {
      const row = rows.get(one.id) ?? null;
      const mapping = renewed ?? acknowledged(one, row);
      const read = found?.get(one);
      // What cannot be mapped, read or suspended on its own is tried by a worker, which parks it with the reason.
      const tried = { entity: one.entity, id: one.id, action: row === null ? 'create' : 'retry', changed: [] };
      if (mapping.is === 'failed' || read instanceof Error) {
        items.push(tried);
        continue;
      }
      // What a new mapping makes wait is for a worker, who leaves word whom it waits for.
      if (mapping.is === 'waiting' && one.status !== 'waiting') items.push({ ...tried, action: 'retry' });
      if (mapping.is === 'skipped' || mapping.is === 'waiting') continue;
      const standing: Standing = read === undefined ? { ...one, row } : standingOf(read, one.suspendedOn);
      let decision: Decision;
      try {
        decision = decide(mapping, standing, sync, this.mapper.today());
      } catch {
        items.push(tried);
        continue;
      }
      const { action, changed } = decision;
      const isRemembered = renewed === undefined || isKept(one, mapping, decision.dueDay);
      const forgotten = read !== undefined && one.stale && changedAttributes(row, read?.row ?? null).length > 0;
      if (action !== 'none') {
        const finding = this.mode === 'trust' ? null : findingOf(mapping, row, read);
        items.push({ entity: one.entity, id: one.id, action, changed, finding });
      }
      // The target is right and the ledger is not: it learns what the target has, without a write.
      else if (!isRemembered || forgotten || (one.stale && one.status !== statusOf(mapping, standing)))
        items.push({ entity: one.entity, id: one.id, action: 'refresh', changed: [] });
      else {
        if (one.stale && !one.behind && one.hasOwnVersion) same.push(one);
        if (read?.etag !== undefined && read.etag !== one.etag) versions.push({ id: one.id, etag: read.etag });
      }
    }
    const ids = same.map(({ id }) => id);
    // What is kept of one chunk is written while the next one is looked at.
    await this.saving;
    this.saving = saveProjection(this.dataSource, this.entity, this.mapper.versionOf(this.entity), ids).then(() =>
      saveVersions(this.dataSource, this.entity, versions),
    );
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

  /** Maps those whose state or mapping version is another than the target acknowledged, each when it is looked at. */
  private async mapped(chunk: readonly Scanned[]): Promise<(one: Scanned) => Promise<Mapping> | undefined> {
    const stale = chunk.filter((one) => one.stale);
    const mapping = await this.mapper.prepare(stale, 'owned');
    const indexes = new Map(stale.map((one, index) => [one, index]));
    return (one) => {
      const index = indexes.get(one);
      return index === undefined ? undefined : mapping(index);
    };
  }

  /** Whether a new mapping comes to the row that stands in the target, as far as the ledger is trusted. */
  private isAsAcknowledged(one: Scanned, mapping: Mapping | undefined): boolean {
    return (
      this.mode === 'trust' &&
      mapping?.is === 'row' &&
      !one.behind &&
      one.status === 'applied' &&
      one.rowHash === rowHash(mapping.row) &&
      isKept(one, mapping, mapping.validUntil ?? null)
    );
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

/** How the target differs: `row` is what it acknowledged last, `read` what it has, undefined where it has what the last write left. */
function findingOf(mapping: Mapping, row: Row | null, read: Found | null | undefined): Finding {
  if (mapping.is === 'absent') return 'orphan';
  if ((read === undefined ? row : read) === null) return 'missing';
  return read == null || changedAttributes(row, read.row).length === 0 ? 'stale' : 'edited';
}

/** Whether a mapping lacks nothing, and names the day, the uses and the waits that are kept of the last one. */
function isKept(one: Scanned, { uses, waitsFor, againInMs }: Mapping, dueDay: string | null): boolean {
  const names = new Set(uses.map(({ entity, id }) => `${entity}|${id}`));
  const kept = one.uses?.split(' ') ?? [];
  return (
    // A worker maps it, and comes back to it.
    againInMs === undefined &&
    one.dueDay === dueDay &&
    one.waitsFor === (waitsFor?.join('\n') ?? null) &&
    kept.length === names.size &&
    kept.every((name) => names.has(name))
  );
}

/** What an entity must be whose state and mapping version are as the target acknowledged them: what it was then. */
function acknowledged({ status }: Scanned, row: Row | null): Mapping {
  const nothing = { name: undefined, waitsFor: null, uses: [], faults: [] };
  if (status === 'skipped') return { ...nothing, is: 'skipped' };
  return row === null
    ? { ...nothing, is: 'absent', atOnce: true }
    : { ...nothing, is: 'row', row, validUntil: undefined };
}

const statusOf = (mapping: { is: string }, { row, suspendedOn }: Standing) =>
  mapping.is === 'row' ? 'applied' : row === null ? 'absent' : suspendedOn === null ? 'applied' : 'suspended';
