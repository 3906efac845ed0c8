import { TargetError, type Found, type Listed, type Ref } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { consequenceOf } from '../work/outcome.js';
import { decide, standingOf } from '../work/decision.js';
import type { Item, Stranger } from './job.js';
import { BEGINNING, isOurs, Listing, type ListingSync, type Ours } from './listing.js';
import type { Scan, Step } from './scan.js';
import { adoptedAs, knownOf, saveSeen, type Sighting } from './sweep.sql.js';

/**
 * Reads the whole of one kind of entity in the target, page by page, then looks one by one for what the ledger has and no page
 * had. Whatever seems wrong is looked at twice: things change while a long listing is read.
 */
export class Sweep {
  private readonly listing: Listing;

  /** `sync` must be able to list. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly scan: Scan,
    private readonly sync: ListingSync,
    private readonly job: string,
  ) {
    this.listing = new Listing(sync);
  }

  private get entity(): Entity {
    return this.sync.entity;
  }

  /** The next page, or the entities after `after` that no page had; a sweep that was interrupted lists everything again. */
  async step(after: string | null): Promise<Step> {
    if (this.listing.isBehind(after)) return this.scan.unseen(after ?? BEGINNING, this.job);
    const page = await this.listing.next();
    return page ? this.look(page) : this.listing.end();
  }

  close(): void {
    this.listing.close();
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

const sightingOf = ({ id, targetId }: Sighting): Sighting => ({ id, targetId });
