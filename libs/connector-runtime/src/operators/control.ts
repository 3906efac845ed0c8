import { Inject, Injectable } from '@nestjs/common';
import { LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { operate } from './operation.sql.js';
import type { Observation } from './populations.js';
import { Wakeup } from '../work/wakeup.js';

/** Who asks for something, and why: kept with what was done. */
export interface Order {
  readonly author: string;
  readonly reason?: string | undefined;
}

/** A time in which nothing is written, Europe/Paris, every week or once. */
export type Maintenance =
  /** From a minute of some days (1 = Monday) to another: `{"days":[7],"from":"22:00","to":"02:00"}` lasts into Monday. */
  | { readonly days: readonly number[]; readonly from: string; readonly to: string }
  /** From one instant to another, RFC 3339. */
  | { readonly starts: string; readonly ends: string };

/** What operators have switched. */
export interface ControlState extends Observation {
  readonly enabled: boolean;
  readonly pause: {
    readonly author: string;
    readonly reason?: string;
    readonly at: string;
    readonly until?: string;
  } | null;
  readonly maintenance: readonly Maintenance[];
  /** Jobs that have been paused or cancelled and still have entities in the ledger. */
  readonly stoppedJobs: readonly string[];
}

const REFRESH_MS = 500;

/** What operators have switched, as the workers see it: known to every instance within half a second. */
@Injectable()
export class Control {
  private known: ControlState | undefined;
  private readAt = -Infinity;
  private asked = 0;
  private reading: Promise<ControlState> | undefined;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The state, at most half a second old. */
  async state(): Promise<ControlState> {
    if (this.known && performance.now() - this.readAt < REFRESH_MS) return this.known;
    if (!this.reading) {
      const reading = this.read().finally(() => this.reading === reading && (this.reading = undefined));
      this.reading = reading;
    }
    return this.reading;
  }

  /** The state as it was read last; asks for a newer one in the background. */
  get latest(): ControlState | undefined {
    if (performance.now() - this.readAt >= REFRESH_MS) void this.state().catch(() => undefined);
    return this.known;
  }

  /** Why nothing is written now; undefined when work may flow. */
  blocked(state: ControlState, now = new Date()): 'disabled' | 'paused' | 'maintenance' | undefined {
    if (!state.enabled) return 'disabled';
    if (state.pause && (state.pause.until === undefined || now < new Date(state.pause.until))) return 'paused';
    if (state.maintenance.some((window) => isWithin(window, now))) return 'maintenance';
    return undefined;
  }

  /** Switches something, and keeps who did it and why. */
  async change(order: Order, changes: Partial<Omit<ControlState, 'stoppedJobs'>>): Promise<ControlState> {
    await this.dataSource.transaction(async (manager) => {
      const entries = Object.entries(changes);
      const sets = entries.map(([name], index) => `${name} = $${index + 1}`);
      const values = entries.map(([, value]) => (typeof value === 'boolean' ? value : JSON.stringify(value)));
      await manager.query(`update control set ${sets.join(', ')}`, values);
      await operate(manager, 'control', order, changes);
    });
    this.logger.info({ changes: Object.keys(changes) }, 'switched by an operator');
    // A reading that began before knows nothing of it.
    this.reading = undefined;
    this.readAt = -Infinity;
    const state = await this.state();
    this.wakeup.workers();
    // What was only noted becomes work as soon as writing is allowed.
    this.wakeup.jobs.wake();
    return state;
  }

  private async read(): Promise<ControlState> {
    const asked = ++this.asked;
    const [row] = (await this.dataSource.query(
      `select enabled, observe, populations, pause, maintenance,
              array(select id from job where status in ('paused', 'cancelled', 'failed')
                       and (ended_at is null or ended_at > now() - interval '1 minute')) as "stoppedJobs"
         from control`,
    )) as ControlState[];
    if (asked === this.asked) {
      this.readAt = performance.now();
      this.known = row!;
    }
    return row!;
  }
}

/** How the switches of a connector stand when its database is created. */
export type StartAs = 'write' | 'observe' | 'disabled';

/** Turns the switches of a connector that has taken nothing in and that nobody has switched. */
export async function startAs(dataSource: DataSource, start: StartAs): Promise<void> {
  if (start === 'write') return;
  const changes = start === 'observe' ? { observe: true } : { enabled: false };
  await dataSource.transaction(async (manager) => {
    const [, turned] = (await manager.query(
      `update control set observe = coalesce($1, observe), enabled = coalesce($2, enabled)
        where not exists (select from state) and not exists (select from operation)`,
      [changes.observe ?? null, changes.enabled ?? null],
    )) as [unknown, number];
    if (turned > 0) await operate(manager, 'control', { author: 'myelin', reason: `START_AS=${start}` }, changes);
  });
}

const PARIS = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/Paris',
  weekday: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const WEEK = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Whether an instant lies within hours (`HH:MM` to `HH:MM`, over midnight when the second is not later) of some days in Europe/Paris. */
export function isWithinHours(
  { days, from, to }: { days?: readonly number[]; from: string; to: string },
  now: Date,
): boolean {
  const parts = Object.fromEntries(PARIS.formatToParts(now).map(({ type, value }) => [type, value]));
  const day = WEEK.indexOf(parts.weekday ?? '') + 1;
  const time = `${parts.hour}:${parts.minute}`;
  const on = (weekday: number) => days === undefined || days.includes(weekday);
  if (from < to) return on(day) && time >= from && time < to;
  const yesterday = day === 1 ? 7 : day - 1;
  return (on(day) && time >= from) || (on(yesterday) && time < to);
}

const isWithin = (window: Maintenance, now: Date) =>
  'days' in window ? isWithinHours(window, now) : now >= new Date(window.starts) && now < new Date(window.ends);
