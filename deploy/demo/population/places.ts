import type { Random } from './random.js';

/** A structure that persons may be attached to. The first establishment is the home of the population. */
export interface PopulationStructure {
  /** `rnsr:…`, `ed:…`, `uai:…` or `code:…`. */
  ref: string;
  /** `school` is a doctoral school; `component` teaches (UFR, institute); `service` administers. */
  kind: 'laboratory' | 'establishment' | 'school' | 'component' | 'service';
  /** SISE disciplines that a component teaches; any when absent. */
  disciplines?: string[];
}

/** The structures of a population by what they serve for; the home stands in for a kind that is missing. */
export class Places {
  readonly home: string;
  readonly laboratories: string[];
  private readonly partners: string[];
  private readonly schools: string[];
  private readonly components: string[];
  private readonly services: string[];
  private readonly teaching = new Map<string, string[]>();

  constructor(structures: readonly PopulationStructure[]) {
    const of = (kind: PopulationStructure['kind']) => structures.filter((s) => s.kind === kind).map((s) => s.ref);
    const [home, ...partners] = of('establishment');
    if (home === undefined) throw new Error('a population needs one structure of kind "establishment", its home');
    const or = (refs: string[], others: string[]) => (refs.length > 0 ? refs : others);
    this.home = home;
    this.partners = or(partners, [home]);
    this.components = or(of('component'), [home]);
    this.services = or(of('service'), [home]);
    this.schools = or(of('school'), this.components);
    this.laboratories = or(of('laboratory'), [home]);
    for (const { ref, disciplines = [] } of structures) {
      for (const discipline of disciplines)
        this.teaching.set(discipline, [...(this.teaching.get(discipline) ?? []), ref]);
    }
  }

  /** Few laboratories are large: the first of the list get more people than the last. */
  laboratory(random: Random): string {
    return this.laboratories[Math.floor(random.next() ** 1.6 * this.laboratories.length)] ?? this.home;
  }

  component(random: Random): string {
    return random.pick(this.components);
  }

  /** A component that teaches a discipline. */
  componentFor(random: Random, discipline: string): string {
    return random.pick(this.teaching.get(discipline) ?? this.components);
  }

  service(random: Random): string {
    return random.pick(this.services);
  }

  school(random: Random): string {
    return random.pick(this.schools);
  }

  /** Another establishment, which employs a guest. */
  partner(random: Random): string {
    return random.pick(this.partners);
  }
}
