/** Crockford's base 32: no I, L, O, U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BASE = DIGITS.length;
const SHORTEST = 5;

/**
 * The short name of a record for people to read out and write down: the letter of its referential, its number in Crockford's
 * base 32, and a check character (`P-00K4J-8`; Luhn modulo 32 finds every wrong character and most swaps).
 */
export function shortName(letter: string, number: number): string {
  let digits = '';
  for (let rest = number; rest > 0; rest = Math.floor(rest / BASE)) digits = (DIGITS[rest % BASE] as string) + digits;
  digits = digits.padStart(SHORTEST, '0');
  return `${letter}-${digits}-${DIGITS[check(digits)] as string}`;
}

/** The number in a short name, in any case, with or without hyphens; undefined when it is none of this referential. */
export function numberOf(letter: string, name: string): number | undefined {
  const text = name.toUpperCase().replaceAll('-', '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (!text.startsWith(letter) || !/^[0-9A-HJKMNP-TV-Z]{6,13}$/.test(text.slice(1))) return undefined;
  const digits = text.slice(1, -1);
  if (DIGITS[check(digits)] !== text.at(-1)) return undefined;
  return [...digits].reduce((sum, digit) => sum * BASE + DIGITS.indexOf(digit), 0);
}

function check(digits: string): number {
  let sum = 0;
  [...digits].reverse().forEach((digit, index) => {
    const doubled = DIGITS.indexOf(digit) * (index % 2 === 0 ? 2 : 1);
    sum += Math.floor(doubled / BASE) + (doubled % BASE);
  });
  return (BASE - (sum % BASE)) % BASE;
}
