import type { Master } from '@myelin/contracts';
import { Rejected, TargetDown } from './errors.js';
import type { Harness } from './harness.js';
import type { Line } from './line.js';
import { changedAttributes, type Row } from './row.js';
import type { Change, Connector, Found, Listed, Ref, Session, Sync } from './spi.js';

/** What a connector may do wrong; the suite must find each, by the test of that name. */
export const DEFECTS = {
  'maps by the clock': 'maps the same record to the same row',
  'creates whatever there is': 'creates once, however often it is told',
  'takes an older revision in part':
    'takes an older revision after a newer one whole or not at all, and then the newer one again',
  'writes each revision once':
    'takes an older revision after a newer one whole or not at all, and then the newer one again',
  'says that a lost creation was not made':
    'says that it does not know when the answer to a creation is lost, and repeats it without harm',
  'takes a lost answer for a refusal':
    'says that it does not know when the answer to a change is lost, and repeats it without harm',
  'says absent when it cannot read':
    'says that a target is down that goes away in the middle, and goes on when it is back',
  'says parked when it cannot write':
    'says that a target is down that goes away in the middle, and goes on when it is back',
  'writes a part of what is refused': 'rejects what the target refuses, and leaves the entity as it was',
  'makes a renamed entity anew': 'renames, once, and nothing that belongs to others is lost',
  'fails to delete what is gone': 'removes, once',
  'writes to check': 'writes nothing when it only looks',
  'writes to list': 'writes nothing when it only looks',
  'writes to read': 'writes nothing when it only looks',
  'lists by offset': 'lists whatever stays while others come and go between its pages',
  'ends a listing that was cut': 'never takes a listing that was cut for a whole one',
  'has less than it says': 'has everything but what its harness says that it lacks',
} as const;
export type Defect = keyof typeof DEFECTS;

interface Stored {
  readonly id: string | null;
  readonly row: Row;
  readonly others: string | undefined;
  readonly version: number;
}

const PAGE = 100;

/** An application in memory that keeps structures by their code, and the line to it. */
class Application implements Line {
  readonly stored = new Map<string, Stored>();
  writes = 0;
  private isUp = true;
  private isLosing = false;

  open = () => Promise.resolve('memory:');
  close = () => Promise.resolve();
  loseAnswer = () => void (this.isLosing = true);
  cut = () => Promise.resolve(void (this.isUp = false));
  mend = () => Promise.resolve(void (this.isUp = true));

  look<T>(work: () => T): T {
    if (!this.isUp) throw new TargetDown('the application is away');
    return work();
  }

  write(work: () => void): void {
    this.look(() => undefined);
    this.writes += 1;
    work();
    if (!this.isLosing) return;
    this.isLosing = false;
    throw new TargetDown('no answer', { unknownOutcome: true });
  }

  put(code: string, stored: Omit<Stored, 'version'>): void {
    const before = this.stored.get(code);
    const isSame = before !== undefined && changedAttributes(before.row, stored.row).length === 0;
    this.stored.set(code, { ...stored, version: (before?.version ?? 0) + (isSame ? 0 : 1) });
  }
}

/** The connector to that application, as it should be or with one defect. */
class Specimen implements Session {
  readonly callDeadlineMs = 0;
  readonly syncs: readonly Sync[];
  private readonly written = new Set<number>();

  constructor(
    /** Where this session speaks to, over a line that may fail or straight. */
    private readonly application: Application,
    private readonly straight: boolean,
    private readonly defect: Defect | undefined,
  ) {
    const sync: Sync<'structure'> = {
      entity: 'structure',
      version: '1',
      map: ({ code, longLabel }) => ({
        row: { code, label: longLabel + (this.has('maps by the clock') ? tick() : '') },
      }),
      read: async (ref) => this.read(ref),
      readVersions: async (refs) => refs.map((ref) => this.find(ref)?.etag ?? null),
      ...(!this.has('has less than it says') && { list: () => this.list() }),
      write: async (change) => this.write(change),
    };
    this.syncs = [sync as Sync];
  }

  check(): Promise<void> {
    if (this.has('writes to check')) this.put(() => undefined);
    this.look(() => undefined);
    return Promise.resolve();
  }

  close = () => Promise.resolve();

  private has = (defect: Defect) => this.defect === defect;

  private look = <T>(work: () => T): T => (this.straight ? work() : this.application.look(work));
  private put = (work: () => void) => (this.straight ? work() : this.application.write(work));

  private read(ref: Ref): Found | null {
    if (this.has('writes to read')) this.put(() => undefined);
    try {
      return this.find(ref);
    } catch (error) {
      if (this.has('says absent when it cannot read')) return null;
      throw error;
    }
  }

  private find({ id }: Ref): Found | null {
    const [found] = this.look(() => [...this.application.stored].filter(([, one]) => one.id === id));
    return found ? foundOf(found) : null;
  }

  private async *list(): AsyncGenerator<Listed[]> {
    if (this.has('writes to list')) this.put(() => undefined);
    let [last, offset] = ['', 0];
    for (;;) {
      let page: [string, Stored][];
      try {
        const all = this.look(() => [...this.application.stored].sort(([a], [b]) => (a < b ? -1 : 1)));
        const rest = this.has('lists by offset') ? all.slice(offset) : all.filter(([code]) => code > last);
        page = rest.slice(0, PAGE);
      } catch (error) {
        if (this.has('ends a listing that was cut')) return;
        throw error;
      }
      if (page.length === 0) return;
      yield page.map((one) => ({ ...foundOf(one), id: one[1].id }));
      [last, offset] = [page.at(-1)![0], offset + page.length];
    }
  }

  private write(change: Change): { targetId: string } {
    try {
      return this.carryOut(change);
    } catch (error) {
      if (!(error instanceof TargetDown)) throw error;
      if (this.has('takes a lost answer for a refusal') && error.unknownOutcome) throw new Rejected('refused');
      if (this.has('says that a lost creation was not made')) throw new TargetDown('away');
      if (this.has('says parked when it cannot write') && !error.unknownOutcome) throw new Rejected('refused');
      throw error;
    }
  }

  private carryOut({ id, revision, before, after, changed }: Change): { targetId: string } {
    const { stored } = this.application;
    const found = this.find({ id, targetId: null });
    if (after === null) {
      if (!found && this.has('fails to delete what is gone')) throw new Rejected('there is none');
      if (found) this.put(() => stored.delete(found.targetId));
      return { targetId: found?.targetId ?? '' };
    }
    if (this.has('writes each revision once') && this.written.has(revision) && revision > 1)
      return { targetId: found?.targetId ?? '' };
    this.written.add(revision);
    const row = found && this.has('takes an older revision in part') ? patched(found.row, after, changed) : after;
    const { code = '', label = '' } = row as Record<string, string>;
    if (label.length > 100) {
      if (this.has('writes a part of what is refused'))
        this.put(() => this.application.put(code, { id, row: { code }, others: undefined }));
      throw new Rejected('the label is too long', { attributes: ['label'] });
    }
    const isNew = this.has('creates whatever there is') && before === null && found !== null;
    const others = found && stored.get(found.targetId)?.others;
    if (found && !isNew && changedAttributes(found.row, row).length === 0) return { targetId: code };
    this.put(() => {
      if (found && found.targetId !== code) stored.delete(found.targetId);
      const isLost = this.has('makes a renamed entity anew') && found?.targetId !== code;
      this.application.put(isNew ? `${code}2` : code, { id, row, others: isLost ? undefined : (others ?? undefined) });
    });
    return { targetId: code };
  }
}

const foundOf = ([code, { row, version }]: [string, Stored]): Found => ({
  targetId: code,
  row,
  etag: `${code}/${version}`,
});

const patched = (row: Row, after: Row, changed: readonly string[]): Row => ({
  ...row,
  ...Object.fromEntries(changed.map((name) => [name, after[name]!])),
});

let ticks = 0;
const tick = () => String(ticks++);

const base: Master<'structure'> = {
  ...{ id: '01938c5e-0000-7000-8000-000000000011', status: 'active', type: 'S203' },
  ...{ code: 'LIEX', shortLabel: 'LIEX', longLabel: 'Laboratoire' },
};

/** A harness for that connector. */
export function specimen(defect?: Defect): Harness<'structure'> {
  const application = new Application();
  const { stored } = application;
  const connector = (isStraight: boolean): Connector => ({
    name: 'specimen',
    open: () => Promise.resolve(new Specimen(application, isStraight, defect)),
  });
  return {
    entity: 'structure',
    lacks: ['closing', 'removal', 'rules'],
    connector: (url) => connector(url === undefined),
    unreachable: () => ({
      name: 'specimen',
      open: async () => {
        const nowhere = new Application();
        await nowhere.cut();
        return new Specimen(nowhere, false, undefined);
      },
    }),
    line: application,
    context: { today: '2026-11-27', name: undefined, reference: () => undefined },
    masters: {
      base,
      changed: { ...base, longLabel: 'Laboratoire des données' },
      renamed: { ...base, code: 'LINEX' },
    },
    spoil: (row) => ({ ...row, label: 'x'.repeat(101) }),
    mark: (code) => Promise.resolve(String(stored.get(code)?.version)),
    count: () => Promise.resolve(stored.size),
    decorate: (code) => {
      stored.set(code, { ...stored.get(code)!, others: 'blue' });
      return Promise.resolve((now) => Promise.resolve(stored.get(now)?.others === 'blue'));
    },
    crowd: {
      add: async (count) => {
        const codes = Array.from({ length: count }, (_, n) => `C${String(n).padStart(4, '0')}`);
        for (const code of codes) application.put(code, { id: null, row: { code }, others: undefined });
        return codes;
      },
      remove: async (codes) => void codes.map((code) => stored.delete(code)),
    },
  };
}
