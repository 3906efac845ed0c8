import type { Entity, Master } from '@myelin/contracts';
import type { Line } from './line.js';
import type { Row } from './row.js';
import type { Connector, MapContext } from './spi.js';

/** What not every target, or connector, has. */
export const NOTIONS = [
  /** Ids that change with the record (`masters.renamed`). */
  'renaming',
  /** Changes that end the use of an entity (`closes`, `masters.closed`). */
  'closing',
  /** Suspension before removal (`removal`). */
  'removal',
  /** Where each attribute comes from (`rules`). */
  'rules',
  /** Versions of many entities in one call (`readVersions`). */
  'versions',
  /** All that the target holds (`list`, `crowd`). */
  'listing',
  /** Attributes that belong to others (`decorate`). */
  'others',
] as const;
export type Notion = (typeof NOTIONS)[number];

/** What the conformance suite needs of a connector under test, for one kind of entity. */
export interface Harness<E extends Entity = Entity> {
  readonly entity: E;
  /** What there is not here: no test is left out that is not named, and none is named that could be made. */
  readonly lacks: readonly Notion[];
  /**
   * The connector on a target that is empty of the masters below, at the address of a line to it where one is given; called once
   * the test's own `beforeAll` hooks have run.
   */
  connector(url?: string): Connector;
  /** The same connector where nothing answers. */
  unreachable(): Connector;
  /** The way to the target that can be lost: a `TcpLine`, where nothing else is needed. */
  readonly line: Line;
  readonly context: MapContext;
  readonly masters: {
    readonly base: Master<E>;
    /** `base` with another value of one attribute. */
    readonly changed: Master<E>;
    /** `base` with the attribute changed from which the target makes its id. */
    readonly renamed?: Master<E>;
    /** `base` when its use in the target has ended. */
    readonly closed?: Master<E>;
  };
  /** Context under which `renamed` is mapped, when an allocated name is what changes. */
  readonly renamedContext?: MapContext;
  /** Makes of a good row one that the target refuses. */
  spoil(row: Row): Row;
  /** Something that moves whenever the entity is touched in the target (a version, a change number). */
  mark(targetId: string): Promise<string>;
  /** How many entities of this kind the target holds. */
  count(): Promise<number>;
  /** Adds to the entity something that belongs to others, and returns a check that it is still there. */
  decorate?(targetId: string): Promise<(targetId: string) => Promise<boolean>>;
  /** Entities of others in the target: adds so many and answers their ids there; takes some away. */
  readonly crowd?: {
    add(count: number): Promise<readonly string[]>;
    remove(targetIds: readonly string[]): Promise<void>;
  };
}

/** Where the tests are registered: Jest, or what runs them otherwise. */
export interface Runner {
  describe(name: string, body: () => void): void;
  it(name: string, test: () => unknown, patienceMs?: number): void;
  beforeAll(hook: () => unknown): void;
  afterEach(hook: () => unknown): void;
  afterAll(hook: () => unknown): void;
}

/** Registers a test about a notion, unless the harness says that there is no such thing here. */
export const testsAbout =
  <E extends Entity>({ lacks }: Harness<E>, on: Runner) =>
  (notion: Notion, name: string, test: () => unknown, patienceMs?: number): void => {
    if (!lacks.includes(notion)) on.it(name, test, patienceMs);
  };
