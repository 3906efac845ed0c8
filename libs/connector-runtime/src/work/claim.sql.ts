import type { Row } from '@myelin/connector';
import type { DeliveryCause, Entity, Master } from '@myelin/contracts';
import { kept } from '@myelin/platform';
import type { DataSource } from 'typeorm';
import type { Action } from './decision.js';

/** Added to the priority of whatever may wait while live changes pass. */
export const BULK = 10;

/** SQL: nobody has the ledger row `l`, or whoever had it can no longer change anything for it. */
export const FREE = `(l.claimed_until is null or l.claimed_until < now())`;

/** SQL: the priority of the ledger row `l` when it is made due among many; what is due already keeps its place. */
export const BESIDE_LIVE = `case when l.due_at <= now() then l.priority else l.priority % ${BULK} + ${BULK} end`;

/** SQL: the priority of the ledger row `l` when somebody asks for it alone. */
export const LIVE = `l.priority % ${BULK}`;

/** SQL: causes of what is due for its job only. */
const ORDERED = `('resync', 'remap', 'undo')`;

// Without its job there is nothing to do for the ledger row `l`. What was begun and has no known end is read and finished whatever
// becomes of the job, and a state that the target does not have yet was due before.
const ONLY_FOR_ITS_JOB = `(l.cause in ${ORDERED} and not (l.status = 'due' and (l.verify
  or exists (select from state s where s.entity = l.entity and s.id = l.id and (s.epoch, s.revision) is distinct from (l.epoch, l.revision)))))`;

/** SQL: leaves the ledger row `l`, where `withdrawn` holds, the reasons to be due that it has without its job. */
export const ownReasons = (withdrawn: string) => `
  due_at = case when ${withdrawn} and ${ONLY_FOR_ITS_JOB} then l.due_day::timestamp at time zone 'Europe/Paris' else l.due_at end,
  cause = case when not (${withdrawn}) or l.cause not in ${ORDERED} then l.cause when ${ONLY_FOR_ITS_JOB} then 'date' else 'change' end`;

/** An entity taken for work, with its newest state and what the target last acknowledged. */
export interface Claim {
  readonly entity: Entity;
  readonly id: string;
  /** Changes whenever the entity becomes due again: what is recorded must not hide a newer cause. */
  readonly mark: number;
  readonly attempts: number;
  readonly cause: DeliveryCause;
  /** The target must be read before it is written: its content is not certain. */
  readonly verify: boolean;
  readonly targetId: string | null;
  /** It was adopted and not written yet. */
  readonly adopted: boolean;
  readonly row: Row | null;
  readonly rowHash: string | null;
  readonly etag: string | null;
  readonly suspendedOn: string | null;
  /** `entity|id` of those that its last mapping used. */
  readonly uses: readonly string[] | null;
  /** `epoch.revision` that the target has. */
  readonly acknowledged: string | null;
  readonly job: string | null;
  /** The one action that its job's plan, or an operator, has let past the guards. */
  readonly permit: Action | null;
  readonly ticket: string | null;
  readonly fingerprint: string | null;
  readonly epoch: number;
  readonly revision: number;
  /** Null after a tombstone. */
  readonly state: Master | null;
  readonly correlationId: string | null;
  readonly changedAt: Date | null;
}

type Newest = Pick<Claim, 'entity' | 'id' | 'epoch' | 'revision' | 'state' | 'correlationId' | 'changedAt' | 'row'>;
type Taken = Omit<Claim, Exclude<keyof Newest, 'entity' | 'id'>>;

/**
 * Takes up to `limit` due entities of these priorities, the first ones first, for `leaseMs`. Nobody else gets them
 * meanwhile; an entity whose taker died comes back when its lease has ended, and is then read in the target before it is written.
 */
export async function claim(
  dataSource: DataSource,
  worker: string,
  priorities: readonly number[],
  limit: number,
  leaseMs: number,
): Promise<Claim[]> {
  const [taken] = (await dataSource.query(
    `with due as materialized (
       select l.entity, l.id from unnest($2::integer[]) with ordinality as lane (priority, place)
         cross join lateral (
           select l.entity, l.id from ledger l
            where l.priority = lane.priority and l.due_at <= now() and ${FREE}
            order by l.due_at limit $3 for update skip locked) as l
       order by lane.place limit $3)
     update ledger l
        set claimed_by = $1, claimed_until = now() + make_interval(secs => $4 / 1000.0), verify = l.verify or l.claimed_by is not null
       from due
      where l.entity = due.entity and l.id = due.id
     returning l.entity, l.id, l.mark, l.attempts, l.cause, l.verify, l.target_id as "targetId", l.adopted, l.row_hash as "rowHash", l.etag,
               l.suspended_on::text as "suspendedOn", l.uses, l.epoch || '.' || l.revision as acknowledged, l.job, l.permit, l.ticket,
               l.fingerprint`,
    [worker, priorities, limit, leaseMs],
  )) as [Taken[], number];
  if (taken.length === 0) return [];
  // A statement of its own: within the first one a state that was committed after it began would be missed, and its mark not.
  // The row is nobody else's to write meanwhile.
  const states = (await dataSource.query(
    kept(
      `select entity, id, epoch, revision, state, correlation_id as "correlationId", changed_at as "changedAt", row
       from unnest($1::text[], $2::uuid[]) as taken (entity, id) join state using (entity, id) left join acknowledged_row using (entity, id)`,
      taken.length,
    ),
    [taken.map(({ entity }) => entity), taken.map(({ id }) => id)],
  )) as Newest[];
  const newest = new Map(states.map((state) => [`${state.entity}|${state.id}`, state]));
  return taken.map((one) => ({ ...one, ...(newest.get(`${one.entity}|${one.id}`) as Newest) }));
}
