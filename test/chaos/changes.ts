import { setTimeout as sleep } from 'node:timers/promises';
import { call, load, type RecordView } from '../../deploy/demo/hub.js';
import { ndjson } from '../../deploy/demo/ndjson.js';
import type { Random } from '../../deploy/demo/population/random.js';

/** What was sent to the referential, and what it answered. */
export interface Sent {
  changes: number;
  acknowledged: number;
  /** How many failed, by what was said. */
  failures: Record<string, number>;
  /** Changes a second. */
  rate: number;
  /** Most changes that waited for their answer at one time. */
  inFlight: number;
}

const SOURCE = 'chaos';
/** One of so many changes ends a record or opens it again. */
const LIFECYCLE_SHARE = 0.03;
/** A part of the changes falls on a few records, so that revisions of one record follow each other fast. */
const HOT = { share: 0.2, records: 0.01 };

/** With more at once the referential would answer none of them in time. */
const MOST_IN_FLIGHT = 100;

interface Known {
  readonly id: string;
  readonly sourceId: string;
  version: number;
  active: boolean;
}

/** The records of a structure referential that are changed over HTTP, each by whole documents of one source. */
export class Changes {
  private constructor(
    private readonly referential: string,
    private readonly records: readonly Known[],
  ) {}

  /** Loads so many structures into an empty referential. */
  static async load(referential: string, count: number): Promise<Changes> {
    const numbers = Array.from({ length: count }, (_, n) => `S${String(n).padStart(6, '0')}`);
    const lines = numbers.map((sourceId) => ({ sourceId, version: 0, document: documentOf(sourceId, 0) }));
    const { created } = await load(referential, SOURCE, ndjson(lines));
    if (created !== count) throw new Error(`${created} of ${count} structures were created`);
    const records: Known[] = [];
    for await (const { id, code } of recordsOf(referential))
      records.push({ id, sourceId: String(code), version: 0, active: true });
    return new Changes(referential, records);
  }

  /**
   * Sends changes at an even pace, whether the earlier ones have been answered or not; done when the last one has been. A
   * referential that cannot keep up gets fewer.
   */
  async send(random: Random, rate: number, seconds: number, end: AbortSignal): Promise<Sent> {
    const sent: Sent = { changes: 0, acknowledged: 0, failures: {}, rate: 0, inFlight: 0 };
    const running = new Set<Promise<void>>();
    const start = performance.now();
    const elapsed = () => (performance.now() - start) / 1000;
    for (let place = 0; place < rate * seconds && elapsed() < seconds && !end.aborted; place++) {
      await sleep(Math.max(0, (place / rate - elapsed()) * 1000));
      while (running.size >= MOST_IN_FLIGHT) await Promise.race(running);
      const one = this.change(random)
        .then(
          () => void sent.acknowledged++,
          (error: Error) => void (sent.failures[error.message] = (sent.failures[error.message] ?? 0) + 1),
        )
        .finally(() => running.delete(one));
      running.add(one);
      sent.changes++;
      sent.inFlight = Math.max(sent.inFlight, running.size);
    }
    sent.rate = sent.changes / elapsed();
    await Promise.all(running);
    return sent;
  }

  private async change(random: Random): Promise<void> {
    const among = random.chance(HOT.share) ? Math.ceil(this.records.length * HOT.records) : this.records.length;
    const record = this.records[random.integer(0, among - 1)] as Known;
    const { id, sourceId } = record;
    if (random.chance(record.active ? LIFECYCLE_SHARE : 0.5)) {
      record.active = !record.active;
      await send('POST', `${this.referential}/structures/${id}/${record.active ? 'reactivation' : 'deactivation'}`, {});
      return;
    }
    const version = ++record.version;
    const url = `${this.referential}/sources/${SOURCE}/records/${sourceId}?version=${version}`;
    await send('PUT', url, documentOf(sourceId, version));
  }
}

/** Sends one change; fails with the status alone, so that failures can be counted. */
async function send(method: string, url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${response.status}`);
}

/** All records of a structure referential, page by page. */
export async function* recordsOf(referential: string): AsyncGenerator<RecordView> {
  let cursor = '';
  for (;;) {
    const page = `${referential}/structures?limit=200${cursor && `&cursor=${cursor}`}`;
    const { items, next } = await call<{ items: RecordView[]; next: string | null }>('GET', page);
    yield* items;
    if (next === null) return;
    cursor = next;
  }
}

// Some changes touch one attribute of the row and others two: a late partial write would leave a row that never was.
const documentOf = (sourceId: string, version: number) => ({
  code: sourceId,
  shortLabel: `${sourceId}.${Math.floor(version / 2)}`,
  longLabel: `Structure ${sourceId}, version ${version}`,
  type: 'S203',
});
