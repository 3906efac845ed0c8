import { setImmediate } from 'node:timers/promises';
import type { Listed } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { decide, standingOf } from '../work/decision.js';
import type { Mapper } from '../work/mapper.js';
import {
  forgetMatches,
  judgeMatches,
  readMatches,
  recordsOf,
  saveMatches,
  type Match,
  type Named,
} from './adoption.sql.js';
import { keptApart } from './conflicts.sql.js';
import type { Item, Job, Stranger } from './job.js';
import { BEGINNING, isOurs, Listing, type ListingSync } from './listing.js';
import type { Step } from './scan.js';
import { adoptedAs } from './sweep.sql.js';

/** Records looked at in one step, once the target has shown all that it has. */
const CHUNK = 500;
/** Entities mapped without a pause. */
const SLICE = 100;

/** An entry of the target that may be one of these records. */
interface Candidate {
  readonly listed: Listed;
  readonly records: readonly Named[];
  readonly schemes: readonly string[];
}

/**
 * Reads the whole of one kind of entity in the target and finds what of it is ours without the ledger knowing: by the master id, else
 * by strong identifiers that belong to one record. What each entry claims is noted first, and judged when all have been seen.
 */
export class Adoption {
  private readonly listing: Listing;

  /** `sync` must be able to list. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly mapper: Mapper,
    private readonly sync: ListingSync,
    private readonly job: Pick<Job, 'id' | 'automatic'>,
  ) {
    this.listing = new Listing(sync);
  }

  private get entity(): Entity {
    return this.sync.entity;
  }

  /** The next page, or what was claimed of the records after `after`; one that was interrupted lists everything again. */
  async step(after: string | null): Promise<Step> {
    const { dataSource, job, entity, listing } = this;
    if (listing.isBehind(after)) return this.judged(after ?? BEGINNING);
    if (!listing.hasBegun) await forgetMatches(dataSource.manager, job.id, entity);
    const page = await listing.next();
    if (page) return this.look(page);
    await judgeMatches(dataSource, job.id, entity);
    return listing.end();
  }

  close(): void {
    this.listing.close();
  }

  private async look(page: readonly Listed[]): Promise<Step> {
    const { entity, dataSource } = this;
    const [adopted, two] = await Promise.all([
      adoptedAs(
        dataSource,
        entity,
        page.map(({ targetId }) => targetId),
      ),
      keptApart(
        dataSource,
        entity,
        page.map(({ targetId }) => targetId),
      ),
    ]);
    const records = await recordsOf(dataSource, entity, [...new Set(page.flatMap(keysOf))]);
    const byKey = Map.groupBy(records, ({ key }) => key);
    const strangers: Stranger[] = [];
    const candidates: Candidate[] = [];
    for (const listed of page) {
      const { targetId } = listed;
      const named = keysOf(listed).flatMap((key) => byKey.get(key) ?? []);
      // What the ledger has there already, or elsewhere under this master id, is for a reconciliation to judge.
      if (adopted.has(targetId) || named.some((one) => one.targetId === targetId)) continue;
      if (isOurs(listed) && named.some((one) => one.targetId !== null)) continue;
      const known = named.filter(({ id, status }) => status !== 'skipped' && !two.has(`${id}|${targetId}`));
      if (known.length > 0) {
        const schemes = [...new Set(known.map(({ key }) => key.slice(0, key.indexOf(':'))))].sort();
        candidates.push({ listed, schemes, records: [...new Map(known.map((one) => [one.id, one])).values()] });
      } else if (isOurs(listed)) strangers.push({ entity, targetId, id: listed.id, finding: 'orphan' });
      else strangers.push({ entity, targetId, id: null, finding: 'foreign' });
    }
    await saveMatches(dataSource, this.job.id, entity, await this.matches(candidates));
    return { last: BEGINNING, scanned: page.length, items: [], strangers };
  }

  /** What these entries claim, and in what each differs from its record where there is only one. */
  private async matches(candidates: readonly Candidate[]): Promise<Match[]> {
    const { mapper, entity, sync, job } = this;
    const mapped = candidates.map(({ listed: { name }, records }) => {
      const { id, epoch, revision, state } = records[0]!;
      return { entity, id, epoch, revision, state, name };
    });
    const mappingOf = await mapper.prepare(mapped, 'suppose', job.id);
    const matches: Match[] = [];
    for (const [index, { listed, records, schemes }] of candidates.entries()) {
      if (index % SLICE === SLICE - 1) await setImmediate();
      const { targetId, row, etag = null, name = null } = listed;
      const mapping = records.length === 1 ? await mappingOf(index) : undefined;
      let changed: readonly string[] = [];
      try {
        if (mapping?.is === 'row' || mapping?.is === 'absent')
          ({ changed } = decide(mapping, standingOf(listed, null), sync, mapper.today()));
      } catch {
        // A worker meets it again, and parks it with the reason.
      }
      const seen = { targetId, carries: isOurs(listed), schemes, changed, row: job.automatic ? row : null, etag, name };
      matches.push(...records.map(({ id }) => ({ id, ...seen })));
    }
    return matches;
  }

  /** What was claimed of the next records, now that all claims are known. */
  private async judged(after: string): Promise<Step> {
    const { entity } = this;
    const matches = await readMatches(this.dataSource, { job: this.job.id, entity, after, limit: CHUNK });
    const items: Item[] = [];
    const strangers: Stranger[] = [];
    for (const { id, targetId, carries, changed, fits, candidates } of matches) {
      if (fits) {
        const finding = carries ? 'matched' : 'adoptable';
        items.push({ entity, id, action: 'adopt', changed, finding, targetId });
      } else strangers.push({ entity, targetId, id: carries ? id : null, finding: 'conflict', candidates });
    }
    const isLast = new Set(matches.map(({ id }) => id)).size < CHUNK;
    return { last: isLast ? null : matches.at(-1)!.id, scanned: 0, items, strangers };
  }
}

/** The names by which the records that an entry may be are found: the master id where it carries one. */
const keysOf = (listed: Listed): readonly string[] => (isOurs(listed) ? [`hub:${listed.id}`] : (listed.keys ?? []));
