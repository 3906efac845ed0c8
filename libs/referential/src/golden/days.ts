/** A first and a last day (`YYYY-MM-DD`), both included; null or absent is open. */
export interface Period {
  readonly from?: string | null;
  readonly to?: string | null;
}

const PARIS = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris', dateStyle: 'short' });

/** The day that it is in France. */
export const today = (now: Date = new Date()): string => PARIS.format(now);

/** True when the day lies within the period. */
export const covers = ({ from, to }: Period, day: string): boolean =>
  (from == null || from <= day) && (to == null || day <= to);

const DAY = 24 * 60 * 60 * 1000;
/** Days are few, and asked for by the hundred thousand. */
const MOST_REMEMBERED = 50_000;
const remembered = new Map<string, string>();

/** The day after. */
export function nextDay(day: string): string {
  let next = remembered.get(day);
  if (next === undefined) {
    next = new Date(Date.parse(`${day}T00:00:00Z`) + DAY).toISOString().slice(0, 10);
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    remembered.set(day, next);
  }
  return next;
}

/** The day before. */
export const dayBefore = (day: string): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) - DAY).toISOString().slice(0, 10);
