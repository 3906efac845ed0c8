import type { Affectation, CareerStep, ResourceRole, StructureFunction, Validity } from '@myelin/contracts';
import { dayNumber, dayOf, period, yearOf, type Stage } from './calendar.js';
import { CNU_SECTIONS, TECHNICAL } from './codes.js';
import type { Places } from './places.js';
import { Weighted, type Random } from './random.js';

/** A kind of staff: what SUPANN calls it, and what it does where. */
interface Post {
  population: string;
  work: 'research' | 'teaching' | 'support';
  tenured: boolean;
  /** Corps of teachers; those of the support staff come from a list of their own. */
  corps?: string;
}

const POSTS = new Weighted<Post>([
  [{ population: 'RGPFT', work: 'research', tenured: true, corps: '301' }, 24],
  [{ population: 'RGPFT', work: 'research', tenured: true, corps: '300' }, 12],
  [{ population: 'RGNFC', work: 'research', tenured: false, corps: '753' }, 4],
  [{ population: 'RGNCC', work: 'research', tenured: false }, 7],
  [{ population: 'RGPET', work: 'teaching', tenured: true, corps: '551' }, 4],
  [{ population: 'RGPET', work: 'teaching', tenured: true, corps: '553' }, 3],
  [{ population: 'RGIE', work: 'teaching', tenured: false, corps: '758' }, 6],
  [{ population: 'RGPST', work: 'support', tenured: true }, 26],
  [{ population: 'RGPSC', work: 'support', tenured: false }, 9],
  [{ population: 'RGNS', work: 'support', tenured: false }, 5],
]);

/** Tenured professors answer for externals and direct laboratories: they stay for the whole life of the population. */
const PROFESSOR: Post = { population: 'RGPFT', work: 'research', tenured: true, corps: '300' };

const STAGES = new Weighted<Stage>([
  ['active', 84],
  ['grace', 4],
  ['gone', 9],
  ['future', 3],
]);

/** A staff role, with what the rest of the person depends on. */
export interface StaffMember {
  role: ResourceRole;
  researcher: boolean;
  stage: Stage;
}

/** The role of a professor who is here to stay; the director of `directs` when it is given. */
export function professor(random: Random, places: Places, today: number, age: number, directs?: string): StaffMember {
  const member = staffRole(random, places, today, age, PROFESSOR, 'active');
  if (directs === undefined) return member;
  const { from } = member.role;
  const affectations = [{ structure: directs, quota: 50, from }, ...(member.role.affectations ?? []).slice(1)];
  return { ...member, role: { ...member.role, affectations, functions: [{ code: 'D30', structure: directs, from }] } };
}

/** The role of any staff member of that age. */
export function staffMember(random: Random, places: Places, today: number, age: number): StaffMember {
  return staffRole(random, places, today, age, POSTS.draw(random), STAGES.draw(random));
}

/** The contract of a doctoral student, who teaches or not, in a laboratory. */
export function doctoralContract(random: Random, places: Places, validity: Validity): ResourceRole {
  return {
    population: random.chance(0.6) ? 'RGNFD' : 'RGNCD',
    ...validity,
    affectations: [{ structure: places.laboratory(random), quota: 100, ...validity }],
    career: [{ corps: '757', cnu: random.pick(CNU_SECTIONS), ...validity }],
  };
}

function staffRole(r: Random, places: Places, today: number, age: number, post: Post, stage: Stage): StaffMember {
  const validity = period(r, stage, today, post.tenured ? age - 26 : 3, post.tenured || stage === 'future');
  const affectations = affectationsOf(r, places, post, validity);
  const main = affectations[0]?.structure ?? places.home;
  const functions = stage === 'active' ? functionsOf(r, post, main, validity) : [];
  return {
    stage,
    researcher: post.work === 'research',
    role: {
      population: post.population,
      ...validity,
      affectations,
      ...(functions.length > 0 && { functions }),
      career: careerOf(r, post, validity, today),
    },
  };
}

function affectationsOf(random: Random, places: Places, post: Post, validity: Validity): Affectation[] {
  if (post.work === 'support') {
    const place = random.next();
    const structure =
      place < 0.55 ? places.service(random) : place < 0.8 ? places.component(random) : places.laboratory(random);
    return [{ structure, quota: random.chance(0.15) ? 80 : 100, ...validity }];
  }
  const component = places.component(random);
  if (post.work === 'teaching') return [{ structure: component, quota: 100, ...validity }];
  const laboratory = places.laboratory(random);
  const second = random.chance(0.08) ? places.laboratory(random) : laboratory;
  if (second === laboratory) {
    return [
      { structure: laboratory, quota: 50, ...validity },
      { structure: component, quota: 50, ...validity },
    ];
  }
  return [
    { structure: laboratory, quota: 30, ...validity },
    { structure: component, quota: 50, ...validity },
    { structure: second, quota: 20, ...validity },
  ];
}

function functionsOf(random: Random, post: Post, structure: string, validity: Validity): StructureFunction[] {
  if (!post.tenured || !random.chance(0.07)) return [];
  const codes = { research: ['J60', 'R41', 'R43'], teaching: ['R41', 'R42'], support: ['F10', 'J61', 'R40'] };
  return [{ code: random.pick(codes[post.work]), structure, from: validity.from }];
}

function careerOf(random: Random, post: Post, validity: Validity, today: number): CareerStep[] {
  const cnu = post.work === 'research' ? random.pick(CNU_SECTIONS) : undefined;
  const job = post.work === 'support' ? employment(random, post.tenured) : { ...(post.corps && { corps: post.corps }) };
  const step: CareerStep = { ...job, ...(cnu && { cnu }), ...validity };
  const start = dayNumber(validity.from ?? dayOf(today));
  if (post.corps !== '300' || yearOf(today) - yearOf(start) < 9) return [step];
  // Most professors were lecturers first.
  const promotion = start + random.integer(1500, 3000);
  return [
    { ...step, corps: '301', to: dayOf(promotion - 1) },
    { ...step, from: dayOf(promotion) },
  ];
}

function employment(random: Random, tenured: boolean): CareerStep {
  return tenured ? TECHNICAL.draw(random) : { corps: random.pick(['843', '844', '845']) };
}
