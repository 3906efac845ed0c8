import type { Identifier } from '@myelin/contracts';
import { mix } from './random.js';

/** The largest primes under 10^9 and 10^7: multiplying modulo a prime spreads indexes without two meeting. */
const BILLION = 999_999_937;
const TEN_MILLION = 9_999_991;

const spread = (seed: number, index: number, prime: number) => (index * 104_729 + (mix(seed) >>> 0)) % prime;

/** HR number of the person of that index: three letters and nine digits. */
export function sihamNumber(seed: number, index: number): string {
  return `UNI${String(spread(seed, index, BILLION)).padStart(9, '0')}`;
}

/** Student number: 2, two digits of the year of first registration, a serial number. */
export function apogeeNumber(index: number, firstYear: number): string {
  return `2${String(firstYear % 100).padStart(2, '0')}${String(index).padStart(5, '0')}`;
}

const LETTERS = 'ABCDEFGHJKLMNPRSTUVWXYZ';

/** National student number: nine digits and two letters for the young, ten digits and a letter before. */
export function ineNumber(seed: number, index: number, birthYear: number): string {
  const digits = String(spread(seed + 1, index, BILLION)).padStart(9, '0');
  const first = LETTERS[index % 23] ?? 'A';
  const second = LETTERS[Math.floor(index / 23) % 23] ?? 'A';
  return birthYear >= 1995 ? `${digits}${first}${second}` : `2${digits}${first}`;
}

/** ORCID iD with its key (ISO 7064 MOD 11-2), in a range that ORCID does not allocate. */
export function orcid(seed: number, index: number): string {
  const digits = `00000008${String(spread(seed, index, TEN_MILLION)).padStart(7, '0')}`;
  let total = 0;
  for (const digit of digits) total = (total + Number(digit)) * 2;
  const key = (12 - (total % 11)) % 11;
  return `${digits}${key === 10 ? 'X' : key}`.replace(/(.{4})(?=.)/g, '$1-');
}

/** One identifier. */
export const identifier = (scheme: string, value: string): Identifier => ({ scheme, value });
