import { covers, dayBefore, nextDay, type Period } from './days.js';
import { effective, type RolePeriods } from './effective.js';
import { HUB } from './hub.js';
import { identifiersIn, keyOf, union } from './identifiers.js';
import { assemble, isEmpty, partIn, partsOf, sameValue, withPart } from './parts.js';
import { attributeOf, type Group, type Survivorship } from './survivorship.js';
import type { Attributes } from '../tables.js';

/** What one source says of a record. */
export interface SourceView {
  readonly source: string;
  readonly sourceId: string;
  /** Since when it is so, as far as the source tells. */
  readonly businessDate: string | null;
  readonly payload: Attributes;
}

/** What a steward has decided to stand in a part of a record, whatever the sources say. */
export interface Override {
  readonly id: string;
  /** An attribute, a part of one (`contacts.workMail`), a role that has ended (`roleStates.learner`: inactive), or an identifier that is denied (`identifiers.siham:100201`: false). */
  readonly part: string;
  readonly value: unknown;
  /** Day on which it was decided. */
  readonly since: string;
  /** Last day on which it holds. */
  readonly until: string | null;
}

/** What a golden state depends on beside its sources. */
export interface Rules {
  readonly survivorship: Survivorship;
  readonly roles: RolePeriods;
  /** Day in Europe/Paris. */
  readonly day: string;
}

/** What depends on the record. */
export interface Standing {
  readonly overrides?: readonly Override[];
  /** Identifiers (`scheme:value`) that its sources claim and another record holds. */
  readonly contested?: ReadonlySet<string>;
}

/** Why a part is as it is: nobody else speaks of it, its owner is silent, the criterion that told the source from the next one, or a steward. */
export type Reason =
  'only' | 'owner' | 'priority' | 'business-date' | 'completeness' | 'agreement' | 'tie' | 'sum' | 'date' | 'override';

/** Which source gave a part, and by which rule. */
export interface Choice {
  readonly part: string;
  readonly source: string;
  readonly sourceId: string | null;
  /** Of the survivorship rules. */
  readonly group: string | null;
  readonly reason: Reason;
  /** Of the decision, when a steward made it. */
  readonly decision?: string;
}

/** A part of which sources of the same rank say different things. */
export interface Tie {
  readonly part: string;
  /** `source:key` of those that disagree, in order; the first one stands until a steward decides. */
  readonly sources: readonly string[];
}

export interface Golden {
  readonly state: Attributes;
  /** First day after this one on which it will be another, if no source speaks; null when never. */
  readonly due: string | null;
  readonly ties: readonly Tie[];
}

/**
 * The golden state of a record on a day: a pure function of what its sources say, of the survivorship rules and of what stewards
 * have decided; the order in which the sources came does not count. By part of an attribute, the source that comes first is
 * believed: by priority, then by business date, then by how much it knows. Identifiers add up, save that a scheme of which the
 * hub itself names one is the hub's alone.
 */
export function golden(sources: readonly SourceView[], rules: Rules, standing: Standing = {}): Golden {
  const { state, ties } = selection(sources, rules, standing, undefined);
  return conclude(state, ties, rules, standing);
}

/** Which source and rule gave each part of the golden state. */
export function provenance(sources: readonly SourceView[], rules: Rules, standing: Standing = {}): Choice[] {
  const choices: Choice[] = [];
  const { state } = selection(sources, rules, standing, choices);
  const { facts } = effective(state, rules.day, rules.roles);
  const replaced = new Map<string, Choice>(choices.map((one) => [one.part, one]));
  for (const name of Object.keys(facts)) {
    replaced.set(name, { part: name, source: HUB, sourceId: null, group: null, reason: 'date' });
  }
  for (const { id, part } of current(standing, rules.day)) {
    replaced.set(part, { part, source: HUB, sourceId: null, group: null, reason: 'override', decision: id });
  }
  return [...replaced.values()].sort((one, other) => (one.part < other.part ? -1 : 1));
}

const current = ({ overrides = [] }: Standing, day: string) =>
  overrides.filter(({ until }) => covers({ to: until }, day));

function conclude(selected: Attributes, ties: readonly Tie[], rules: Rules, standing: Standing): Golden {
  const overrides = current(standing, rules.day);
  const decided = overrides.reduce(withOverride, selected);
  const { facts, due } = effective(decided, rules.day, rules.roles);
  const state = Object.keys(facts).length > 0 ? { ...decided, ...facts } : decided;
  const ends = overrides.flatMap(({ until }) => (until === null ? [] : [nextDay(until)]));
  return {
    state,
    due: [...ends, ...(due === null ? [] : [due])].sort()[0] ?? null,
    ties: ties
      .filter(({ part }) => !overrides.some((one) => one.part === part))
      .sort((a, b) => (a.part < b.part ? -1 : 1)),
  };
}

function withOverride(state: Attributes, { part, value, since }: Override): Attributes {
  const attribute = attributeOf(part);
  if (attribute === part) return { ...state, [part]: value };
  const name = part.slice(attribute.length + 1);
  if (attribute === 'identifiers') return state;
  if (attribute === 'roleStates') return { ...state, roles: withEnd(state['roles'], name, since) };
  return { ...state, [attribute]: withPart(state[attribute], name, value) };
}

/** Roles of which one had ended when a day began. */
function withEnd(roles: unknown, role: string, since: string): unknown {
  const held = partIn('roles', `roles.${role}`, roles);
  if (!Array.isArray(held)) return roles;
  const past = (held as readonly Period[]).filter(({ from }) => from == null || from < since);
  const last = dayBefore(since);
  const ended = past.map((one) => (one.to == null || one.to > last ? { ...one, to: last } : one));
  return withPart(roles, role, ended);
}

/** Identifiers that the record may not hold: what others hold, and what stewards denied it. */
function deniedIn(standing: Standing, day: string): ReadonlySet<string> {
  const denied = current(standing, day).flatMap(({ part, value }) =>
    value === false && part.startsWith('identifiers.') ? [part.slice('identifiers.'.length)] : [],
  );
  return new Set([...(standing.contested ?? []), ...denied]);
}

interface Selected {
  readonly state: Attributes;
  readonly ties: readonly Tie[];
}

function selection(
  sources: readonly SourceView[],
  rules: Rules,
  standing: Standing,
  choices: Choice[] | undefined,
): Selected {
  const denied = deniedIn(standing, rules.day);
  const [only] = sources;
  if (only && sources.length === 1) {
    choices?.push(...Object.entries(only.payload).flatMap(([name, value]) => onlyChoices(only, name, value, rules)));
    return { state: withoutDenied(only.payload, denied), ties: [] };
  }
  const ranking = new Ranking(sources, rules);
  const state: Attributes = {};
  const ties: Tie[] = [];
  for (const attribute of new Set(sources.flatMap(({ payload }) => Object.keys(payload)))) {
    const value =
      attribute === 'identifiers'
        ? identifiersOf(ranking, denied, choices)
        : chosen(attribute, ranking, rules.survivorship, ties, choices);
    if (value !== undefined) state[attribute] = value;
  }
  return { state, ties };
}

function onlyChoices(
  { source, sourceId }: SourceView,
  name: string,
  value: unknown,
  { survivorship }: Rules,
): Choice[] {
  const parts =
    name === 'identifiers'
      ? identifiersIn({ identifiers: value }).map((one) => `identifiers.${keyOf(one)}`)
      : partsOf(name, value);
  return (parts.length > 0 ? parts : [name]).map((part) => ({
    part,
    source,
    sourceId,
    group: survivorship.groupOf(part).name,
    reason: 'only',
  }));
}

function withoutDenied(payload: Attributes, denied: ReadonlySet<string>): Attributes {
  if (denied.size === 0 || !Array.isArray(payload['identifiers'])) return payload;
  return { ...payload, identifiers: identifiersIn(payload).filter((one) => !denied.has(keyOf(one))) };
}

function identifiersOf(ranking: Ranking, denied: ReadonlySet<string>, choices: Choice[] | undefined): unknown {
  const ranked = ranking.of('identifiers').map(({ view }) => view);
  const entered = ranked.filter(({ source }) => source === HUB);
  const own = union(entered.map(({ payload }) => identifiersIn(payload)));
  const schemes = new Set(own.map(({ scheme }) => scheme));
  const heard = ranked.filter(({ source }) => source !== HUB);
  const added = union(heard.map(({ payload }) => identifiersIn(payload))).filter(({ scheme }) => !schemes.has(scheme));
  const kept = [...own, ...added].filter((one) => !denied.has(keyOf(one)));
  for (const one of choices ? kept : []) {
    const giver = [...entered, ...heard].find(({ payload }) =>
      identifiersIn(payload).some((it) => keyOf(it) === keyOf(one)),
    );
    choices?.push({
      part: `identifiers.${keyOf(one)}`,
      source: giver?.source ?? HUB,
      sourceId: giver?.sourceId ?? null,
      group: null,
      reason: 'sum',
    });
  }
  if (kept.length > 0) return kept;
  return ranked.find(({ payload }) => 'identifiers' in payload)?.payload['identifiers'] === null ? null : [];
}

/** One attribute made of what each of its parts is given by the source that comes first for it. */
function chosen(
  attribute: string,
  ranking: Ranking,
  survivorship: Survivorship,
  ties: Tie[],
  choices: Choice[] | undefined,
): unknown {
  const winners = new Map<string, SourceView>();
  const all = ranking.of(attribute);
  for (const part of new Set(all.flatMap(({ view }) => partsOf(attribute, view.payload[attribute])))) {
    const speakers = ranking.of(part).filter(({ view }) => speaks(view, attribute, part, survivorship));
    const [first, second] = speakers;
    if (!first) continue;
    winners.set(part, first.view);
    const value = partIn(attribute, part, first.view.payload[attribute]);
    const differing = speakers.filter(
      (one) => compare(one, first) === 0 && !sameValue(partIn(attribute, part, one.view.payload[attribute]), value),
    );
    if (differing.length > 0) ties.push({ part, sources: [first, ...differing].map(({ view }) => nameOf(view)) });
    choices?.push({
      part,
      source: first.view.source,
      sourceId: first.view.sourceId,
      group: survivorship.groupOf(part).name,
      reason: value === undefined ? 'owner' : differing.length > 0 ? 'tie' : reasonOf(first, second),
    });
  }
  const made = assemble(
    attribute,
    all.map(({ view }) => ({ value: view.payload[attribute], gives: (part) => winners.get(part) === view })),
  );
  if (made !== undefined) return made;
  // Nobody gives anything: what is known to be empty is told as it was.
  const told = all.filter(({ view }) => attribute in view.payload && isEmpty(view.payload[attribute]));
  if (!told[0] || winners.size > 0) return told[0]?.view.payload[attribute];
  const { source, sourceId, payload } = told[0].view;
  const group = survivorship.groupOf(attribute).name;
  choices?.push({ part: attribute, source, sourceId, group, reason: reasonOf(told[0], told[1]) });
  return payload[attribute];
}

const nameOf = ({ source, sourceId }: SourceView) => `${source}:${sourceId}`;

/** A source speaks of a part when it gives it, says that there is nothing, or owns it. */
function speaks({ source, payload }: SourceView, attribute: string, part: string, { owns }: Survivorship): boolean {
  const value = payload[attribute];
  if (value === undefined) return owns(source, part);
  return isEmpty(value) || partIn(attribute, part, value) !== undefined || owns(source, part);
}

/** A source in the order that a group gives. */
interface Ranked {
  readonly view: SourceView;
  /** Place in the list of priorities. */
  readonly place: number;
  readonly businessDate: string;
  /** How many attributes of the group it knows. */
  readonly known: number;
}

/** Negative when `one` comes first, 0 when nothing tells them apart. */
const compare = (one: Ranked, other: Ranked): number =>
  one.place - other.place ||
  (one.businessDate > other.businessDate ? -1 : one.businessDate < other.businessDate ? 1 : 0) ||
  other.known - one.known;

function reasonOf(first: Ranked, second: Ranked | undefined): Reason {
  if (!second) return 'only';
  if (first.place !== second.place) return 'priority';
  if (first.businessDate !== second.businessDate) return 'business-date';
  return first.known === second.known ? 'agreement' : 'completeness';
}

/** The sources of a record in the order in which they are believed, group by group. */
class Ranking {
  private readonly orders = new Map<string, readonly Ranked[]>();
  private readonly role: string | undefined;

  constructor(
    private readonly sources: readonly SourceView[],
    private readonly rules: Rules,
  ) {
    const { survivorship, roles, day } = rules;
    const held = survivorship.decisiveRoles.length === 0 ? [] : sources.map(({ payload }) => roles(payload));
    this.role = survivorship.decisiveRoles.find((role) =>
      held.some((periods) => periods[role]?.some((one) => covers(one, day))),
    );
  }

  of(part: string): readonly Ranked[] {
    const group = this.rules.survivorship.groupOf(part);
    let order = this.orders.get(group.name);
    if (!order) {
      order = this.order(group);
      this.orders.set(group.name, order);
    }
    return order;
  }

  private order(group: Group): Ranked[] {
    const priority = (this.role === undefined ? undefined : group.priorityOf?.[this.role]) ?? group.priority;
    const place = (source: string) => (priority.includes(source) ? priority.indexOf(source) : priority.length);
    return this.sources
      .map((view) => ({
        view,
        place: place(view.source),
        businessDate: view.businessDate ?? '',
        known: group.attributes.filter((one) => knows(view, one)).length,
      }))
      .sort((one, other) => compare(one, other) || (nameOf(one.view) < nameOf(other.view) ? -1 : 1));
  }
}

function knows({ payload }: SourceView, name: string): boolean {
  const attribute = attributeOf(name);
  const value = payload[attribute];
  return value !== undefined && !isEmpty(value) && partIn(attribute, name, value) !== undefined;
}
