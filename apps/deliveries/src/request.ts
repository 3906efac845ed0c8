import { ProblemError } from '@myelin/platform';

/** A whole number in the query string, between bounds; 400 otherwise. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (/^\d{1,9}$/.test(text) && number >= min && number <= max) return number;
  throw new ProblemError('malformed-request', `${name} must be a whole number from ${min} to ${max}`);
}
