import type { Row } from '@myelin/connector';
import type { Master } from '@myelin/contracts';
import type { DirectorySettings } from './ldap.settings.js';
import type { Tenure } from './person.roles.js';
import { addDays, FIRST_DAY, isValidOn, LAST_DAY } from './supann/days.js';
import type { EntryDraft } from './supann/draft.js';
import { compactDay } from './supann/values.js';

/** State of a person's account, with the population that stands for those who have left. */
export interface AccountState {
  /** `A:SupannActif` and its like (SupAnn, supannRessourceEtat). */
  readonly state: string;
  readonly start?: string;
  readonly end?: string;
  /** Populations during grace. */
  readonly leaving?: readonly string[];
}

/** Population of those who have left, while in grace (SupAnn: personnel, apprenant and other leavers). */
const LEAVERS = { staff: 'TSR', learner: 'TSA', external: 'TS' } as const;

/**
 * State of the account on that day (SupAnn, states of resources): active while a role is valid, then in grace, then
 * expired; created as long as none has begun. The status of the record comes first.
 */
export function accountState({ status }: Master<'person'>, held: readonly Tenure[], today: string): AccountState {
  if (status === 'inactive') return { state: 'I:SupannInactif' };
  if (status !== 'active') return { state: 'I:SupannSupprCompte' };
  const valid = held.filter(({ period }) => isValidOn(today, period));
  if (valid.length > 0) {
    const start = earliest(valid.map(({ whole }) => whole.from));
    const end = latest(valid.map(({ whole }) => whole.to));
    return { state: 'A:SupannActif', ...(start !== FIRST_DAY && { start }), ...(end !== LAST_DAY && { end }) };
  }
  const over = held.filter(({ period }) => period.to < today);
  if (over.length === 0) return { state: 'I:SupannCree' };
  const inGrace = over.filter(({ graceEnd }) => graceEnd >= today);
  const end = latest(over.map(({ graceEnd }) => graceEnd));
  if (inGrace.length === 0) return { state: 'I:SupannExpire', start: addDays(end, 1) };
  const start = addDays(latest(over.map(({ period }) => period.to)), 1);
  return { state: 'A:SupannSursis', start, end, leaving: [...new Set(inGrace.map(({ kind }) => LEAVERS[kind]))] };
}

/** Writes the state of each resource, with and without dates (SupAnn: three colons always, the two attributes together). */
export function writeState(
  draft: EntryDraft,
  { state, start, end }: AccountState,
  { resources }: DirectorySettings,
): void {
  for (const resource of resources) {
    draft.add('supannRessourceEtat', `{${resource}}${state}`, 'status');
    draft.add('supannRessourceEtatDate', `{${resource}}${state}:${compactDay(start)}:${compactDay(end)}`, 'status');
  }
}

/** An active state of a resource, in grace or not. */
const ACTIVE = /^\{[^}]*\}A:/;

/** True when some resource was active in the entry and none is any more. */
export const closesPerson = (before: Row, after: Row): boolean => isActive(before) && !isActive(after);

const isActive = ({ supannRessourceEtat = [] }: Row) =>
  (supannRessourceEtat as readonly string[]).some((state) => ACTIVE.test(state));

const earliest = (days: readonly string[]) => days.reduce((a, b) => (a < b ? a : b));
const latest = (days: readonly string[]) => days.reduce((a, b) => (a > b ? a : b));
