import type { Listed, Sync } from '@myelin/connector';
import type { Step } from './scan.js';
import type { Sighting } from './sweep.sql.js';

/** Where the ledger is looked at once the target has shown all that it has. */
export const BEGINNING = '00000000-0000-0000-0000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A sync that can tell all that its target has. */
export type ListingSync = Sync & Required<Pick<Sync, 'list'>>;

/** Whether a target can tell all that it has of a kind of entity. */
export const canList = (sync: Sync | undefined): sync is ListingSync => sync?.list !== undefined;

/** Something listed that carries a master id. */
export type Ours = Listed & Sighting;

/** What carries anything but a master id is somebody else's. */
export const isOurs = (one: Listed): one is Ours => one.id !== null && UUID.test(one.id);

/** One reading of all that a target has of one kind of entity; it cannot be taken up where it was interrupted. */
export class Listing {
  private pages: AsyncIterator<readonly Listed[]> | undefined;
  private isOver = false;

  constructor(private readonly sync: ListingSync) {}

  get hasBegun(): boolean {
    return this.pages !== undefined;
  }

  /** Whether a scan that has come to `after` is behind the last page, in this reading or an earlier one. */
  isBehind(after: string | null): boolean {
    return this.isOver || (after !== null && after !== BEGINNING);
  }

  /** The next page; undefined when there are no more. */
  async next(): Promise<readonly Listed[] | undefined> {
    this.pages ??= this.sync.list()[Symbol.asyncIterator]();
    const page = await this.pages.next();
    return page.done ? undefined : page.value;
  }

  /** What comes after the last page may begin. */
  end(): Step {
    this.isOver = true;
    return { last: BEGINNING, scanned: 0, items: [] };
  }

  close(): void {
    // Its connection is somebody else's from here on.
    this.pages?.return?.()?.catch(() => undefined);
  }
}
