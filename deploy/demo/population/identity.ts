import type { Birth, Person } from '@myelin/contracts';
import { dayNumber, dayOf } from './calendar.js';
import type { Names } from './names.js';
import { Weighted, type Random } from './random.js';

/** Civil status of a person: who it is, apart from what it does. */
export type Identity = Pick<
  Person,
  'birthName' | 'usageName' | 'givenNames' | 'usageGivenName' | 'civility' | 'sex' | 'birth' | 'nationalities'
>;

const ABROAD = new Weighted<readonly [country: string, town: string]>([
  [['DZ', 'Alger'], 14],
  [['DZ', 'Tizi Ouzou'], 5],
  [['MA', 'Casablanca'], 12],
  [['MA', 'Fès'], 5],
  [['TN', 'Tunis'], 8],
  [['SN', 'Dakar'], 8],
  [['CI', 'Abidjan'], 6],
  [['CM', 'Yaoundé'], 5],
  [['GA', 'Libreville'], 3],
  [['PT', 'Porto'], 4],
  [['ES', 'San Sebastián'], 4],
  [['IT', 'Bologna'], 4],
  [['DE', 'Köln'], 4],
  [['CN', 'Beijing'], 6],
  [['VN', 'Hà Nội'], 4],
  [['TR', 'İstanbul'], 3],
  [['BR', 'São Paulo'], 4],
  [['LB', 'Beyrouth'], 3],
  [['RO', 'București'], 2],
  [['PL', 'Łódź'], 2],
  [['US', "Coeur d'Alene"], 1],
]);

/** A person born in that year; `foreign` is the probability of a birth abroad. */
export function identity(random: Random, names: Names, birthYear: number, foreign: number): Identity {
  const female = random.chance(0.54);
  const sex = female ? 'F' : 'M';
  const givenNames = [names.givenName(random, sex, birthYear)];
  // The other given names of the civil status are those of the grandparents.
  while (givenNames.length < 4 && random.chance(0.5)) {
    const name = names.givenName(random, sex, birthYear - 45);
    if (!givenNames.includes(name)) givenNames.push(name);
  }
  const birthName = names.familyName(random);
  const usageName = usageNameOf(random, names, birthName, female, birthYear);
  const usageGivenName = givenNames[1] !== undefined && random.chance(0.04) ? givenNames[1] : undefined;
  const undeclared = random.chance(0.002);
  const { birth, nationalities } = origin(random, names, birthYear, foreign);
  return {
    birthName,
    ...(usageName && { usageName }),
    givenNames,
    ...(usageGivenName && { usageGivenName }),
    ...(!undeclared && { civility: female ? ('MME' as const) : ('M' as const) }),
    sex: undeclared ? 'X' : sex,
    birth,
    nationalities,
  };
}

function usageNameOf(random: Random, names: Names, birthName: string, female: boolean, year: number) {
  const married = female ? Math.min(Math.max((2000 - year) / 55, 0), 0.6) : 0.01;
  if (!random.chance(married)) return undefined;
  const other = names.familyName(random);
  return random.chance(0.25) ? `${birthName}-${other}` : other;
}

function origin(random: Random, names: Names, year: number, foreign: number) {
  const date = dayOf(dayNumber(`${year}-01-01`) + random.integer(0, 364));
  if (random.chance(foreign)) {
    const [country, town] = ABROAD.draw(random);
    const nationalities = random.chance(0.25) ? ['FR'] : random.chance(0.1) ? ['FR', country] : [country];
    return { birth: { date, town, country } satisfies Birth, nationalities };
  }
  const town = names.town(random);
  return { birth: { date, town: town.name, townCode: town.code, country: 'FR' }, nationalities: ['FR'] };
}
