import {
  SKIP,
  type MapContext,
  type Mapped,
  type NameRequest,
  type Reference,
  type Referenced,
  type Row,
  type Rule,
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
  readonly epoch: number;
  readonly revision: number;
  readonly state: Master | null;
  /** The name that it has in the target, where nothing is to be allocated. */
  readonly name?: string | undefined;
  readonly correlationId?: string | null;
}

/** An entity as it is to be mapped once its record is enriched. */
export interface Enriched extends Mappable {
  /** What enriches it failed, and it must not be mapped without. */
  readonly failed?: { readonly error: unknown };
  /** It lacks something that could not be had now: what, and when it is to be mapped again. */
  readonly makeshift?: { readonly fault: FieldFault; readonly againInMs: number };
}

/** What a mapping came to. */
export type Mapping =
  /** The row the target must have. */
  | (Known & { readonly is: 'row'; readonly row: Row; readonly validUntil: string | undefined })
  /** It must not exist in the target; `atOnce`: without grace. */
  | (Known & { readonly is: 'absent'; readonly atOnce: boolean })
  /** None of this connector's business. */
  | (Known & { readonly is: 'skipped' })
  /** Something that it requires is not in the target yet; from `validUntil` on it may require something else. */
  | (Known & { readonly is: 'waiting'; readonly validUntil: string | undefined })
  /** The connector threw. */
  | (Known & { readonly is: 'failed'; readonly error: unknown });

/** Where the names come from that are allocated: missing ones are allocated, left out, or supposed to be the first candidates. */
const NAMES = { allocate: allocateNames, owned: ownedNames, suppose: supposedNames } as const;
export type Names = keyof typeof NAMES;

interface Known {
  /** The login or the like that was allocated to it, or is supposed to be. */
  readonly name: string | undefined;
  /** Keys (`entity|scheme:value`) of what it names and the target does not have yet. */
  readonly waitsFor: readonly string[] | null;
  /** What it used, as it was when it was used. */
  readonly uses: readonly Resolved[];
  /** Values that were left out, by field. */
  readonly faults: readonly FieldFault[];
  /** Milliseconds after which it must be mapped again, since it lacks something that could not be had now. */
  readonly againInMs?: number;
}

/** What a connector asks for before it maps an entity. */
interface Asked {
  readonly references: readonly Reference[];
  readonly name?: NameRequest | undefined;
  /** It threw. */
  readonly failed?: { readonly error: unknown };
}

const NONE: readonly [] = [];

/** What an establishment adds to the mapping of a connector without code of its own. */
export interface Customisation {
  /** Enriches the records before they are mapped. */
  readonly records?: {
    /** Part of the version of the mapping; undefined where nothing is added to this kind of entity. */
    version(entity: Entity): string | undefined;
    /** The entities in their order, each with what is to be mapped in its place. */
    enrich(entities: readonly Mappable[], names: Names): Promise<readonly Enriched[]>;
  };
  /** Changes the rows after they are mapped. */
  readonly rows?: {
    /** Part of the version of the mapping; undefined where the rows of this kind of entity stay as they are. */
    version(entity: Entity): string | undefined;
    apply(entity: Entity, mapped: Mapped, master: Master, context: MapContext): Promise<Mapped>;
    /** Where the attributes come from that it changes. */
    rules(entity: Entity): Readonly<Record<string, Rule>>;
  };
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
    private readonly custom: Customisation = {},
  ) {
    this.syncs = new Map(session.syncs.map((sync) => [sync.entity, sync]));
    this.references = new References(dataSource);
  }

  /** Version of the mapping of one kind of entity, with all that the establishment adds to it. */
  versionOf(entity: Entity): string {
    const { records, rows } = this.custom;
    const parts = [this.syncs.get(entity)?.version ?? '', records?.version(entity), rows?.version(entity)];
    return parts.filter((part) => part !== undefined).join(', ');
  }

  /** Where each attribute of the rows comes from. */
  rulesOf(entity: Entity): Readonly<Record<string, Rule>> {
    return { ...this.syncs.get(entity)?.rules, ...this.custom.rows?.rules(entity) };
  }

  /** As this one, in another session and with other changes of the rows. */
  trying(session: Session, rows: Customisation['rows']): Mapper {
    const { records } = this.custom;
    return new Mapper(session, this.dataSource, this.today, { ...(records && { records }), ...(rows && { rows }) });
  }

  /**
   * The mappings of these entities, in their order. Whoever writes allocates the names that are missing; with `owned` an
   * entity that has none is mapped without, which is right for one that nobody has written yet.
   */
  async map(entities: readonly Mappable[], names: Names): Promise<Mapping[]> {
    const mapping = await this.prepare(entities, names);
    const mappings: Mapping[] = [];
    for (const index of entities.keys()) mappings.push(await mapping(index));
    return mappings;
  }

  /**
   * As `map`, but each is mapped when it is asked for by its index: who looks at one after the other never holds them all. What the job
   * `adoption` will adopt counts as there.
   */
  async prepare(
    given: readonly Mappable[],
    source: Names,
    adoption?: string,
  ): Promise<(index: number) => Promise<Mapping>> {
    const today = this.today();
    const entities = this.custom.records ? await this.custom.records.enrich(given, source) : given;
    const asked = entities.map((one) => this.ask(one, today));
    const [names, resolved] = await Promise.all([
      this.names(entities, asked, source),
      this.references.resolve(
        asked.flatMap(({ references }) => references),
        adoption,
      ),
    ]);
    return (index) => {
      const one = entities[index]!;
      return this.mapOne(one, asked[index]!, names.get(one.id), resolved, today);
    };
  }

  /** What the connector asks for before it maps an entity. */
  private ask({ entity, state, failed }: Enriched, today: string): Asked {
    const sync = this.syncs.get(entity);
    if (failed) return { references: NONE, failed };
    if (!sync || state === null) return { references: NONE };
    try {
      return { references: sync.references?.(state, today) ?? NONE, name: sync.nameRequest?.(state, today) };
    } catch (error) {
      return { references: NONE, failed: { error } };
    }
  }

  /** The names of these entities, by id. */
  private async names(
    entities: readonly Mappable[],
    asked: readonly Asked[],
    source: Names,
  ): Promise<Map<string, string>> {
    const names = new Map<string, string>();
    const wanted = entities.flatMap(({ entity, id, name: known }, index) => {
      const { name } = asked[index]!;
      if (name && known !== undefined) names.set(id, known);
      return name && known === undefined ? [{ entity, id, ...name }] : [];
    });
    for (const [entity, requests] of Map.groupBy(wanted, (one) => one.entity)) {
      for (const [id, name] of await NAMES[source](this.dataSource, entity, requests)) names.set(id, name);
    }
    return names;
  }

  private async mapOne(
    { entity, state, makeshift }: Enriched,
    { references: named, failed }: Asked,
    name: string | undefined,
    resolved: ReadonlyMap<string, Resolved>,
    today: string,
  ): Promise<Mapping> {
    const found = named.map((reference) => resolved.get(nameOf(reference)));
    const known = knownOf(named, found, name, makeshift);
    const sync = this.syncs.get(entity);
    if (!sync) return { ...known, is: 'skipped' };
    if (failed) return { ...known, is: 'failed', error: failed.error };
    const awaited = named.filter((_, index) => found[index]?.targetId == null && !found[index]?.willNotArrive);
    const isWaiting = awaited.some(({ required }) => required);
    // What will not arrive is not waited for: it has answered already.
    const waiting = (validUntil?: string): Mapping => {
      return { ...known, is: 'waiting', waitsFor: awaited.map(nameOf), validUntil };
    };
    if (state === null) return { ...known, is: 'absent', atOnce: false };
    const reference = (key: string): Referenced | undefined => {
      const one = found[named.findIndex((reference) => reference.key === key)];
      return isThere(one) ? { master: one.master, targetId: one.targetId } : undefined;
    };
    try {
      const context: MapContext = { today, name, reference };
      const mapped = sync.map(state, context);
      if (isWaiting) return waiting(validUntilOf(mapped));
      if (mapped === SKIP) return { ...known, is: 'skipped' };
      // What was erased goes at once, whatever grace others have.
      if (mapped === null) return { ...known, is: 'absent', atOnce: state.status === 'erased' };
      return rowOf(known, (await this.custom.rows?.apply(entity, mapped, state, context)) ?? mapped);
    } catch (error) {
      // What fails while something is missing is tried again when that has arrived.
      if (isWaiting) return waiting();
      return { ...known, is: 'failed', error };
    }
  }
}

/** Whether a mapping may name it: one that is gone is no longer named, also where the target still has it. */
const isThere = (one: Resolved | undefined): one is Resolved & { master: Master; targetId: string } =>
  one?.master != null && one.targetId !== null;

/** What follows from the references, and from what could not be had. */
function knownOf(
  named: readonly Reference[],
  found: readonly (Resolved | undefined)[],
  name: string | undefined,
  makeshift: Enriched['makeshift'],
): Known {
  const uses = found.filter((one) => one !== undefined);
  const lacks = makeshift ? [makeshift.fault] : NONE;
  const again = makeshift && { againInMs: makeshift.againInMs };
  if (found.every(isThere)) return { name, waitsFor: null, uses, faults: lacks, ...again };
  const missing = named.filter((_, index) => found[index]?.targetId == null);
  const faults = named
    .filter(({ required }, index) => required && !isThere(found[index]) && found[index]?.willNotArrive)
    .map(({ entity, key }) => ({ field: key, message: `names a ${entity} that this target will not have` }));
  const waitsFor = missing.length > 0 ? missing.map(nameOf) : null;
  return { name, waitsFor, uses, faults: [...lacks, ...faults], ...again };
}

const nameOf = ({ entity, key }: Reference) => `${entity}|${key}`;

const validUntilOf = (mapped: Mapped | null | typeof SKIP) =>
  mapped === null || mapped === SKIP ? undefined : mapped.validUntil;

const rowOf = (known: Known, { row, validUntil, unrepresentable }: Mapped): Mapping => ({
  ...known,
  is: 'row',
  row,
  validUntil,
  faults: unrepresentable ? [...known.faults, ...unrepresentable] : known.faults,
});
