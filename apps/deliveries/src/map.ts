import type { Entity } from '@myelin/contracts';
import { SILENT_AFTER_SECONDS, type PulseRow } from './overview.sql.js';
import type { ApplicationMap, ConsumerEdge } from './map.views.js';
import type { InFlow } from './overview.views.js';

/** The map of what sources have published and of which connectors are in service; one that is disabled is not on it. */
export function mapOf(published: readonly InFlow[], pulses: readonly PulseRow[]): ApplicationMap {
  const to = pulses
    .filter(({ work }) => work !== 'disabled')
    .flatMap((pulse) =>
      pulse.entities.map(({ entity }): ConsumerEdge => ({
        object: entity,
        consumer: pulse.connector,
        state: stateOf(pulse),
      })),
    );
  const from = published.map(({ source, object, published: count }) => ({ source, object, published: count }));
  const objects = [...new Set<Entity>([...from, ...to].map(({ object }) => object))].sort();
  return { objects, from, to };
}

function stateOf({ age, work, observe }: PulseRow): ConsumerEdge['state'] {
  if (age > SILENT_AFTER_SECONDS) return 'silent';
  if (work !== 'open') return 'stands';
  return observe ? 'observes' : 'flows';
}
