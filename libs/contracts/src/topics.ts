import type { Entity } from './master.js';

/** Number of partitions of every topic, fixed at creation: changing it is a new topic and a republish. */
export const PARTITIONS = 12;

/** A topic as it must exist: name without the installation's prefix, and its settings. */
export interface TopicContract {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

const DAY = 24 * 60 * 60 * 1000;

/** What each target did, and signs of life of the connectors: keyed by master id or connector, kept for 14 days. */
export const deliveriesTopic: TopicContract = {
  name: 'deliveries.v1',
  partitions: PARTITIONS,
  config: { 'cleanup.policy': 'delete', 'retention.ms': String(14 * DAY), 'compression.type': 'producer' },
};

/** The topic of an entity: whole newest state per master id, compacted; a tombstone stays 30 days. */
export function referentialTopic(entity: Entity): TopicContract {
  return {
    name: `referential.${entity}.v1`,
    partitions: PARTITIONS,
    config: {
      'cleanup.policy': 'compact',
      'delete.retention.ms': String(30 * DAY),
      'min.cleanable.dirty.ratio': '0.1',
      'max.compaction.lag.ms': String(7 * DAY),
      'compression.type': 'producer',
    },
  };
}
