import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { dataFile } from '../data-folder.js';
import { Weighted, type Random } from './random.js';

/** A French commune where persons are born and live. */
export interface Town {
  name: string;
  code: string;
  postcode: string;
}

const rows = (file: string): string[][] => parse(readFileSync(dataFile(file)), { delimiter: ';', from_line: 2 });

/** Width of the fashion of a given name, in years. */
const FASHION = 9;
const COHORTS = [1935, 1945, 1955, 1965, 1975, 1985, 1995, 2005];

/** The names and places that persons are made of, drawn as often as they are borne. */
export class Names {
  private readonly family = new Weighted(rows('family-names.csv').map(([name = '', count]) => [name, Number(count)]));
  private readonly given = { F: cohorts('given-names-f.csv'), M: cohorts('given-names-m.csv') };
  private readonly towns: Weighted<Town>;
  private readonly nearTowns: Weighted<Town>;

  constructor() {
    const towns = rows('towns.csv').map(
      ([name = '', code = '', postcode = '', people]) => [{ name, code, postcode }, Number(people)] as const,
    );
    this.towns = new Weighted(towns);
    this.nearTowns = new Weighted(towns.filter(([{ postcode }]) => /^(75|78|9[2-4])/.test(postcode)));
  }

  /** A family name; one in thirty is double. */
  familyName(random: Random): string {
    const name = this.family.draw(random);
    if (!random.chance(0.03)) return name;
    return `${name}${random.chance(0.6) ? '-' : ' '}${this.family.draw(random)}`;
  }

  /** A given name in fashion around that year. */
  givenName(random: Random, sex: 'F' | 'M', year: number): string {
    const cohort = Math.min(Math.max(Math.round((year - 1935) / 10), 0), COHORTS.length - 1);
    return (this.given[sex][cohort] as Weighted<string>).draw(random);
  }

  town(random: Random): Town {
    return this.towns.draw(random);
  }

  /** A town near the university of the demonstration. */
  nearby(random: Random): Town {
    return this.nearTowns.draw(random);
  }
}

function cohorts(file: string): Weighted<string>[] {
  const names = rows(file).map(([name = '', count, year]) => ({ name, count: Number(count), year: Number(year) }));
  // A name never dies out: the floor keeps a few old names among the young, and the other way round.
  const weight = (year: number, middle: number) => 0.01 + Math.exp(-(((year - middle) / FASHION) ** 2) / 2);
  return COHORTS.map((cohort) => new Weighted(names.map((n) => [n.name, n.count * weight(cohort, n.year)])));
}

const LIGATURES: Record<string, string> = { œ: 'oe', æ: 'ae', ß: 'ss', ı: 'i', ø: 'o', ł: 'l', đ: 'd' };

/** A name in the letters of a mail address. */
export function mailPart(name: string): string {
  return name
    .toLowerCase()
    .replace(/[œæßıøłđ]/g, (letter) => LIGATURES[letter] ?? letter)
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z]+/g, '-');
}
