import { createHash, randomUUID } from 'node:crypto';
import type { Entity } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import {
  canonical,
  overlap,
  type Apart,
  type FindingCount,
  type Item,
  type Job,
  type JobRequest,
  type Stranger,
} from './job.js';
import { operate } from '../operators/operation.sql.js';
import { WRITTEN_AS } from '../operators/populations.js';
import { NOTED } from '../work/wake.sql.js';

const COLUMNS = `id, kind, mode, scope, status, automatic, plan, undoes, author, reason, rate, hours, drift_percent as "driftPercent", override,
  cursor_entity as "cursorEntity", cursor_id as "cursorId", scanned, total, plan_hash as "planHash", apart, samples, findings, paused_from as "pausedFrom", failure,
  requested_at as "requestedAt", planned_at as "plannedAt", started_at as "startedAt", ended_at as "endedAt"`;

/** A job on the same scope is under way. */
export class JobConflict extends Error {
  constructor(
    readonly job: string,
    message: string,
  ) {
    super(message);
    this.name = 'JobConflict';
  }
}

/**
 * Creates a job, or answers the one that was created under the same idempotency key.
 * @throws JobConflict when the key was used for something else, or a job that may write covers the same scope.
 */
export async function createJob(
  dataSource: DataSource,
  request: JobRequest,
  entities: readonly Entity[],
): Promise<{ job: Job; isNew: boolean }> {
  return dataSource.transaction(async (manager) => {
    await manager.query(`select pg_advisory_xact_lock(hashtext('myelin jobs'))`);
    const { idempotencyKey, scope, mode } = request;
    const [same] = (await manager.query(`select ${COLUMNS} from job where idempotency_key = $1`, [
      idempotencyKey ?? null,
    ])) as Job[];
    if (same) {
      if (canonical(same.scope) === canonical(scope) && same.mode === mode && same.automatic === request.automatic)
        return { job: same, isNew: false };
      throw new JobConflict(same.id, 'this Idempotency-Key was used for another request');
    }
    if (request.automatic) {
      const active = (await manager.query(
        `select ${COLUMNS} from job where ended_at is null and automatic and status in ('planning', 'running', 'paused')`,
      )) as Job[];
      const other = active.find((one) => overlap(one.scope, scope, entities));
      if (other) throw new JobConflict(other.id, `job ${other.id} covers this scope and is ${other.status}`);
    }
    const [rows] = (await manager
      .query(
        `insert into job (id, kind, mode, scope, status, automatic, plan, idempotency_key, author, reason, rate, hours, drift_percent, override, undoes)
       values ($1, $2, $3, $4, 'planning', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning ${COLUMNS}`,
        [
          randomUUID(),
          request.kind,
          mode,
          JSON.stringify(scope),
          request.automatic,
          request.plan ?? null,
          idempotencyKey ?? null,
          request.author,
          request.reason ?? null,
          request.rate ?? null,
          request.hours ? JSON.stringify(request.hours) : null,
          request.driftPercent ?? 5,
          request.override ? JSON.stringify(request.override) : null,
          request.undoes ?? null,
        ],
      )
      .then((answer: unknown) => [answer])) as [Job[]];
    const job = rows[0] as Job;
    await operate(manager, `${request.kind} requested`, request, { job: job.id, mode, scope });
    return { job, isNew: true };
  });
}

export async function findJob(dataSource: DataSource, id: string): Promise<Job | undefined> {
  const [job] = (await dataSource.query(`select ${COLUMNS} from job where id = $1`, [id])) as Job[];
  return job;
}

/** Jobs, the newest first; `before`: requested before that job. */
export async function listJobs(dataSource: DataSource, limit: number): Promise<Job[]> {
  return (await dataSource.query(`select ${COLUMNS} from job order by requested_at desc, id limit $1`, [
    limit,
  ])) as Job[];
}

/** Whether a moved entity or a job waits for somebody: asked every second, so it costs one look into two small indexes. */
export async function workToDo(
  dataSource: DataSource,
  entities: readonly Entity[],
): Promise<{ ripples: boolean; observed: boolean; jobs: boolean }> {
  const [found] = (await dataSource.query(
    `select exists (select from ripple) as ripples,
            case when not c.observe then exists (select from ledger where ${NOTED})
                 else c.populations <> '[]' and exists (select from ledger where ${NOTED} and observed_as && ${WRITTEN_AS}) end as observed,
            exists (select from job where ended_at is null and status in ('planning', 'running', 'cancelled')) as jobs
       from control c`,
    [entities],
  )) as { ripples: boolean; observed: boolean; jobs: boolean }[];
  return found!;
}

/**
 * Takes the jobs that have something to be done for them, for a while; nobody else works on them meanwhile. Mapping under a version
 * is for those who have it: `versions`, by entity.
 */
export async function leaseJobs(
  dataSource: DataSource,
  worker: string,
  leaseMs: number,
  versions: Readonly<Record<string, string>>,
): Promise<Job[]> {
  const [jobs] = (await dataSource.query(
    `update job set leased_by = $1, leased_until = now() + make_interval(secs => $2 / 1000.0)
      where ended_at is null and status in ('planning', 'running', 'cancelled')
        and (leased_by = $1 or leased_until is null or leased_until < now())
        and (kind <> 'remap' or status = 'cancelled'
             or exists (select from projection p where scope->'entities' ? p.entity and p.next = $3::jsonb->>p.entity))
     returning ${COLUMNS}`,
    [worker, leaseMs, JSON.stringify(versions)],
  )) as [Job[], number];
  return jobs.sort((a, b) => a.requestedAt.getTime() - b.requestedAt.getTime());
}

/** Keeps what one step of planning has found; false when the job has been stopped meanwhile. */
export async function savePlanned(
  dataSource: DataSource,
  job: string,
  step: {
    cursorEntity: Entity;
    cursorId: string;
    scanned: number;
    items: readonly Item[];
    strangers: readonly Stranger[];
  },
): Promise<boolean> {
  return dataSource.transaction(async (manager) => {
    const [, moved] = (await manager.query(
      `update job set cursor_entity = $2, cursor_id = $3, scanned = scanned + $4 where id = $1 and status = 'planning'`,
      [job, step.cursorEntity, step.cursorId, step.scanned],
    )) as [unknown, number];
    if (moved === 0) return false;
    if (step.items.length > 0) {
      await manager.query(
        `insert into job_item (job, entity, id, action, changed, finding, target_id)
         select $1, entity, id, action, changed, finding, "targetId"
           from jsonb_to_recordset($2::jsonb) as item (entity text, id uuid, action text, changed text[], finding text, "targetId" text)
         on conflict do nothing`,
        [job, JSON.stringify(step.items)],
      );
    }
    if (step.strangers.length > 0) {
      await manager.query(
        `insert into job_stranger (job, entity, target_id, id, finding, candidates)
         select $1, entity, "targetId", id, finding, candidates
           from jsonb_to_recordset($2::jsonb) as stranger (entity text, "targetId" text, id uuid, finding text, candidates uuid[])
         on conflict do nothing`,
        [job, JSON.stringify(step.strangers)],
      );
    }
    return true;
  });
}

/** How many entities need which action. */
export async function planned(
  dataSource: DataSource,
  job: string,
): Promise<{ entity: Entity; action: string; count: number }[]> {
  return (await dataSource.query(
    `select entity, action, sum(count)::integer as count from job_tally where job = $1 group by entity, action order by 1, 2`,
    [job],
  )) as { entity: Entity; action: string; count: number }[];
}

/** What became of its entities so far; `open` for those that are not done. */
export async function outcomes(dataSource: DataSource, job: string): Promise<Record<string, number>> {
  const rows = (await dataSource.query(
    `select outcome, sum(count)::integer as count from job_tally where job = $1 group by outcome having sum(count) > 0`,
    [job],
  )) as { outcome: string; count: number }[];
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
}

/** Entities done per second over the last half minute. */
export async function recentRate(dataSource: DataSource, job: string): Promise<number> {
  const [row] = (await dataSource.query(
    `select count(*) / greatest(1, least(30, extract(epoch from now() - min(j.started_at))))::float8 as rate
       from job j left join job_item i on i.job = j.id and i.ended_at > now() - interval '30 seconds' where j.id = $1`,
    [job],
  )) as { rate: number }[];
  return row?.rate ?? 0;
}

/** Samples that a plan shows of each action. */
const SAMPLES = 5;

/** The hash of a plan, the same for the same entities, actions and changed attributes; and the first entities of each action. */
export async function summarise(dataSource: DataSource, job: string): Promise<{ hash: string; samples: Item[] }> {
  const hash = createHash('sha256');
  const samples = new Map<string, Item[]>();
  let [entity, id] = ['', '00000000-0000-0000-0000-000000000000'];
  for (;;) {
    const items = await readItems(dataSource, job, { entity, id }, 5000);
    for (const item of items) {
      const { entity: kind, id: record, action, changed, targetId } = item;
      hash.update(`${[kind, record, action, changed.join(','), ...(targetId ? [targetId] : [])].join('|')}\n`);
      const known = samples.get(item.action) ?? [];
      if (known.length < SAMPLES) samples.set(item.action, [...known, sampleOf(item)]);
    }
    const last = items.at(-1);
    if (!last) return { hash: hash.digest('hex').slice(0, 32), samples: [...samples.values()].flat() };
    [entity, id] = [last.entity, last.id];
  }
}

const sampleOf = ({ entity, id, action, changed, finding, targetId }: Item): Item => ({
  ...{ entity, id, action, changed, finding },
  ...(targetId && { targetId }),
});

/** Items of a job in the order of entity and id, after one of them. */
export async function readItems(
  dataSource: DataSource,
  job: string,
  after: { entity: string; id: string },
  limit: number,
  filter: { action?: string; outcome?: string; finding?: string } = {},
): Promise<(Item & { outcome: string | null; endedAt: Date | null })[]> {
  return (await dataSource.query(
    `select entity, id, action, changed, finding, target_id as "targetId", shown as outcome, ended_at as "endedAt"
       from job_item i cross join lateral (
              select coalesce(outcome, (select 'cancelled' from job where id = $1 and status = 'cancelled' and ended_at is not null)) as shown) as s
      where job = $1 and (entity, id) > ($2, $3) and ($5::text is null or action = $5) and ($6::text is null or coalesce(shown, 'open') = $6)
        and ($7::text is null or finding = $7)
      order by entity, id limit $4`,
    [job, after.entity, after.id, limit, filter.action ?? null, filter.outcome ?? null, filter.finding ?? null],
  )) as (Item & { outcome: string | null; endedAt: Date | null })[];
}

/** How far a plan is from the one it comes from: entities that only one of them has or that they treat differently, in percent. */
export async function drift(
  dataSource: DataSource,
  job: string,
  approved: string,
): Promise<{ entities: number; percent: number }> {
  const [row] = (await dataSource.query(
    `select count(*) filter (where (n.action, n.changed, n.target_id) is distinct from (o.action, o.changed, o.target_id))::integer as entities,
            greatest(count(n.id), count(o.id), 1)::integer as size
       from (select * from job_item where job = $1) as n full join (select * from job_item where job = $2) as o using (entity, id)`,
    [job, approved],
  )) as { entities: number; size: number }[];
  const { entities, size } = row!;
  return { entities, percent: (100 * entities) / size };
}

/** What is kept of a plan beside its entities. */
export interface Plan {
  readonly hash: string;
  readonly apart: Apart;
  readonly samples: readonly Item[];
  readonly findings: readonly FindingCount[];
}

/** Moves a job on, unless somebody has moved it meanwhile. */
export async function moveJob(
  manager: DataSource | EntityManager,
  id: string,
  from: readonly string[],
  to: { status: string; failure?: string; plan?: Plan; pausedFrom?: string | null },
): Promise<boolean> {
  const [, moved] = (await manager.query(
    `update job set status = $3, failure = coalesce($4, failure), plan_hash = coalesce($5, plan_hash), paused_from = $6,
            apart = coalesce($7, apart), samples = coalesce($8, samples), findings = coalesce($9, findings),
            planned_at = case when $5::text is null then planned_at else now() end,
            started_at = case when $3 = 'running' then coalesce(started_at, now()) else started_at end,
            ended_at = case when $3 in ('done', 'failed', 'refused', 'planned') then now() end
      where id = $1 and status = any($2::text[])`,
    [
      ...[id, from, to.status, to.failure ?? null, to.plan?.hash ?? null, to.pausedFrom ?? null],
      ...[to.plan ? JSON.stringify(to.plan.apart) : null, to.plan ? JSON.stringify(to.plan.samples) : null],
      to.plan ? JSON.stringify(to.plan.findings) : null,
    ],
  )) as [unknown, number];
  return moved > 0;
}
