import {
  Fatal,
  Rejected,
  SKIP,
  TargetDown,
  TryLater,
  type Change,
  type Listed,
  type MapContext,
  type Reference,
  type Row,
  type Script,
  type Session,
  type Sync,
} from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import type { DataSource } from 'typeorm';

/** Faults that can be switched on in the target. */
export interface TargetFaults {
  /** The target does not answer at all. */
  down: boolean;
  /** The next writes are carried out, but their answer is lost. */
  losesAnswers: number;
  /** The next writes are told to come back. */
  busy: number;
  /** The mapping of records whose label contains this has a defect. */
  breaks: string | undefined;
  /** Records whose label contains this are refused. */
  refuses: string | undefined;
  /** The connector itself breaks on records of that birth name. */
  breaksOn: string | undefined;
  /** Milliseconds that every write takes. */
  slow: number;
  /** The credentials are wrong. */
  locked: boolean;
  /** The account may read and not write. */
  readOnly: boolean;
}

/** A target for tests: rows in a PostgreSQL table, with a log of every call and faults to switch on. */
export class TableTarget implements Session {
  readonly faults: TargetFaults = {
    ...{ down: false, losesAnswers: 0, busy: 0, breaks: undefined, refuses: undefined, breaksOn: undefined },
    ...{ slow: 0, locked: false, readOnly: false },
  };
  /** Version of the mapping. */
  version = '1';
  /** Days between suspension and removal; 0: removed at once. */
  graceDays = 0;
  /** Records whose label contains this are none of its business. */
  skips: string | undefined;
  /** The mapping fails, as a defect would, for records whose label contains this. */
  fails: string | undefined;
  /** Days for which the mapping lets a role last longer. */
  longer = 0;
  /** Added to every label by the mapping. */
  prefix = '';
  /** What others have put there: copies of ours, and what carries no id, until it is adopted and written. */
  strangers: Listed[] = [];
  /** A listing shows nothing of what is there. */
  hides = false;
  /** Called before each page of a listing is told. */
  beforePage: () => Promise<unknown> = () => Promise.resolve();
  /** Entities are read before they are written. */
  readBeforeWrite = false;

  constructor(private readonly dataSource: DataSource) {}

  async create(): Promise<this> {
    await this.dataSource.query(`
      create table target (entity text, id uuid primary key, row jsonb not null);
      create table target_call (n serial primary key, entity text, id uuid, kind text, changed text[], correlation_id text);`);
    return this;
  }

  readonly callDeadlineMs = 0;
  readonly syncs: readonly Sync[] = [this.sync('structure'), this.sync('person')];

  async check(): Promise<void> {
    if (this.faults.down) throw new TargetDown('the table target is down');
    if (this.faults.locked) throw new Fatal('the credentials are wrong');
  }

  async close(): Promise<void> {}

  async calls(): Promise<
    { entity: string; id: string; kind: string; changed: string[]; correlationId: string | null }[]
  > {
    return (await this.dataSource.query(
      'select entity, id, kind, changed, correlation_id as "correlationId" from target_call order by n',
    )) as never;
  }

  async rows(): Promise<Record<string, Row>> {
    const rows = (await this.dataSource.query('select id, row from target')) as { id: string; row: Row }[];
    return Object.fromEntries(rows.map(({ id, row }) => [id, row]));
  }

  private sync(entity: 'structure' | 'person'): Sync {
    const version = () => this.version;
    const readBeforeWrite = () => this.readBeforeWrite;
    const removal = () =>
      this.graceDays > 0 ? { suspend: (row: Row) => ({ ...row, closed: true }), graceDays: this.graceDays } : undefined;
    return {
      entity,
      get version() {
        return version();
      },
      get removal() {
        return removal();
      },
      get readBeforeWrite() {
        return readBeforeWrite();
      },
      rules: {
        label: { from: ['longLabel', 'birthName'], rule: 'the long label or the birth name' },
        login: { from: [], rule: 'allocated' },
        structures: { from: ['roles.external[].structure'], rule: 'ids of the structures of the roles' },
        status: { from: ['status'], rule: 'as it is' },
        code: { from: ['code'], rule: 'as it is' },
        head: { from: ['extensions'], rule: 'id of the person who directs it' },
        closed: { from: [], rule: 'suspended' },
      },
      references: (master, today): Reference[] =>
        entity === 'person'
          ? structuresOf(master, today).map((key) => ({ entity: 'structure', key, required: true }))
          : headOf(master).map((key) => ({ entity: 'person', key, required: false })),
      nameRequest: (master) => {
        if (!('birthName' in master)) return undefined;
        if (master.birthName === this.faults.breaksOn) throw new TypeError('the connector has a defect');
        return { base: master.birthName.toLowerCase(), maxLength: 20 };
      },
      map: (master, context) => {
        if (this.faults.breaks && JSON.stringify(master).includes(this.faults.breaks)) throw new Error('a defect');
        if (master.status === 'erased' || master.status === 'deleted') return null;
        if (this.skips && JSON.stringify(master).includes(this.skips)) return SKIP;
        if (this.fails && JSON.stringify(master).includes(this.fails))
          throw new TypeError(`${this.fails} is unheard of`);
        return { row: this.rowOf(master, context), ...this.untilOf(master, context) };
      },
      overlay: {
        refuse: (name) => (name === 'login' ? 'is allocated' : undefined),
        own: () => undefined,
        shape: (_, value) => (value === 'unheard of' ? { unrepresentable: ['is none'] } : { value }),
      },
      script: SCRIPT,
      closes: (before, after) => isOpen(before) && !isOpen(after),
      list: () => this.list(entity),
      read: async ({ id, targetId, adopted }) => {
        await this.check();
        await this.log(entity, id, 'read', []);
        const copy = this.strangers.find((one) => (one.id ?? (adopted && id)) === id && one.targetId === targetId);
        if (copy) return copy;
        const [row] = (await this.dataSource.query('select row from target where id = $1', [id])) as { row: Row }[];
        return row ? { targetId: id, row: row.row } : null;
      },
      write: (change) => this.write(entity, change),
    };
  }

  private async *list(entity: string): AsyncGenerator<readonly Listed[]> {
    let last = '00000000-0000-0000-0000-000000000000';
    for (;;) {
      await this.beforePage();
      await this.check();
      const page = (await this.dataSource.query(
        'select id, row from target where entity = $1 and id > $2 order by id limit 20',
        [entity, last],
      )) as { id: string; row: Row }[];
      if (page.length === 0 || this.hides) break;
      yield page.map(({ id, row }) => ({ id, targetId: id, row }));
      last = page.at(-1)!.id;
    }
    yield this.strangers.filter(({ row }) => ('login' in row ? 'person' : 'structure') === entity);
  }

  private rowOf(master: Master, context: MapContext): Row {
    if (!('birthName' in master)) {
      const label = master.status === 'active' && 'longLabel' in master ? this.prefix + master.longLabel : '';
      const [head] = headOf(master).flatMap((key) => context.reference(key)?.targetId ?? []);
      return { label, ...(head !== undefined && { head }) };
    }
    const used = structuresOf(master, context.today).map((key) => context.reference(key));
    const codes = used.map((one) => (one && 'code' in one.master ? one.master.code : ''));
    return {
      login: context.name ?? '',
      label: this.prefix + master.birthName,
      structures: used.map((one) => one?.targetId ?? ''),
      code: codes.join(','),
      status: this.isOver(master, context) ? 'over' : master.status,
      ...badgeOf(master),
    };
  }

  private lastDayOf(master: Master): string | undefined {
    const last = (master as Master<'person'>).roles?.external?.map(({ to }) => to ?? undefined)[0];
    return last && plusDays(last, this.longer);
  }

  private isOver(master: Master, { today }: MapContext): boolean {
    return (this.lastDayOf(master) ?? today) < today;
  }

  /** A person whose role ends is mapped again on the day after its last one. */
  private untilOf(master: Master, { today }: MapContext): { validUntil?: string } {
    const last = this.lastDayOf(master);
    return last === undefined || last < today ? {} : { validUntil: plusDays(last, 1) };
  }

  private async write(entity: string, change: Change): Promise<{ targetId: string }> {
    await this.log(
      entity,
      change.id,
      change.before === null ? 'create' : change.after === null ? 'remove' : 'modify',
      change.changed,
      change.correlationId,
    );
    if (this.faults.readOnly) throw new Fatal('the account may not write');
    if (this.faults.slow > 0) await new Promise((resolve) => setTimeout(resolve, this.faults.slow));
    if (this.faults.busy > 0) {
      this.faults.busy--;
      throw new TryLater('busy', { retryAfterMs: 50 });
    }
    if (this.faults.refuses && JSON.stringify(change.after).includes(this.faults.refuses)) {
      throw new Rejected('the target refuses this label', { attributes: ['label'] });
    }
    if (change.adopted) {
      this.strangers = this.strangers.filter(({ targetId }) => targetId !== change.targetId);
      if (change.after !== null)
        await this.dataSource.query('insert into target values ($1, $2, $3)', [
          entity,
          change.id,
          JSON.stringify(change.after),
        ]);
    } else if (change.after === null) await this.dataSource.query('delete from target where id = $1', [change.id]);
    // A creation is not safe to repeat here: only reading first after an unknown outcome keeps it from failing.
    else if (change.before === null) {
      await this.dataSource.query('insert into target values ($1, $2, $3)', [
        entity,
        change.id,
        JSON.stringify(change.after),
      ]);
    } else
      await this.dataSource.query('update target set row = $2 where id = $1', [
        change.id,
        JSON.stringify(change.after),
      ]);
    if (this.faults.losesAnswers > 0) {
      this.faults.losesAnswers--;
      throw new TargetDown('the answer was lost', { unknownOutcome: true });
    }
    return { targetId: change.id };
  }

  private async log(
    entity: string,
    id: string,
    kind: string,
    changed: readonly string[],
    correlationId?: string,
  ): Promise<void> {
    if (this.faults.down) throw new TargetDown('the table target is down');
    if (this.faults.locked) throw new Fatal('the credentials are wrong');
    await this.dataSource.query(
      'insert into target_call (entity, id, kind, changed, correlation_id) values ($1, $2, $3, $4, $5)',
      [entity, id, kind, changed, correlationId],
    );
  }
}

/** The structures of the roles that are not over. */
const structuresOf = (master: Master, today: string): string[] =>
  ((master as Master<'person'>).roles?.external ?? [])
    .filter(({ to }) => (to ?? today) >= today)
    .map(({ structure }) => structure);

/** The person who directs a structure, kept in an extension. */
function headOf(master: Master): string[] {
  const head = ((master as Master<'structure'>).extensions as { head?: string } | undefined)?.head;
  return head === undefined ? [] : [head];
}

/** The badge of a person, which an extension of the establishment holds. */
function badgeOf(master: Master): { badge?: string } {
  const badge = (master.extensions?.univ as { badge?: string } | undefined)?.badge;
  return badge === undefined ? {} : { badge };
}

/** A line for each change. */
const SCRIPT: Script = {
  contentType: 'text/plain',
  extension: 'txt',
  head: 'changes\n',
  of: ({ id, before, after }) => `${id} ${JSON.stringify(before?.label)} ${JSON.stringify(after?.label)}\n`,
};

/** Whether a person may use the target. */
const isOpen = ({ status, closed }: Row) => status === 'active' && closed !== true;

function plusDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}
