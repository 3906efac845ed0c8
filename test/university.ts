import type { Person, Structure } from '@myelin/contracts';
import { homeComponents, homeStructures } from '../deploy/demo/home.js';
import { readOpenData, structures, type SourceRecord } from '../deploy/demo/open-data.js';
import { population } from '../deploy/demo/population.js';

/** A university of the size asked for, always the same: real structures, parents first, and invented persons who belong to them. */
export function university(size: { structures: number; persons: number }): {
  structures: SourceRecord<Structure>[];
  persons: SourceRecord<Person>[];
} {
  const data = readOpenData();
  const [home, ...others] = homeStructures(data);
  if (!home) throw new Error('the open data have no home university');
  // Other establishments come last: they employ guests only.
  const inside = others.filter(({ kind }) => kind !== 'establishment');
  const outside = others.filter(({ kind }) => kind === 'establishment');
  const chosen = [home, ...inside, ...outside].slice(0, size.structures);
  const refs = new Set(chosen.map(({ ref }) => ref));
  const isChosen = ({ document: { code, identifiers } }: SourceRecord<Structure>) =>
    refs.has(`code:${code}`) || identifiers?.some(({ scheme, value }) => refs.has(`${scheme}:${value}`));
  return {
    structures: [...structures(data), ...homeComponents()].filter(isChosen),
    persons: [...population({ seed: 1, count: size.persons, structures: chosen })],
  };
}
