import type { Cause } from '@myelin/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Write } from '../ingest/decide.js';
import type { TaskDraft, TaskKind } from './draft.js';

/** What statements are run by. */
export type Querying = Pick<EntityManager, 'query'>;

/** Opens the tasks that writes leave, and ends those of the same subjects that have become needless. */
export async function saveTasks(
  runner: Querying,
  writes: readonly Pick<Write, 'tasks' | 'subjects'>[],
  { correlationId }: Cause,
): Promise<void> {
  const drafts = writes.flatMap(({ tasks }) => tasks);
  const subjects = writes.flatMap((one) => one.subjects);
  if (drafts.length > 0) {
    await runner.query(
      `insert into task (id, kind, subject, key, others, detail, correlation_id)
       select id, kind, subject, key, others, detail, $2
         from jsonb_to_recordset($1::jsonb) as draft (id uuid, kind text, subject uuid, key text, others uuid[], detail jsonb)
       on conflict (subject, kind, key) where status = 'open' do update set others = excluded.others, detail = excluded.detail`,
      [JSON.stringify(drafts.map((draft) => ({ id: uuidv7(), ...draft }))), correlationId],
    );
  }
  if (subjects.length === 0) return;
  await runner.query(
    `update task set status = 'obsolete', closed_at = now()
      where status = 'open' and subject = any($1::uuid[])
        and not exists (select from jsonb_to_recordset($2::jsonb) as draft (kind text, subject uuid, key text)
                         where draft.subject = task.subject and draft.kind = task.kind and draft.key = task.key)`,
    [subjects, JSON.stringify(drafts.map(({ kind, subject, key }) => ({ kind, subject, key })))],
  );
}

export const TASK_STATUSES = ['open', 'done', 'obsolete'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** Something that a person must decide, or has decided. */
export interface Task extends TaskDraft {
  readonly id: string;
  readonly status: TaskStatus;
  readonly assignee: string | null;
  readonly openedAt: Date;
  readonly closedAt: Date | null;
  readonly closedBy: string | null;
  readonly reason: string | null;
}

/** Which tasks to list. */
export interface TaskFilter {
  readonly status: TaskStatus;
  readonly kind?: TaskKind;
  /** The record concerned. */
  readonly record?: string;
  /** Null: those of nobody. */
  readonly assignee?: string | null;
}

const COLUMNS = `id, kind, subject, key, others, detail, status, assignee, opened_at as "openedAt", closed_at as "closedAt",
  closed_by as "closedBy", reason`;

/** Tasks in the order in which they were opened (by their ids), after one of them. */
export async function listTasks(
  dataSource: DataSource,
  { status, kind, record, assignee }: TaskFilter,
  after: string | null,
  limit: number,
): Promise<Task[]> {
  return (await dataSource.query(
    `select ${COLUMNS} from task
      where status = $1 and ($2::text is null or kind = $2) and ($3::uuid is null or subject = $3 or $3 = any(others))
        and (not $4 or assignee is not distinct from $5) and ($6::uuid is null or id > $6)
      order by id limit $7`,
    [status, kind ?? null, record ?? null, assignee !== undefined, assignee ?? null, after, limit],
  )) as Task[];
}

/** How many tasks of each kind are open. */
export async function countTasks(dataSource: DataSource): Promise<Record<string, number>> {
  const rows = (await dataSource.query(
    `select kind, count(*)::integer as count from task where status = 'open' group by kind`,
  )) as { kind: string; count: number }[];
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
}

export async function findTask(runner: Querying, id: string, lock: '' | 'for update' = ''): Promise<Task | undefined> {
  const [task] = (await runner.query(`select ${COLUMNS} from task where id = $1 ${lock}`, [id])) as Task[];
  return task;
}

/** Gives an open task to somebody, or to nobody, unless somebody else has it; false then. */
export async function assign(runner: Querying, id: string, author: string, to: string | null): Promise<boolean> {
  const [, count] = (await runner.query(
    `update task set assignee = $3 where id = $1 and status = 'open' and (assignee is null or assignee = $2)`,
    [id, author, to],
  )) as [unknown, number];
  return count > 0;
}

/** Ends a task by a decision. */
export const closeTask = (runner: Querying, id: string, author: string, reason: string): Promise<unknown> =>
  runner.query(`update task set status = 'done', closed_at = now(), closed_by = $2, reason = $3 where id = $1`, [
    id,
    author,
    reason,
  ]);

export interface TaskComment {
  readonly author: string;
  readonly text: string;
  readonly at: Date;
}

export const addComment = (dataSource: DataSource, id: string, author: string, text: string): Promise<unknown> =>
  dataSource.query(`insert into task_comment (task_id, author, text) values ($1, $2, $3)`, [id, author, text]);

export async function commentsOn(dataSource: DataSource, id: string): Promise<TaskComment[]> {
  return (await dataSource.query(`select author, text, at from task_comment where task_id = $1 order by n`, [
    id,
  ])) as TaskComment[];
}
