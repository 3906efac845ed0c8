import { pivotValidator, type Person } from '@myelin/contracts';
import { homeStructures } from './home.js';
import { readOpenData } from './open-data.js';
import { population, type PersonRecord, type PopulationOptions } from './population.js';

const TODAY = '2026-11-24';
const structures = homeStructures(readOpenData());
const persons = (count: number, options: Partial<PopulationOptions> = {}) =>
  population({ seed: 42, count, structures, ...options });

const periods = ({ roles }: Person) => [
  ...(roles?.resource ?? []),
  ...(roles?.external ?? []),
  ...(roles?.learner ?? []),
];
const isActive = (person: Person) =>
  periods(person).some(({ from, to }) => (from ?? '') <= TODAY && (to == null || to >= TODAY));

test('the same seed gives the same persons, whatever their number; another seed gives others', () => {
  const first = [...persons(500)];
  expect([...persons(1000)].slice(0, 500)).toEqual(first);
  const other = [...persons(500, { seed: 43 })];
  const same = first.filter(({ document }, i) => document.birthName === other[i]?.document.birthName);
  expect(same.length).toBeLessThan(25);
});

test('every person is valid by contract', () => {
  const valid = pivotValidator('person');
  expect([...persons(2000)].flatMap(({ document }) => valid(document))).toEqual([]);
  expect([...persons(2000, { records: 'source' })].flatMap(({ document }) => valid(document))).toEqual([]);
});

describe('50,000 persons', () => {
  const COUNT = 50_000;
  const all = [...persons(COUNT)];
  const documents = all.map(({ document }) => document);
  const share = (test: (person: Person) => boolean) => documents.filter(test).length / COUNT;

  test('have identifiers, source ids and working mails of their own', () => {
    const identifiers = documents.flatMap((d) => d.identifiers ?? []).map((i) => `${i.scheme}:${i.value}`);
    expect(new Set(identifiers).size).toBe(identifiers.length);
    expect(new Set(all.map(({ source, sourceId }) => `${source}:${sourceId}`)).size).toBe(COUNT);
    const mails = documents.flatMap((d) => d.contacts ?? []).filter(({ kind }) => kind === 'workMail');
    expect(new Set(mails.map(({ value }) => value)).size).toBe(COUNT);
  });

  test('are a quarter staff, two thirds learners, a tenth externals', () => {
    const from = (source: PersonRecord['source']) => all.filter((record) => record.source === source).length / COUNT;
    expect([from('siham'), from('apogee'), from('externals')]).toEqual([0.25, 0.65, 0.1]);
    expect(share(({ roles }) => roles?.resource != null && roles.learner != null)).toBeGreaterThan(0.03);
    expect(share(({ identifiers }) => identifiers?.some(({ scheme }) => scheme === 'orcid') === true)).toBeGreaterThan(
      0.1,
    );
  });

  test('are mostly present; some have left, some are still to come', () => {
    expect(share(isActive)).toBeGreaterThan(0.65);
    expect(share(isActive)).toBeLessThan(0.85);
    const ends = (person: Person) => periods(person).map(({ to }) => to ?? '9999');
    const left = (after: string, before: string) =>
      share((person) => ends(person).every((to) => to < before) && ends(person).some((to) => to >= after));
    expect(left('2026-08-01', TODAY)).toBeGreaterThan(0.04);
    expect(left('1900-01-01', '2026-06-01')).toBeGreaterThan(0.08);
    expect(share((person) => periods(person).every(({ from }) => (from ?? '') > TODAY))).toBeGreaterThan(0.02);
  });

  test('end no period before it begins and were grown up when it began', () => {
    const wrong = documents.filter((person) =>
      periods(person).some(({ from, to }) => {
        const age = Number(from?.slice(0, 4)) - Number(person.birth?.date?.slice(0, 4));
        return (to != null && to < (from ?? '')) || !(age >= 16 && age < 75);
      }),
    );
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  test('have civilities that agree with their sexes', () => {
    const odd = documents.filter(({ sex, civility }) => civility != null && (civility === 'MME') !== (sex === 'F'));
    expect(odd.slice(0, 3)).toEqual([]);
  });

  test('work in all laboratories, each of which has one director', () => {
    const used = new Set(
      documents
        .flatMap((d) => d.roles?.resource ?? [])
        .flatMap((r) => r.affectations ?? [])
        .map((a) => a.structure),
    );
    const laboratories = structures.filter(({ kind }) => kind === 'laboratory').map(({ ref }) => ref);
    expect(laboratories.filter((ref) => !used.has(ref))).toEqual([]);
    const directed = documents
      .flatMap(({ roles }) => roles?.resource ?? [])
      .flatMap(({ functions }) => functions ?? [])
      .filter(({ code }) => code === 'D30');
    expect(directed.map(({ structure }) => structure).sort()).toEqual([...laboratories].sort());
  });

  test('have sponsors who came earlier and are still here', () => {
    const present = new Map<string, number>(
      all.map(
        ({ document }, i) => [`siham:${document.identifiers?.find((x) => x.scheme === 'siham')?.value}`, i] as const,
      ),
    );
    documents.forEach((document, i) => {
      for (const { sponsor } of document.roles?.external ?? []) {
        const index = present.get(sponsor ?? '') ?? Infinity;
        expect(index).toBeLessThan(i);
        expect(isActive(documents[index] as Person)).toBe(true);
      }
    });
  });

  test('have all the letters that break software', () => {
    const names = documents.map((d) => [d.birthName, d.usageName, ...d.givenNames].join(' ')).join(' ');
    for (const sample of ['œ', "'", '-', 'ç', 'ß', 'ı', 'Le ', 'de ']) {
      expect(names).toContain(sample);
    }
  });

  test('weigh what real records weigh', () => {
    const bytes = documents.reduce((total, document) => total + Buffer.byteLength(JSON.stringify(document)), 0);
    expect(bytes / COUNT).toBeGreaterThan(1200);
    expect(bytes / COUNT).toBeLessThan(1800);
  });
});

test('by source, a doctoral student with a contract comes once from each application', () => {
  const whole = [...persons(2000)];
  const split = [...persons(2000, { records: 'source' })];
  const both = whole.filter(({ document }) => document.roles?.resource && document.roles.learner);
  expect(split).toHaveLength(whole.length + both.length);
  expect(split.filter(({ document }) => document.roles?.resource && document.roles.learner)).toEqual([]);
  const keys = split.map(({ source, sourceId }) => `${source}:${sourceId}`);
  expect(new Set(keys).size).toBe(split.length);
});
