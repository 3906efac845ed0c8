import type { Enrolment, LearnerRole } from '@myelin/contracts';
import { academicYear, dayOf, type Stage } from './calendar.js';
import { FIELDS, REGIMES, type Field } from './codes.js';
import type { Places } from './places.js';
import { Weighted, type Random } from './random.js';

/** Years of study in the order they are passed; the share is that of the students who are in it now. */
const YEARS = ['L1', 'L2', 'L3', 'M1', 'M2', 'D1', 'D2', 'D3', 'D4'] as const;
const LEVELS = new Weighted([
  [0, 25],
  [1, 17],
  [2, 16],
  [3, 14],
  [4, 13],
  [5, 2],
  [6, 2],
  [7, 2],
  [8, 1],
]);

const STAGES = new Weighted<Stage>([
  ['active', 72],
  ['grace', 9],
  ['gone', 15],
  ['future', 4],
]);

/** A learner role, with what the rest of the person depends on. */
export interface Learner {
  role: LearnerRole;
  stage: Stage;
  doctoral: boolean;
  birthYear: number;
  /** First calendar year of the first registration. */
  firstYear: number;
}

/** A learner with one enrolment a year since the licence, the master or the doctorate was begun here. */
export function learner(random: Random, places: Places, today: number): Learner {
  const stage = STAGES.draw(random);
  const level = LEVELS.draw(random);
  const current = academicYear(today);
  const last = stage === 'grace' ? current - 1 : stage === 'gone' ? current - random.integer(2, 9) : current;
  const cycle = level < 3 ? 0 : level < 5 ? 3 : 5;
  // Half of those in a master have done their licence here too.
  const before = cycle === 3 && random.chance(0.5) ? 0 : cycle;
  // Who is registered for a course that begins in the second semester is new.
  const begun = stage === 'future' ? level : before;
  const course = courseOf(random, places, cycle === 5);
  const enrolments: Enrolment[] = [];
  for (let step = begun; step <= level; step++) {
    enrolments.push(enrolment(random, course, step, last - (level - step), stage === 'future', today));
  }
  const from = enrolments[0]?.from;
  const to = enrolments.at(-1)?.to;
  return {
    role: { from, to, enrolments },
    stage,
    doctoral: cycle === 5,
    birthYear: last - 18 - level - Math.floor(random.next() ** 3 * (course.regime > '12' ? 28 : 4)),
    firstYear: last - (level - begun),
  };
}

interface Course {
  field: Field;
  structure: string;
  population: string;
  regime: string;
}

function courseOf(random: Random, places: Places, doctoral: boolean): Course {
  const field = FIELDS.draw(random);
  if (doctoral) return { field, structure: places.school(random), population: 'AGAD', regime: '10' };
  const regime = REGIMES.draw(random);
  const population = regime >= '20' ? 'AGEC' : random.chance(0.03) ? 'AGED' : 'AGEI';
  return { field, structure: places.componentFor(random, field.discipline), population, regime };
}

function enrolment(
  random: Random,
  { field, structure, population, regime }: Course,
  level: number,
  year: number,
  future: boolean,
  today: number,
): Enrolment {
  const courseYear = YEARS[level] ?? 'X';
  const stage = `${courseYear}${field.stage}`;
  const doctoral = level >= 5;
  const [diploma, diplomaType] = doctoral
    ? [`41000${field.discipline}`, 'YA']
    : level >= 3
      ? [field.master, 'XB']
      : [`21000${field.discipline}`, 'XA'];
  return {
    year,
    from: future ? dayOf(today + random.integer(20, 90)) : `${year}-09-01`,
    to: `${year + 1}-08-31`,
    population,
    structure,
    diploma,
    diplomaType,
    courseYear,
    discipline: field.discipline,
    regime,
    stage,
    ...(!doctoral && { courseUnits: courseUnits(random, stage) }),
  };
}

function courseUnits(random: Random, stage: string): string[] {
  return Array.from({ length: random.integer(5, 8) }, (_, i) => `${stage}UE${i + 1}${random.integer(0, 9)}`);
}
