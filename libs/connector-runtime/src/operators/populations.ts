import type { Entity, Master } from '@myelin/contracts';

export const POPULATIONS = ['resource', 'external', 'learner'] as const;
/** Persons by the kind of role that they have. */
export type Population = (typeof POPULATIONS)[number];

/** What is written and what is only observed. */
export interface Observation {
  /** Differences are noted, nothing is written, but for the populations. */
  readonly observe: boolean;
  /** Populations that are written while the rest is observed. */
  readonly populations: readonly Population[];
}

/** As what an entity is switched on: a person by its roles, which may be none; others by their kind. */
export function switchedAs({ entity, state }: { readonly entity: Entity; readonly state: Master | null }): string[] {
  if (entity !== 'person') return [entity];
  const roles = (state as Master<'person'> | null)?.roles;
  return POPULATIONS.filter((population) => (roles?.[population] ?? []).length > 0);
}

/** Whether an entity is written. Persons need structures: these are written as soon as any population is. */
export function isWritten(
  { observe, populations }: Observation,
  one: { readonly entity: Entity; readonly state: Master | null },
): boolean {
  if (!observe) return true;
  const written: readonly string[] = [...populations, ...(populations.length > 0 ? ['structure'] : [])];
  return switchedAs(one).some((as) => written.includes(as));
}

/** SQL: as what entities are switched on, by the row `c` of the switches. */
export const WRITTEN_AS = `(array(select jsonb_array_elements_text(c.populations)) || '{structure}')`;
