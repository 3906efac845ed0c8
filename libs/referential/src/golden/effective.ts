import { covers, nextDay, type Period } from './days.js';
import type { Attributes } from '../tables.js';

/** The periods in which a record holds each of its roles, by the name of the role. */
export type RolePeriods = (state: Attributes) => Readonly<Record<string, readonly Period[]>>;

/** What follows from the dates in a state on one day. */
export interface Effective {
  /** Attributes to be added to the state, or to take the place of some of it. */
  readonly facts: Attributes;
  /** First day after it on which something else follows; null when never. */
  readonly due: string | null;
}

/**
 * What follows from the dates of a state on a day: `effectiveFrom`, the last day on which something in it began or had ended;
 * `roleStates`, which of its roles are active; and the names of that day, where the state holds names with dates.
 */
export function effective(state: Attributes, day: string, roles: RolePeriods): Effective {
  const turns = new Turns(day);
  for (const [name, value] of Object.entries(state)) if (name !== 'extensions') turns.visit(value);
  const held = Object.entries(roles(state));
  for (const [, periods] of held) for (const period of periods) turns.take(period);
  const facts: Attributes = { ...namesOn(state['names'], day) };
  if (turns.last !== '') facts['effectiveFrom'] = turns.last;
  if (held.length > 0) {
    facts['roleStates'] = Object.fromEntries(
      held.map(([role, periods]) => [role, periods.some((one) => covers(one, day)) ? 'active' : 'inactive']),
    );
  }
  return { facts, due: turns.next };
}

/** The days on which something begins or has ended: the last one up to a day, and the first one after it. */
class Turns {
  last = '';
  next: string | null = null;

  constructor(private readonly day: string) {}

  visit(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) return value.forEach((item) => this.visit(item));
    this.take(value as Period);
    for (const child of Object.values(value)) if (typeof child === 'object') this.visit(child);
  }

  take({ from, to }: Period): void {
    if (typeof from === 'string') this.turn(from);
    if (typeof to === 'string') this.turn(nextDay(to));
  }

  private turn(at: string): void {
    if (at <= this.day) {
      if (at > this.last) this.last = at;
    } else if (this.next === null || at < this.next) this.next = at;
  }
}

/** The names that are borne on a day, by attribute: those of the period that began last. */
function namesOn(names: unknown, day: string): Attributes {
  if (!Array.isArray(names)) return {};
  const borne = (names as Period[]).filter((one) => covers(one, day));
  if (borne.length === 0) return {};
  const {
    from: _,
    to: __,
    ...name
  } = borne.reduce((one, other) => ((other.from ?? '') > (one.from ?? '') ? other : one));
  return name as Attributes;
}
