import type { Status } from '@myelin/contracts';
import type { DataSource } from 'typeorm';
import type { MasterRecord } from '../tables.js';

/** What a record is called in lists: an index of the database holds this very expression. */
const NAME = `lower(coalesce(state ->> 'birthName', state ->> 'legalName', state ->> 'longLabel')) collate "C"`;
const COLUMNS = `id, number, revision, status, survivor, state, updated_at as "updatedAt"`;

/** By what lists are sorted: each is an index of its own, with the id to break ties. */
const ORDERS = { id: null, updatedAt: 'updated_at', name: NAME } as const;
export type Sort = keyof typeof ORDERS;
export const SORTS = Object.keys(ORDERS) as Sort[];

/** Which records to list. */
export interface ListFilter {
  readonly status?: Status;
  /** A role that is held now; one of those that the definition names. */
  readonly role?: string;
  /** Beginning of the name, in any case. */
  readonly name?: string;
  readonly updatedSince?: Date;
}

export interface Page {
  readonly sort: Sort;
  /** At most this many records. */
  readonly limit: number;
  /** The last record of the page before. */
  readonly after?: Position;
}

/** A place in a list: the value by which it is sorted, and the id. */
export interface Position {
  readonly value: string | null;
  readonly id: string;
}

/** One page of records, and where it ends. */
export async function listRecords(
  dataSource: DataSource,
  filter: ListFilter,
  { sort, limit, after }: Page,
): Promise<{ records: MasterRecord[]; last: Position | null }> {
  const { conditions, values } = conditionsOf(filter);
  const order = ORDERS[sort];
  const value = (given: unknown) => `$${values.push(given)}`;
  if (after) {
    conditions.push(
      order === null
        ? `id > ${value(after.id)}`
        : `(${order}, id) > (${value(after.value)}::${sort === 'updatedAt' ? 'timestamptz' : 'text'}, ${value(after.id)}::uuid)`,
    );
  }
  const rows = (await dataSource.query(
    `select ${COLUMNS}${order === null ? '' : `, (${order})::text as "sortedBy"`} from record ${where(conditions)}
      order by ${order === null ? '' : `${order}, `}id limit ${value(limit)}`,
    values,
  )) as (MasterRecord & { readonly sortedBy?: string })[];
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return { records: rows, last: last ? { value: last.sortedBy ?? null, id: last.id } : null };
}

/** So many records are counted one by one; above, the planner is asked. */
const COUNTED = 10_000;

/** How many records there are. */
export async function countRecords(
  dataSource: DataSource,
  filter: ListFilter,
): Promise<{ count: number; estimated: boolean }> {
  const { conditions, values } = conditionsOf(filter);
  const [counted] = (await dataSource.query(
    `select count(*)::integer as count from (select from record ${where(conditions)} limit ${COUNTED + 1}) as counted`,
    values,
  )) as { count: number }[];
  const count = counted?.count ?? 0;
  if (count <= COUNTED) return { count, estimated: false };
  const [plan] = (await dataSource.query(`explain (format json) select from record ${where(conditions)}`, values)) as {
    'QUERY PLAN': { Plan: { 'Plan Rows': number } }[];
  }[];
  return { count: Math.max(count, plan?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0), estimated: true };
}

const where = (conditions: readonly string[]) => (conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`);

function conditionsOf({ status, role, name, updatedSince }: ListFilter): { conditions: string[]; values: unknown[] } {
  const conditions: string[] = [];
  const values: unknown[] = [];
  const value = (given: unknown) => `$${values.push(given)}`;
  if (status !== undefined) conditions.push(`status = ${value(status)}`);
  // Word for word the condition of a partial index: the name is one of a closed list.
  if (role !== undefined) conditions.push(`state -> 'roleStates' ->> '${role}' = 'active'`);
  if (name !== undefined) conditions.push(`${NAME} like lower(${value(`${name.replace(/[\\%_]/g, '\\$&')}%`)})`);
  if (updatedSince !== undefined) conditions.push(`updated_at >= ${value(updatedSince)}`);
  return { conditions, values };
}
