import type { Entity } from '@myelin/contracts';
import type { NameRequest } from '@myelin/connector';
import { kept } from '@myelin/platform';
import type { DataSource } from 'typeorm';

/** A name asked for by one entity. */
export interface Naming extends NameRequest {
  readonly id: string;
}

const ATTEMPTS = 10;

/**
 * The names of these entities: the one each already has, else the first free one, allocated now. A name is never given
 * twice, whatever the number of instances, and never given again.
 */
export async function allocateNames(
  dataSource: DataSource,
  entity: Entity,
  wanted: readonly Naming[],
): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (const [owner, name] of await ownedNames(dataSource, entity, wanted)) names.set(owner, name);
    const open = wanted.filter(({ id }) => !names.has(id));
    if (open.length === 0) return names;
    await propose(dataSource, entity, open, attempt);
  }
  throw new Error(`no free ${entity} name was found in ${ATTEMPTS} rounds`);
}

/** The names that these entities already have. */
export async function ownedNames(
  dataSource: DataSource,
  entity: Entity,
  wanted: readonly Naming[],
): Promise<Map<string, string>> {
  if (wanted.length === 0) return new Map();
  const rows = (await dataSource.query(
    // One look into the index per owner, however many names there are: the planner would rather read them all.
    kept(
      `select wanted.id as owner, named.name from unnest($2::uuid[]) as wanted (id)
      cross join lateral (select name from allocated_name a where a.entity = $1 and a.owner = wanted.id limit 1) as named`,
      wanted.length,
    ),
    [entity, wanted.map(({ id }) => id)],
  )) as { owner: string; name: string }[];
  return new Map(rows.map(({ owner, name }) => [owner, name]));
}

/** The names of these entities: the one each already has, else the one that would be tried first. Nothing is allocated. */
export async function supposedNames(
  dataSource: DataSource,
  entity: Entity,
  wanted: readonly Naming[],
): Promise<Map<string, string>> {
  const names = await ownedNames(dataSource, entity, wanted);
  const open = wanted.filter(({ id }) => !names.has(id));
  for (const { id, name } of await candidates(dataSource, entity, open, 0)) names.set(id, name);
  return names;
}

/** One name for each entity to try; numbers that led to a taken name in earlier rounds are skipped. */
async function candidates(dataSource: DataSource, entity: Entity, open: readonly Naming[], skipped: number) {
  const rows = (await dataSource.query(
    `select base, max(number) as last from allocated_name where entity = $1 and base = any($2::text[]) group by base`,
    [entity, [...new Set(open.map(({ base }) => base))]],
  )) as { base: string; last: number }[];
  const last = new Map(rows.map((row) => [row.base, row.last]));
  return open.map(({ id, base, maxLength }) => {
    const number = (last.get(base) ?? 0) + 1 + skipped;
    last.set(base, number);
    return { id, base, number, name: numbered(base, number, maxLength) };
  });
}

/** Tries one name for each entity. */
async function propose(
  dataSource: DataSource,
  entity: Entity,
  open: readonly Naming[],
  skipped: number,
): Promise<void> {
  const proposals = await candidates(dataSource, entity, open, skipped);
  await dataSource.query(
    `insert into allocated_name (entity, name, base, number, owner)
     select $1, name, base, number, id from unnest($2::uuid[], $3::text[], $4::integer[], $5::text[]) as p (id, base, number, name)
      order by name
     on conflict do nothing`,
    [
      entity,
      proposals.map((p) => p.id),
      proposals.map((p) => p.base),
      proposals.map((p) => p.number),
      proposals.map((p) => p.name),
    ],
  );
}

const numbered = (base: string, number: number, maxLength: number) => {
  const suffix = number === 1 ? '' : String(number);
  return base.slice(0, maxLength - suffix.length) + suffix;
};

/** The target says that this name is somebody else's: it is kept as taken, and its owner here will get another. */
export async function surrenderName(
  dataSource: DataSource,
  entity: Entity,
  name: string,
  owner: string,
): Promise<void> {
  await dataSource.query(`update allocated_name set owner = null where entity = $1 and name = $2 and owner = $3`, [
    entity,
    name,
    owner,
  ]);
}
