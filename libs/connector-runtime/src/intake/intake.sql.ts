import type { Entity } from '@myelin/contracts';
import type { Unreadable } from '@myelin/messaging';
import { kept } from '@myelin/platform';
import type { EntityManager } from 'typeorm';

/** A master state as it arrived. */
export interface Arrival {
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  /** JSON text of the state; null for a tombstone. */
  readonly json: string | null;
  /** The names by which others may refer to it: `scheme:value`. */
  readonly keys: readonly string[];
  readonly correlationId: string | undefined;
  /** Transaction time of the state in its referential, RFC 3339, where it says one. */
  readonly changedAt: string | null;
  /** Nothing may be kept of the record any more: it is gone, or erased. */
  readonly isOver: boolean;
}

/** Keeps the states that are newer than those known, and answers their ids; the rest changes nothing. */
export async function saveStates(
  manager: EntityManager,
  entity: Entity,
  arrivals: readonly Arrival[],
): Promise<Set<string>> {
  const rows = arrivals.map(
    ({ id, epoch, revision, json, correlationId, changedAt }) =>
      `{"id":"${id}","epoch":${epoch},"revision":${revision},"state":${json ?? 'null'},"changed_at":${JSON.stringify(changedAt)},` +
      `"correlation_id":${JSON.stringify(correlationId ?? null)}}`,
  );
  const saved = (await manager.query(
    kept(
      `insert into state (entity, id, epoch, revision, state, correlation_id, changed_at, received_at)
     select $1, id, epoch, revision, nullif(state, 'null'::jsonb), correlation_id, changed_at, now()
       from jsonb_to_recordset($2::jsonb) as arrival (id uuid, epoch integer, revision integer, state jsonb, correlation_id text, changed_at timestamptz)
     on conflict (entity, id) do update
       set epoch = excluded.epoch, revision = excluded.revision, state = excluded.state,
           correlation_id = excluded.correlation_id, changed_at = excluded.changed_at, received_at = excluded.received_at
       where (state.epoch, state.revision) < (excluded.epoch, excluded.revision)
     returning id`,
      arrivals.length,
    ),
    [entity, `[${rows.join(',')}]`],
  )) as { id: string }[];
  return new Set(saved.map(({ id }) => id));
}

/** Replaces the names by which these entities are referred to; one that is gone keeps those by which others name it. */
export async function saveKeys(manager: EntityManager, entity: Entity, arrivals: readonly Arrival[]): Promise<void> {
  const pairs = arrivals.flatMap(({ id, keys }) => keys.map((key) => ({ id, key })));
  await manager.query(
    kept(
      `delete from state_key k using unnest($2::uuid[], $5::boolean[]) as arrived (id, gone)
      where k.entity = $1 and k.id = arrived.id
        and not exists (select from unnest($3::uuid[], $4::text[]) as kept (id, key) where kept.id = k.id and kept.key = k.key)
        -- Who names it finds by its name that it will not arrive.
        and not (gone and (exists (select from reference_use u where u.used_entity = k.entity and u.used_id = k.id)
                           or exists (select from ledger l where l.waits_for && array[k.entity || '|' || k.key])))`,
      arrivals.length,
    ),
    [
      entity,
      arrivals.map(({ id }) => id),
      pairs.map(({ id }) => id),
      pairs.map(({ key }) => key),
      arrivals.map(({ json }) => json === null),
    ],
  );
  await manager.query(
    kept(
      `insert into state_key (entity, key, id)
     select distinct on (key) $1, key, id from unnest($2::uuid[], $3::text[]) as named (id, key)
     on conflict (entity, key) do update set id = excluded.id
       -- Partitions are read at different speeds: who took the name later keeps it.
       where state_key.id <> excluded.id
         and not exists (select from state holder join state newcomer on newcomer.entity = holder.entity
                          where holder.entity = $1 and holder.id = state_key.id and newcomer.id = excluded.id
                            and holder.changed_at > newcomer.changed_at)`,
      pairs.length,
    ),
    [entity, pairs.map(({ id }) => id), pairs.map(({ key }) => key)],
  );
}

/** Makes entities due now: what was parked, held back or waits for a retry begins anew. */
export async function markDue(
  manager: EntityManager,
  entity: Entity,
  priority: number,
  changed: readonly { readonly id: string; readonly changedAt: string | null }[],
): Promise<void> {
  await manager.query(
    kept(
      `insert into ledger (entity, id, priority, status, cause, due_at, pending_since)
     select $1, id, $2, 'due', 'change', now(), coalesce(changed_at, now()) from unnest($3::uuid[], $4::timestamptz[]) as changed (id, changed_at) order by id
     on conflict (entity, id) do update
       set mark = ledger.mark + 1, priority = excluded.priority, cause = 'change', permit = null,
           -- The target has asked to wait with this entity: a newer state does not shorten that.
           due_at = case when ledger.status = 'due' and ledger.error is not null then greatest(ledger.due_at, now()) else now() end,
           attempts = case when ledger.status = 'due' then ledger.attempts else 0 end,
           pending_since = coalesce(ledger.pending_since, excluded.pending_since)`,
      changed.length,
    ),
    [entity, priority, changed.map(({ id }) => id), changed.map(({ changedAt }) => changedAt)],
  );
}

/** Keeps messages that cannot be read, with the reason; a message delivered twice is kept once. */
export async function keepAside(manager: EntityManager, messages: readonly Unreadable[]): Promise<void> {
  for (const { topic, partition, offset, key, reason, bytes } of messages) {
    await manager.query(
      `insert into aside (topic, partition, kafka_offset, key, reason, bytes, kept_at) values ($1, $2, $3, $4, $5, $6, now())
       on conflict do nothing`,
      [topic, partition, offset, key?.replaceAll('\0', '') ?? null, reason, bytes],
    );
  }
}
