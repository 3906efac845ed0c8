import {
  Rejected,
  type MapContext,
  type Mapped,
  type Overlayable,
  type Row,
  type RowValue,
  type Rule,
  type Session,
} from '@myelin/connector';
import type { Entity, FieldFault, Master } from '@myelin/contracts';
import { SettingsFault } from '@myelin/platform';
import type { Customisation } from '../work/mapper.js';
import { nextDay } from './days.js';
import type { Expression, Functions } from './expression.js';
import { OverlayFault, readOverlay, type OverlayPart, type OverlayParts } from './overlay.document.js';

/** What an establishment changes in the rows of a session by a document of expressions. */
export class Overlay implements NonNullable<Customisation['rows']> {
  private constructor(
    private readonly parts: OverlayParts,
    private readonly syncs: ReadonlyMap<Entity, Overlayable>,
  ) {}

  /**
   * Makes the attributes of a document those of the session's syncs, before anything else is asked of them.
   * @throws OverlayFault
   */
  static on(session: Session, text: string): Overlay {
    const parts = readOverlay(text);
    const syncs = new Map<Entity, Overlayable>();
    for (const { entity, overlay } of session.syncs) if (overlay) syncs.set(entity, overlay);
    const faults = [...parts].flatMap(([entity, part]) => faultsOf(entity, part, syncs.get(entity)));
    if (faults.length > 0) throw new OverlayFault(faults);
    for (const [entity, { set, drop, classes }] of parts) {
      syncs.get(entity)?.own({ attributes: [...set.keys(), ...drop], classes });
    }
    return new Overlay(parts, syncs);
  }

  version(entity: Entity): string | undefined {
    const part = this.parts.get(entity);
    return part && `overlay ${part.version}`;
  }

  rules(entity: Entity): Readonly<Record<string, Rule>> {
    const rules: Record<string, Rule> = {};
    const { set, drop = [] } = this.parts.get(entity) ?? {};
    for (const [name, { text }] of set ?? []) rules[name] = { from: [], rule: `Set by the overlay: ${text}` };
    for (const name of drop) rules[name] = { from: [], rule: 'Dropped by the overlay.' };
    return rules;
  }

  /** @throws Rejected when an expression fails for this record */
  async apply(entity: Entity, mapped: Mapped, master: Master, context: MapContext): Promise<Mapped> {
    const [part, sync] = [this.parts.get(entity), this.syncs.get(entity)];
    if (!part || !sync) return mapped;
    const view = new View(mapped, master, context);
    // What keeps its place in the row keeps its hash.
    const row = new Map(Object.entries(mapped.row));
    const faults: FieldFault[] = [];
    for (const name of part.drop) row.delete(name);
    for (const [name, expression] of part.set) {
      const value = await valueOf(name, expression, view);
      const { value: shaped, unrepresentable = [] } = value === undefined ? {} : sync.shape(name, value);
      if (shaped === undefined) row.delete(name);
      else row.set(name, shaped);
      for (const message of unrepresentable) faults.push({ field: `overlay.${entity}.set.${name}`, message });
    }
    const validUntil = view.validUntil();
    return {
      row: Object.fromEntries(row),
      ...(validUntil !== undefined && { validUntil }),
      unrepresentable: [...(mapped.unrepresentable ?? []), ...faults],
    };
  }
}

/** What the settings add to the mapping of a session. @throws SettingsFault */
export function overlayInForce(session: Session, { OVERLAY }: { OVERLAY: string | undefined }): Customisation {
  if (OVERLAY === undefined) return {};
  try {
    return { rows: Overlay.on(session, OVERLAY) };
  } catch (error) {
    if (!(error instanceof OverlayFault)) throw error;
    throw new SettingsFault(error.faults.map(({ field, message }) => `OVERLAY ${field} ${message}`));
  }
}

/** What a sync does not let an overlay do. */
function faultsOf(entity: Entity, { set, drop, classes }: OverlayPart, sync: Overlayable | undefined): FieldFault[] {
  if (!sync) return [{ field: entity, message: 'is nothing that this connector lets an overlay change' }];
  const asked = [
    ...[...set.keys()].map((name) => [`${entity}.set.${name}`, sync.refuse(name, 'set')] as const),
    ...drop.map((name) => [`${entity}.drop`, withName(name, sync.refuse(name, 'drop'))] as const),
    ...classes.map((name) => [`${entity}.classes`, withName(name, sync.refuse(name, 'class'))] as const),
  ];
  return asked.flatMap(([field, message]) => (message === undefined ? [] : [{ field, message }]));
}

const withName = (name: string, message: string | undefined) => message && `${name} ${message}`;

async function valueOf(name: string, expression: Expression, view: View): Promise<RowValue | undefined> {
  try {
    return await expression.evaluate(view.input, view.functions);
  } catch (error) {
    // An expression belongs to the settings, its failure to the record: the others flow.
    throw new Rejected(`the expression of the overlay for ${name} ${(error as Error).message}`, {
      cause: error,
      attributes: [name],
    });
  }
}

/** JSONata takes a value for a list of one, but not a list of one for a value. */
const withoutSingletons = (row: Row) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      return [name, Array.isArray(value) && value.length === 1 ? (value as readonly RowValue[])[0] : value];
    }),
  );

/** What the expressions of one record see, and whether they have looked at the day. */
class View {
  readonly input: object;
  readonly functions: Functions;
  private readsToday = false;
  private readonly masters: Master[];

  constructor(
    private readonly mapped: Mapped,
    record: Master,
    private readonly context: MapContext,
  ) {
    this.masters = [record];
    const look = () => {
      this.readsToday = true;
      return context.today;
    };
    let row: object | undefined;
    this.input = {
      record,
      get row() {
        return (row ??= withoutSingletons(mapped.row));
      },
      get today() {
        return look();
      },
    };
    this.functions = { reference: (key) => this.reference(key) };
  }

  /** The earliest day on which the row may become another. */
  validUntil(): string | undefined {
    const { validUntil } = this.mapped;
    if (!this.readsToday) return validUntil;
    return [validUntil, nextDay(this.context.today, this.masters)].filter((day) => day !== undefined).sort()[0];
  }

  private reference(key: unknown): Master | undefined {
    const master = typeof key === 'string' ? this.context.reference(key)?.master : undefined;
    if (master) this.masters.push(master);
    return master;
  }
}
