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
  const instant = new Date(`${day}T00:00:00Z`);
  instant.setUTCDate(instant.getUTCDate() + days);
  const text = instant.toISOString();
  return text.startsWith('+') ? LAST_DAY : text.slice(0, 10);
}

/** The days on which all of them are valid; undefined when there is none. */
export function common(...validities: readonly Validity[]): Period | undefined {
  const from = validities.map((validity) => validity.from ?? FIRST_DAY).reduce((a, b) => (a > b ? a : b), FIRST_DAY);
  const to = validities.map((validity) => validity.to ?? LAST_DAY).reduce((a, b) => (a < b ? a : b), LAST_DAY);
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

/** The earliest day after `today` on which one of the periods begins or has ended; undefined when nothing will change. */
export function nextChange(today: string, periods: readonly Validity[]): string | undefined {
  const days = periods.flatMap(({ from, to }) => [from ?? FIRST_DAY, addDays(to ?? LAST_DAY, 1)]);
  return days.filter((day) => day > today && day < LAST_DAY).sort()[0];
}

/** Today in France, `YYYY-MM-DD`. */
export function todayInFrance(): string {
  return FRENCH_DAY.format(new Date());
}

// Swedish writes days as ISO 8601 does.
const FRENCH_DAY = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' });
