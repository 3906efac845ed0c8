import { Fatal, Rejected, TargetDown, TryLater, type Session } from '@myelin/connector';
import { pino } from 'pino';
import { Gate } from './gate.js';

const HOUR_MS = 3_600_000;

let gate: Gate;
/** What the next checks of the target end with; it answers them when there is nothing. */
let failure: Error | undefined;
/** When the target was asked, in milliseconds from the beginning. */
let asked: number[];
let lines: string[];

beforeEach(() => {
  jest.useFakeTimers();
  const began = performance.now();
  failure = undefined;
  [asked, lines] = [[], []];
  const session: Session = {
    syncs: [],
    callDeadlineMs: 0,
    async check() {
      asked.push(performance.now() - began);
      if (failure) throw failure;
    },
    close: () => Promise.resolve(),
  };
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    lines.push(`${pino.levels.labels[level]}: ${msg}`);
  };
  gate = new Gate(session, pino({ level: 'info' }, { write }));
});
afterEach(() => {
  gate.end();
  jest.useRealTimers();
});

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);
const down = (retryAfterMs?: number) =>
  new TargetDown('the target is down', retryAfterMs === undefined ? {} : { retryAfterMs });
const fatal = new Fatal('invalid credentials');
/** Milliseconds between one probe and the next. */
const waits = () => asked.slice(1).map((at, index) => at - asked[index]!);
const ANSWERS = 'info: the target answers';
const DOES_NOT = 'warn: the target does not answer';
const CANNOT =
  'error: the connector cannot work: mend its settings, or its account and rights in the target (docs/runbook.md, "Wrong credentials")';

async function open(): Promise<void> {
  gate.start();
  await pass(0);
  gate.passed(true);
  [asked, lines] = [[], []];
}

/** Refuses the next writes of that many openings, and answers when each of them was refused. */
async function refuseWrites(openings: number, error: Error, isFatal: boolean): Promise<number[]> {
  const times: number[] = [];
  while (times.length < openings) {
    while (!gate.isOpen) await jest.advanceTimersToNextTimerAsync();
    times.push(performance.now());
    gate.close(error, isFatal);
  }
  return times;
}

describe('at the start', () => {
  it('holds work back until the target has answered, then lets single entities through until one has passed', async () => {
    expect(gate.status()).toEqual({ state: 'paused', detail: 'the target has not been asked yet' });
    gate.start();
    expect(gate.isOpen).toBe(false);
    const passage = gate.passage(200);
    await pass(0);
    expect(await passage).toBe(1);
    expect(gate.status()).toEqual({ state: 'open', detail: '' });
    expect(lines).toEqual([ANSWERS]);
    gate.passed(false);
    expect(await gate.passage(200)).toBe(200);
  });

  it('probes a target that does not answer at growing waits, spread, of 15 s at most', async () => {
    failure = down();
    gate.start();
    await pass(120_000);
    const longest = [250, 500, 1000, 2000, 4000, 8000, ...Array<number>(50).fill(15_000)];
    expect(waits().length).toBeGreaterThan(10);
    for (const [index, wait] of waits().entries()) {
      expect(wait).toBeGreaterThanOrEqual(longest[index]! / 2);
      // Timers count whole milliseconds.
      expect(wait).toBeLessThanOrEqual(longest[index]! + 1);
    }
    expect(new Set(waits()).size).toBeGreaterThan(7);
    expect(lines).toEqual([DOES_NOT]);
    failure = undefined;
    await pass(15_000);
    expect(gate.isOpen).toBe(true);
    expect(lines).toEqual([DOES_NOT, ANSWERS]);
  });

  it('says once that credentials are wrong from the very start, and what to do', async () => {
    failure = fatal;
    gate.start();
    await pass(HOUR_MS / 2);
    expect(gate.status()).toEqual({ state: 'stopped', detail: 'invalid credentials' });
    expect(lines).toEqual([CANNOT]);
    failure = undefined;
    await pass(15_000);
    expect(lines).toEqual([CANNOT, ANSWERS]);
  });

  it('waits, too, when the check fails in a way that nobody has foreseen', async () => {
    failure = new TypeError('a defect');
    gate.start();
    await pass(10_000);
    expect(gate.status()).toEqual({ state: 'paused', detail: 'a defect' });
    failure = new Rejected('no');
    await pass(15_000);
    expect(gate.status()).toEqual({ state: 'paused', detail: 'no' });
  });
});

describe('a target that goes away', () => {
  beforeEach(open);

  it('closes the gate once, whoever finds out, and opens it when the target answers', async () => {
    failure = down();
    gate.close(failure, false);
    gate.close(fatal, true);
    expect(gate.status()).toEqual({ state: 'paused', detail: 'the target is down' });
    await pass(60_000);
    failure = undefined;
    const passage = gate.passage(200);
    await pass(15_000);
    expect(await passage).toBe(1);
    expect(lines).toEqual([DOES_NOT, ANSWERS]);
  });

  it.each([
    ['a write was refused', () => gate.close(down(40_000), false, 40_000), 40_000],
    ['it asks for less than the first wait', () => gate.close(down(1), false, 1), 125],
  ])('is left alone for as long as it asks: %s', async (_, close, least) => {
    close();
    await pass(least - 1);
    expect(asked).toEqual([]);
    await pass(126);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['TargetDown', down(40_000)],
    ['TryLater', new TryLater('busy', { retryAfterMs: 40_000 })],
  ])('is left alone for as long as it asks when it is probed (%s)', async (_, error) => {
    failure = error;
    gate.close(down(), false);
    await pass(250 + 40_000 * 3);
    expect(waits()).toEqual([40_000, 40_000, 40_000]);
  });

  it('is asked again within the hour, whatever it asks for', async () => {
    failure = down(1e12);
    gate.close(down(), false);
    await pass(250 + HOUR_MS);
    expect(waits()).toEqual([HOUR_MS]);
  });

  it('says it again every hour while it lasts, and at once when a person must act', async () => {
    failure = down();
    gate.close(failure, false);
    await pass(1.5 * HOUR_MS);
    expect(lines).toEqual([DOES_NOT, DOES_NOT]);
    failure = fatal;
    await pass(20_000);
    failure = down();
    await pass(20_000);
    failure = fatal;
    await pass(20_000);
    expect(lines).toEqual([DOES_NOT, DOES_NOT, CANNOT]);
  });

  it('does not fill the log where it comes and goes', async () => {
    for (let time = 0; time < 240; time++) {
      gate.close(down(), false);
      await pass(250);
      gate.passed(true);
    }
    expect(lines).toEqual([DOES_NOT, ANSWERS]);
    gate.close(down(), false);
    await pass(250);
    gate.passed(true);
    expect(lines).toEqual([DOES_NOT, ANSWERS, DOES_NOT, ANSWERS]);
  });

  it('is not waited for by a process that ends', async () => {
    failure = down();
    gate.close(failure, false);
    const passage = gate.passage(200);
    gate.end();
    await passage;
    gate.close(failure, false);
    await pass(60_000);
    expect(asked).toEqual([]);
  });
});

describe('a target that answers and takes no write', () => {
  beforeEach(open);

  it.each([
    ['down', down(), false, DOES_NOT],
    ['not ours to write', fatal, true, CANNOT],
  ])('is tried at growing waits and told of once: %s', async (_, error, isFatal, line) => {
    const times = await refuseWrites(12, error, isFatal);
    const gaps = times.slice(1).map((at, index) => at - times[index]!);
    for (const [index, gap] of gaps.entries())
      expect(gap).toBeGreaterThanOrEqual(Math.min(250 * 2 ** index, 15_000) / 2);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(15_002);
    expect(lines).toEqual([line]);
    await pass(15_000);
    expect(lines).toEqual([line]);
    gate.passed(true);
    expect(lines).toEqual([line, ANSWERS]);
    const [first, second] = (await refuseWrites(2, error, isFatal)) as [number, number];
    expect(second - first).toBeLessThanOrEqual(252);
  });

  it('is not taken to be well again because of what needs no write', async () => {
    await refuseWrites(12, fatal, true);
    await pass(15_000);
    gate.passed(false);
    expect(await gate.passage(200)).toBe(200);
    expect(lines).toEqual([CANNOT]);
    const [first, second] = (await refuseWrites(2, fatal, true)) as [number, number];
    expect(second - first).toBeGreaterThanOrEqual(7500);
  });
});

describe('a target that puts entities off', () => {
  beforeEach(open);
  const busy = new TryLater('busy');
  const putOff = (times: number, askedMs?: number) => {
    for (let time = 0; time < times; time++) gate.refused(busy, askedMs);
  };

  it('is overloaded when it has put off twenty and taken none between them', () => {
    putOff(19);
    gate.passed(true);
    putOff(19);
    expect(gate.isOpen).toBe(true);
    gate.passed(false);
    putOff(1);
    expect(gate.isOpen).toBe(false);
    expect(gate.status()).toEqual({ state: 'paused', detail: 'busy' });
  });

  it('is left alone for as long as it asks, else longer with every storm until it has taken one', async () => {
    putOff(20, 40_000);
    await pass(39_999);
    expect(gate.isOpen).toBe(false);
    await pass(1);
    expect(gate.isOpen).toBe(true);
    for (const longest of [500, 1000, 2000]) {
      putOff(20);
      await pass(longest / 2 - 1);
      expect(gate.isOpen).toBe(false);
      await pass(longest / 2 + 1);
      expect(gate.isOpen).toBe(true);
    }
    gate.passed(true);
    putOff(20);
    await pass(250);
    expect(gate.isOpen).toBe(true);
  });
});
