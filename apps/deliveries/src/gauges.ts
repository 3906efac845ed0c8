import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Gauge } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { lagsOf, pulses, type PulseRow } from './overview.sql.js';

/** A scrape waits no longer for the database; it then shows what was known before. */
const DEADLINE_MS = 1_000;

let known: readonly PulseRow[] = [];
let read: () => Promise<readonly PulseRow[]> = () => Promise.resolve([]);

new Gauge({
  name: 'myelin_delivery_lag_seconds',
  help: 'Age of the oldest change that the target of a connector has not seen, read or not, as of its last pulse',
  labelNames: ['connector', 'entity'],
  async collect() {
    known = await soon(read(), known);
    this.reset();
    for (const pulse of known)
      for (const { entity, seconds } of lagsOf(pulse)) this.set({ connector: pulse.connector, entity }, seconds);
  },
});
new Gauge({
  name: 'myelin_pulse_age_seconds',
  help: 'Time since the last sign of life of a connector',
  labelNames: ['connector'],
  async collect() {
    const rows = await soon(read(), known);
    this.reset();
    for (const { connector, at } of rows) this.set({ connector }, Math.max(0, (Date.now() - at.getTime()) / 1000));
  },
});

/** Lets a scrape ask the database for the lag of each connector. */
@Injectable()
export class Gauges implements OnApplicationBootstrap {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  onApplicationBootstrap(): void {
    read = () => pulses(this.dataSource);
  }
}

async function soon<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => (timer = setTimeout(resolve, DEADLINE_MS, otherwise)));
  try {
    return await Promise.race([answer, late]);
  } catch {
    return otherwise;
  } finally {
    clearTimeout(timer);
  }
}
