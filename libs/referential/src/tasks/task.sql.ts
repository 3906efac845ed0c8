import type { Cause } from '@myelin/contracts';
import type { QueryRunner } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Write } from '../ingest/decide.js';

/** Opens the tasks that writes leave, and ends those of the same subjects that have become needless. */
export async function saveTasks(
  runner: QueryRunner,
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
