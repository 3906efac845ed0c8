import {
  SKIP,
  type Mapped,
  type Reference,
  type Referenced,
  type Row,
  type Session,
  type Sync,
} from '@myelin/connector';
import type { Entity, FieldFault, Master } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { allocateNames, ownedNames, supposedNames } from './names.sql.js';
import { References, type Resolved } from './references.js';

/** An entity to map: its newest state, null after a tombstone. */
export interface Mappable {
  readonly entity: Entity;
  readonly id: string;
  readonly state: Master | null;
}

/** What a mapping came to. */
export type Mapping =
  /** The row the target must have. */
  | (Known & { readonly is: 'row'; readonly row: Row; readonly validUntil: string | undefined })
  /** It must not exist in the target; `atOnce`: without grace. */
  | (Known & { readonly is: 'absent'; readonly atOnce: boolean })
  /** None of this connector's business. */
  | (Known & { readonly is: 'skipped' })
  /** Something that it requires is not in the target yet. */
  | (Known & { readonly is: 'waiting' })
  /** The connector threw. */
  | (Known & { readonly is: 'failed'; readonly error: unknown });

/** Where the names come from that are allocated: missing ones are allocated, left out, or supposed to be the first candidates. */
const NAMES = { allocate: allocateNames, owned: ownedNames, suppose: supposedNames } as const;
type Names = keyof typeof NAMES;

interface Known {
  /** The login or the like that was allocated to it, or is supposed to be. */
  readonly name: string | undefined;
  /** Keys (`entity|scheme:value`) of what it names and the target does not have yet. */
  readonly waitsFor: readonly string[] | null;
  /** What it used, as it was when it was used. */
  readonly uses: readonly Resolved[];
  /** Values that were left out, by field. */
  readonly faults: readonly FieldFault[];
}

/** Maps entities in batches: whatever a batch needs is read in as few queries as it has kinds of entities. */
export class Mapper {
  readonly syncs: ReadonlyMap<Entity, Sync>;
  private readonly references: References;

  constructor(
    session: Session,
    private readonly dataSource: DataSource,
    /** Today in Europe/Paris, `YYYY-MM-DD`. */
    readonly today: () => string,
  ) {
    this.syncs = new Map(session.syncs.map((sync) => [sync.entity, sync]));
    this.references = new References(dataSource);
  }

  /**
   * The mappings of these entities, in their order. Whoever writes allocates the names that are missing; with `owned` an
   * entity that has none is mapped without, which is right for one that nobody has written yet.
   */
  async map(entities: readonly Mappable[], names: Names): Promise<Mapping[]> {
    const mapping = await this.prepare(entities, names);
    return entities.map((_, index) => mapping(index));
  }

  /** As `map`, but each is mapped when it is asked for by its index: who looks at one after the other never holds them all. */
  async prepare(entities: readonly Mappable[], source: Names): Promise<(index: number) => Mapping> {
    const today = this.today();
    const named = entities.map((one) => this.namedBy(one, today));
    const [names, resolved] = await Promise.all([
      this.names(entities, today, source),
      this.references.resolve(named.flat()),
    ]);
    return (index) => {
      const one = entities[index]!;
      return this.mapOne(one, named[index]!, names.get(one.id), resolved, today);
    };
  }

  /** The names of these entities, by id. */
  private async names(entities: readonly Mappable[], today: string, source: Names): Promise<Map<string, string>> {
    const names = new Map<string, string>();
    for (const [entity, group] of Map.groupBy(entities, (one) => one.entity)) {
      const sync = this.syncs.get(entity);
      if (!sync?.nameRequest) continue;
      const requests = group.flatMap((one) => {
        const request = one.state && sync.nameRequest?.(one.state, today);
        return request ? [{ id: one.id, ...request }] : [];
      });
      for (const [id, name] of await NAMES[source](this.dataSource, entity, requests)) names.set(id, name);
    }
    return names;
  }

  private namedBy({ entity, state }: Mappable, today: string): readonly Reference[] {
    try {
      return (state && this.syncs.get(entity)?.references?.(state, today)) ?? [];
    } catch {
      // The mapping meets the same defect and reports it.
      return [];
    }
  }

  private mapOne(
    { entity, state }: Mappable,
    named: readonly Reference[],
    name: string | undefined,
    resolved: ReadonlyMap<string, Resolved>,
    today: string,
  ): Mapping {
    const found = named.map((reference) => resolved.get(`${reference.entity}|${reference.key}`));
    const known = knownOf(named, found, name);
    const sync = this.syncs.get(entity);
    if (!sync) return { ...known, is: 'skipped' };
    const mustWait = (one: Reference, index: number) =>
      one.required && found[index]?.targetId == null && !found[index]?.willNotArrive;
    if (known.waitsFor !== null && named.some(mustWait)) return { ...known, is: 'waiting' };
    if (state === null) return { ...known, is: 'absent', atOnce: false };
    const reference = (key: string): Referenced | undefined => {
      const one = found[named.findIndex((reference) => reference.key === key)];
      return one?.targetId == null ? undefined : { master: one.master, targetId: one.targetId };
    };
    try {
      const mapped = sync.map(state, { today, name, reference });
      if (mapped === SKIP) return { ...known, is: 'skipped' };
      // What was erased goes at once, whatever grace others have.
      if (mapped === null) return { ...known, is: 'absent', atOnce: state.status === 'erased' };
      return rowOf(known, mapped);
    } catch (error) {
      return { ...known, is: 'failed', error };
    }
  }
}

const NONE: readonly [] = [];

/** What follows from the references alone. */
function knownOf(
  named: readonly Reference[],
  found: readonly (Resolved | undefined)[],
  name: string | undefined,
): Known {
  const uses = found.filter((one) => one !== undefined);
  const missing = named.filter((_, index) => found[index]?.targetId == null);
  if (missing.length === 0) return { name, waitsFor: null, uses, faults: NONE };
  const faults = named
    .filter(({ required }, index) => required && found[index]?.targetId == null && found[index]?.willNotArrive)
    .map(({ entity, key }) => ({ field: key, message: `names a ${entity} that this target will not have` }));
  return { name, waitsFor: missing.map(({ entity, key }) => `${entity}|${key}`), uses, faults };
}

const rowOf = (known: Known, { row, validUntil, unrepresentable }: Mapped): Mapping => ({
  ...known,
  is: 'row',
  row,
  validUntil,
  faults: unrepresentable ? [...known.faults, ...unrepresentable] : known.faults,
});
