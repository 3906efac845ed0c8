import type { Entity } from '@myelin/contracts';
import { kept } from '@myelin/platform';
import type { DataSource, EntityManager } from 'typeorm';

/** What a hook last answered for an entity. */
export interface HookAnswer {
  readonly entity: Entity;
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  /** Of the hook's settings. */
  readonly version: string;
  /** What it adds to the extensions of the record. */
  readonly extensions: Readonly<Record<string, unknown>>;
}

/** The last answers for these entities, by `entity|id`. */
export async function readAnswers(
  dataSource: DataSource,
  entities: readonly { readonly entity: Entity; readonly id: string }[],
): Promise<Map<string, HookAnswer>> {
  const answers = (await dataSource.query(
    kept(
      `select entity, id, epoch, revision, version, extensions
       from unnest($1::text[], $2::uuid[]) as asked (entity, id) join hook_answer using (entity, id)`,
      entities.length,
    ),
    [entities.map(({ entity }) => entity), entities.map(({ id }) => id)],
  )) as HookAnswer[];
  return new Map(answers.map((answer) => [`${answer.entity}|${answer.id}`, answer]));
}

/** Keeps answers in the place of earlier ones; that of a state which is no longer the newest, and may have been erased, is not kept. */
export async function keepAnswers(dataSource: DataSource, answers: readonly HookAnswer[]): Promise<void> {
  await dataSource.query(
    kept(
      `insert into hook_answer (entity, id, epoch, revision, version, extensions)
     select r.entity, r.id, r.epoch, r.revision, r.version, r.extensions
       from json_to_recordset($1::json) as r (entity text, id uuid, epoch integer, revision integer, version text, extensions json)
            join state s on (s.entity, s.id, s.epoch, s.revision) = (r.entity, r.id, r.epoch, r.revision)
      -- A state that somebody is writing now is about to become another.
      order by r.entity, r.id for share of s skip locked
     on conflict (entity, id) do update
       set epoch = excluded.epoch, revision = excluded.revision, version = excluded.version, extensions = excluded.extensions, at = now()`,
      answers.length,
    ),
    [JSON.stringify(answers)],
  );
}

/** Forgets the answers for entities of which nothing may be kept. */
export const forgetAnswers = (manager: EntityManager, entity: Entity, ids: readonly string[]): Promise<unknown> =>
  manager.query('delete from hook_answer where entity = $1 and id = any($2::uuid[])', [entity, ids]);

/** Forgets all answers, but those for these kinds of entities. */
export const forgetAllAnswersBut = (dataSource: DataSource, entities: readonly Entity[]): Promise<unknown> =>
  dataSource.query('delete from hook_answer where entity <> all($1::text[])', [entities]);
