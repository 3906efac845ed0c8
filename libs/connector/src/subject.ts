import type { Entity, Master } from '@myelin/contracts';
import type { Harness } from './harness.js';
import { changedAttributes, type Row } from './row.js';
import { SKIP, type Change, type Connector, type Found, type Listed, type Session, type Sync } from './spi.js';

/** A connector under test, opened, with its one entity. */
export class Subject<E extends Entity> {
  private opened: Session | undefined;

  constructor(readonly harness: Harness<E>) {}

  async open(connector: Connector): Promise<void> {
    this.opened = await connector.open();
  }

  async close(): Promise<void> {
    await this.opened?.close();
  }

  get session(): Session {
    return this.opened!;
  }

  get sync(): Sync<E> {
    return this.session.syncs.find((one) => one.entity === this.harness.entity) as unknown as Sync<E>;
  }

  get id(): string {
    return this.harness.masters.base.id;
  }

  map(master: Master<E>, context = this.harness.context): Row {
    const mapped = this.sync.map(master, context);
    if (mapped === null || mapped === SKIP) throw new Error('the harness must give masters that map to a row');
    return mapped.row;
  }

  change(targetId: string | null, before: Row | null, after: Row | null, etag?: string, revision = 1): Change {
    return {
      id: this.id,
      epoch: 1,
      revision,
      targetId,
      before,
      etag,
      after,
      changed: changedAttributes(before, after),
      name: this.harness.context.name,
      correlationId: undefined,
    };
  }

  async create(): Promise<{ targetId: string; row: Row; etag: string | undefined }> {
    const row = this.map(this.harness.masters.base);
    const { targetId } = await this.sync.write(this.change(null, null, row));
    const etag = (await this.sync.read({ id: this.id, targetId }))?.etag;
    return { targetId, row, etag };
  }

  /** What stands, without its version. */
  async read(targetId: string | null): Promise<Pick<Found, 'targetId' | 'row'> | null> {
    const found = await this.sync.read({ id: this.id, targetId });
    return found && { targetId: found.targetId, row: found.row };
  }

  readOneByOne(targetIds: readonly (string | null)[]) {
    return Promise.all(targetIds.map((targetId) => this.sync.read({ id: this.id, targetId })));
  }

  async readTogether(targetIds: readonly (string | null)[]) {
    const { sync, id } = this;
    return sync.readMany
      ? sync.readMany(targetIds.map((targetId) => ({ id, targetId })))
      : this.readOneByOne(targetIds);
  }

  /** All that the target tells, page by page; `between` pages something may happen. */
  async listed(between: (page: readonly Listed[]) => Promise<void> = () => Promise.resolve()): Promise<Listed[]> {
    const all: Listed[] = [];
    for await (const page of this.sync.list!()) {
      all.push(...page);
      await between(page);
    }
    return all;
  }

  /** Removes what a test has left. */
  async clear(): Promise<void> {
    const left = await this.sync.read({ id: this.id, targetId: null });
    if (left) await this.sync.write(this.change(left.targetId, left.row, null));
  }
}

export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  );
