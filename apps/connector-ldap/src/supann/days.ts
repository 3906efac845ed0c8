import type { Validity } from '@myelin/contracts';

/** A first and a last day, both included; open ends are `FIRST_DAY` and `LAST_DAY`. */
export interface Period {
  readonly from: string;
  readonly to: string;
}

export const FIRST_DAY = '0000-01-01';
/** Sources write this day for "no end" too. */
export const LAST_DAY = '9999-12-31';

/** The day that many days later, at most `LAST_DAY`. */
export function addDays(day: string, days: number): string {
  if (day >= LAST_DAY) return LAST_DAY;
  const instant = new Date(0);
  instant.setUTCFullYear(Number(day.slice(0, 4)), Number(day.slice(5, 7)) - 1, Number(day.slice(8)) + days);
  const year = instant.getUTCFullYear();
  return year > 9999
    ? LAST_DAY
    : `${digits(year, 4)}-${digits(instant.getUTCMonth() + 1, 2)}-${digits(instant.getUTCDate(), 2)}`;
}

const digits = (number: number, count: number) => String(number).padStart(count, '0');

/** The days on which all of them are valid; undefined when there is none. */
export function common(...validities: readonly Validity[]): Period | undefined {
  let [from, to] = [FIRST_DAY, LAST_DAY];
  for (const validity of validities) {
    if (validity.from != null && validity.from > from) from = validity.from;
    if (validity.to != null && validity.to < to) to = validity.to;
  }
  return from <= to ? { from, to } : undefined;
}

/** True when the day is one of the period. */
export function isValidOn(day: string, validity: Validity): boolean {
  return (validity.from ?? FIRST_DAY) <= day && day <= (validity.to ?? LAST_DAY);
}

/** First calendar year of the academic year of that day; it begins on 1 September. */
export function academicYear(day: string): number {
  return Number(day.slice(0, 4)) - (day.slice(5) < '09-01' ? 1 : 0);
}

/** The earliest day after `today` on which one of these periods begins or has ended; undefined when nothing will change. */
export function nextChange(
  today: string,
  lists: readonly (readonly Validity[] | null | undefined)[],
): string | undefined {
  let begin = LAST_DAY;
  let end = LAST_DAY;
  for (const periods of lists) {
    for (const { from, to } of periods ?? []) {
      if (from != null && from > today && from < begin) begin = from;
      if (to != null && to >= today && to < end) end = to;
    }
  }
  const ended = addDays(end, 1);
  const next = begin < ended ? begin : ended;
  return next < LAST_DAY ? next : undefined;
}

/** Today in France, `YYYY-MM-DD`. */
export function todayInFrance(): string {
  return FRENCH_DAY.format(new Date());
}

// Swedish writes days as ISO 8601 does.
const FRENCH_DAY = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' });
