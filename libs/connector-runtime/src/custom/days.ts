const DAY = /^\d{4}-\d\d-\d\d(?=$|T)/;

/**
 * The next day after `today` on which some date of these documents begins or has ended, so that comparing today with any of them
 * may come out differently; undefined when none lies ahead.
 */
export function nextDay(today: string, documents: readonly unknown[]): string | undefined {
  let next: string | undefined;
  for (const day of daysIn(documents)) {
    if (day < today) continue;
    const candidate = day > today ? day : dayAfter(day);
    if (next === undefined || candidate < next) next = candidate;
  }
  return next;
}

function* daysIn(value: unknown): Generator<string> {
  if (typeof value === 'string') {
    const day = DAY.exec(value)?.[0];
    // A date that no calendar has is no day; sources write the last one for "no end".
    if (day !== undefined && day < LAST_DAY && !Number.isNaN(Date.parse(day))) yield day;
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) yield* daysIn(part);
  }
}

const LAST_DAY = '9999-12-31';

function dayAfter(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}
