import { TargetError, type Found, type Listed, type Ref, type Sync } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { consequenceOf } from '../work/outcome.js';
import { decide, standingOf } from '../work/decision.js';
import type { Item, Stranger } from './job.js';
import type { Scan, Step } from './scan.js';
import { adoptedAs, knownOf, saveSeen, type Sighting } from './sweep.sql.js';

/** Where the ledger is looked at once the target has shown all that it has. */
export const BEGINNING = '00000000-0000-0000-0000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export type Ours = Listed & Sighting;

/**
 * Reads the whole of one kind of entity in the target, page by page, then looks one by one for what the ledger has and no page
 * had. Whatever seems wrong is looked at twice: things change while a long listing is read.
 */
export class Sweep {
  private pages: AsyncIterator<readonly Listed[]> | undefined;
  private isListed = false;

  /** `sync` must be able to list. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly scan: Scan,
    private readonly sync: Sync & Required<Pick<Sync, 'list'>>,
    private readonly job: string,
  ) {}

  private get entity(): Entity {
    return this.sync.entity;
  }

  /** The next page, or the entities after `after` that no page had; a sweep that was interrupted lists everything again. */
  async step(after: string | null): Promise<Step> {
    if (this.isListed || (after !== null && after !== BEGINNING)) return this.scan.unseen(after ?? BEGINNING, this.job);
    this.pages ??= this.sync.list()[Symbol.asyncIterator]();
    const page = await this.pages.next();
    if (!page.done) return this.look(page.value);
    this.isListed = true;
    return { last: BEGINNING, scanned: 0, items: [] };
  }

  close(): void {
    // Its connection is somebody else's from here on.
    this.pages?.return?.()?.catch(() => undefined);
  }

  private async look(page: readonly Listed[]): Promise<Step> {
    const { entity, dataSource } = this;
    const others = page.filter((one) => !isOurs(one)).map(({ targetId }) => targetId);
    const adopted = await adoptedAs(dataSource, entity, others);
    const ours = page
      .map((one) => (isOurs(one) ? one : { ...one, id: adopted.get(one.targetId) ?? null }))
      .filter(isOurs);
    const strangers: Stranger[] = others
      .filter((targetId) => !adopted.has(targetId))
      .map((targetId) => ({ entity, targetId, id: null, finding: 'foreign' }));
    const { first, fresh } = await saveSeen(dataSource, this.job, entity, ours);
    const ids = [...first.keys()];
    const known = await knownOf(dataSource, entity, ids);
    const chunk = await this.scan.only(ids);
    const stands = new Map(chunk.map((one) => [one.id, one]));

    const asListed = new Map<string, Found>();
    const doubted = new Set<string>();
    for (const one of ours) {
      const expected = stands.get(one.id)?.targetId ?? first.get(one.id)!;
      if (one.targetId === expected) asListed.set(one.id, one);
      else {
        doubted.add(one.id);
        if (await this.areTwo(one, { ...one, targetId: expected, adopted: stands.get(one.id)?.adopted === true }))
          strangers.push({ entity, ...sightingOf(one), finding: 'duplicate' });
      }
    }
    for (const id of doubted) asListed.delete(id);
    const sure = chunk.filter(({ id }) => asListed.has(id));
    const suspects = await this.scan.compare(sure, new Map(sure.map((one) => [one, asListed.get(one.id)!])));
    const again = [...suspects.map(({ id }) => id), ...chunk.map(({ id }) => id).filter((id) => doubted.has(id))];
    const items = again.length === 0 ? [] : await this.scan.compare(await this.scan.only(again));
    const orphans = ours.filter(({ id }) => !known.has(id)).map((one) => this.orphan(one));
    return { last: BEGINNING, scanned: fresh, items: [...items, ...orphans], strangers };
  }

  /** Something of ours that nobody here has heard of: it must leave the target. */
  private orphan(one: Ours): Item {
    const { entity, sync, scan } = this;
    const nothing = { name: undefined, waitsFor: null, uses: [], faults: [] };
    const { action, changed } = decide(
      { ...nothing, is: 'absent', atOnce: false },
      standingOf(one, null),
      sync,
      scan.today,
    );
    return { entity, id: one.id, action, changed, finding: 'orphan' };
  }

  /** Whether what was listed and what was expected are both there: the same one may have moved meanwhile. */
  private async areTwo(one: Ref, expected: Ref): Promise<boolean> {
    return (await this.stands(one)) && (await this.stands(expected));
  }

  private async stands({ id, targetId, adopted = false }: Ref): Promise<boolean> {
    try {
      return (await this.sync.read({ id, targetId, adopted }))?.targetId === targetId;
    } catch (error) {
      // That it cannot be told apart is an answer.
      if (error instanceof TargetError && consequenceOf(error, 0).then === 'park') return true;
      throw error;
    }
  }
}

/** What carries anything but a master id is somebody else's. */
export const isOurs = (one: Listed): one is Ours => one.id !== null && UUID.test(one.id);

const sightingOf = ({ id, targetId }: Sighting): Sighting => ({ id, targetId });
