import type { Validity } from '@myelin/contracts';
import type { Random } from './random.js';

/** Where a role stands on the day of the population: ended a few weeks ago, ended for long, or not begun. */
export type Stage = 'active' | 'grace' | 'gone' | 'future';

/** Number of a day since 1970-01-01. */
export function dayNumber(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 86_400_000;
}

/** Day of that number, YYYY-MM-DD. */
export function dayOf(number: number): string {
  return new Date(number * 86_400_000).toISOString().slice(0, 10);
}

/** Calendar year of a day number. */
export function yearOf(number: number): number {
  return new Date(number * 86_400_000).getUTCFullYear();
}

/** First calendar year of the academic year that runs on a day: it begins on 1 September. */
export function academicYear(number: number): number {
  const date = new Date(number * 86_400_000);
  return date.getUTCFullYear() - (date.getUTCMonth() < 8 ? 1 : 0);
}

/** A period at this stage that began at most `years` years before it ended, or before today. */
export function period(random: Random, stage: Stage, today: number, years: number, open: boolean): Validity {
  const length = Math.floor(random.next() * Math.max(years, 0.5) * 365);
  switch (stage) {
    case 'future': {
      const from = today + random.integer(5, 120);
      return open ? { from: dayOf(from) } : { from: dayOf(from), to: dayOf(from + random.integer(90, 1095)) };
    }
    case 'active': {
      const from = dayOf(today - length);
      return open ? { from } : { from, to: dayOf(today + random.integer(10, 1000)) };
    }
    case 'grace': {
      const to = today - random.integer(1, 80);
      return { from: dayOf(to - length), to: dayOf(to) };
    }
    case 'gone': {
      const to = today - random.integer(200, 3000);
      return { from: dayOf(to - length), to: dayOf(to) };
    }
  }
}
