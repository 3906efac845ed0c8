import { Counter, Gauge, Histogram } from '@myelin/platform';
import type { Outbox } from './outbox.js';
import { bounded } from './waiting.js';

const labelNames = ['topic'] as const;

export const published = new Counter({
  name: 'myelin_relay_published_total',
  help: 'States published to a referential topic.',
  labelNames,
});
export const transactions = new Counter({
  name: 'myelin_relay_batches_total',
  help: 'Transactions committed to a referential topic.',
  labelNames,
});
export const sendSeconds = new Histogram({
  name: 'myelin_relay_send_seconds',
  help: 'Time of one transaction.',
  labelNames,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
});

/** Outboxes measured at every scrape, by topic. */
export const outboxes = new Map<string, Outbox>();
const SCRAPE_MS = 1_000;

new Gauge({
  name: 'myelin_outbox_rows',
  help: 'Entities that wait to be published, approximate.',
  labelNames,
  async collect() {
    await bounded(Promise.all([...outboxes].map(([topic, outbox]) => measure(topic, outbox))), SCRAPE_MS);
    for (const [topic, { rows }] of depths) this.set({ topic }, rows);
  },
});
new Gauge({
  name: 'myelin_outbox_oldest_seconds',
  help: 'Age of the oldest entity that waits to be published, approximate.',
  labelNames,
  collect() {
    for (const [topic, { oldestSeconds }] of depths) this.set({ topic }, oldestSeconds);
  },
});

const depths = new Map<string, { rows: number; oldestSeconds: number }>();

async function measure(topic: string, outbox: Outbox): Promise<void> {
  depths.set(topic, await outbox.depth());
}

export const received = new Counter({
  name: 'myelin_consumer_events_total',
  help: 'Messages handled and committed.',
  labelNames,
});
export const unreadable = new Counter({
  name: 'myelin_consumer_unreadable_total',
  help: 'Messages that could not be understood.',
  labelNames,
});
export const failures = new Counter({
  name: 'myelin_consumer_failures_total',
  help: 'Tries of a slice that failed and were repeated.',
  labelNames,
});
export const sliceSeconds = new Histogram({
  name: 'myelin_consumer_slice_seconds',
  help: 'Time of one slice in its handler, repetitions included.',
  labelNames,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
});
export const lag = new Gauge({
  name: 'myelin_consumer_lag',
  help: 'Offsets between the last one committed and the end of the partition; transaction markers count.',
  labelNames: ['topic', 'partition'] as const,
});
