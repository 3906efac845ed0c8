import { changedAttributes, type Script, type Sync } from '@myelin/connector';
import type { Entity } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import { readPutBack } from './undo.sql.js';

const CHUNK = 500;

/** A sync that can tell its changes as text. */
export type Scripted = Sync & { readonly script: Script };

/**
 * What a planned undo would do, as one file: what others may refer to is put back first and taken away last. What has changed since it
 * was planned is left out, as the undo would leave it alone.
 */
export async function* scriptOf(
  dataSource: DataSource,
  syncs: readonly Scripted[],
  job: string,
): AsyncGenerator<string> {
  const [first] = syncs;
  if (first) yield first.script.head;
  for (const sync of syncs) yield* changesOf(dataSource, sync, job, false);
  for (const sync of syncs.toReversed()) yield* changesOf(dataSource, sync, job, true);
}

async function* changesOf(
  dataSource: DataSource,
  { entity, script }: { readonly entity: Entity; readonly script: Script },
  job: string,
  deletes: boolean,
): AsyncGenerator<string> {
  let after: string | null = null;
  do {
    const chunk = await readPutBack(dataSource, { job, entity, deletes, after, limit: CHUNK });
    for (const { isAsPlanned, ...one } of chunk) {
      const changed = changedAttributes(one.before, one.after);
      if (isAsPlanned) yield script.of({ ...one, changed, etag: undefined, name: undefined, correlationId: undefined });
    }
    after = chunk.length < CHUNK ? null : chunk.at(-1)!.id;
  } while (after !== null);
}
