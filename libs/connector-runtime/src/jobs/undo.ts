import { changedAttributes } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { Mapper } from '../work/mapper.js';
import { consequenceOf } from '../work/outcome.js';
import { readMany } from '../work/read.js';
import type { Item, Stranger } from './job.js';
import type { Step } from './scan.js';
import { readOverwritten, type Overwritten } from './undo.sql.js';

/** As many as one call of a target reads. */
const CHUNK = 500;

/**
 * Finds what must be done to put back what a job has overwritten. What has changed since, in the ledger or in the target, is told and
 * left as it is.
 */
export class UndoScan {
  constructor(
    private readonly dataSource: DataSource,
    private readonly mapper: Mapper,
    private readonly entity: Entity,
    /** The job that is undone. */
    private readonly job: string,
  ) {}

  async step(after: string | null): Promise<Step> {
    const chunk = await readOverwritten(this.dataSource, { job: this.job, entity: this.entity, after, limit: CHUNK });
    const found = await readMany(this.mapper.syncs, chunk);
    const items: Item[] = [];
    const strangers: Stranger[] = [];
    for (const one of chunk) {
      const { entity, id, targetId } = one;
      const read = found.get(one) ?? null;
      if (read instanceof Error && consequenceOf(read, 0).then !== 'park') throw read;
      const isAsLeft =
        !(read instanceof Error) &&
        one.rowHash === one.afterHash &&
        changedAttributes(one.row, read?.row ?? null).length === 0;
      if (isAsLeft) items.push(...this.itemOf(one));
      else strangers.push({ entity, targetId: targetId ?? id, id, finding: 'changed' });
    }
    return { last: chunk.length < CHUNK ? null : chunk.at(-1)!.id, scanned: chunk.length, items, strangers };
  }

  private itemOf({ entity, id, row, before }: Overwritten): Item[] {
    const changed = changedAttributes(row, before);
    if (changed.length === 0) return [];
    const closes = row !== null && before !== null && this.mapper.syncs.get(entity)?.closes?.(row, before) === true;
    const action = row === null ? 'create' : before === null ? 'delete' : closes ? 'suspend' : 'change';
    return [{ entity, id, action, changed, finding: null }];
  }
}
