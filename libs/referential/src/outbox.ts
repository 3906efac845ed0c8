import type { Cause, EventKind, Status } from '@myelin/contracts';
import type { Outbox, OutboxRow, PublishedState } from '@myelin/messaging';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { shortName } from './record/number.js';
import { isMasterId } from './request.js';

interface DirtyRow {
  id: string;
  revision: number;
  epoch: number;
  incarnation: string | null;
  kind: EventKind;
  /** Null, as are survivor and state, where there is no record. */
  status: Status | null;
  survivor: string | null;
  /** 64 bits: text. */
  number: string | null;
  state: string | null;
  cause: Partial<Cause>;
  time: Date;
}

/** Advisory lock that the relaying process holds for as long as its session lives. */
const LEADER_LOCK = `hashtext('myelin relay')`;

/** The set of dirty entities of a referential, as the relay sees it; `letter` begins the short names of its records. */
export function createOutbox(dataSource: DataSource, url: string, letter: string): Outbox {
  return {
    async lead() {
      const client = new pg.Client({
        connectionString: url,
        application_name: 'myelin-relay',
        query_timeout: 2000,
        keepAlive: true,
      });
      const lost = new Promise<void>((resolve) => {
        // A session that the server ends tells two errors; one that nobody hears would end the process.
        client.on('error', () => resolve());
        client.once('end', () => resolve());
      });
      const release = () => client.end().catch(() => undefined);
      try {
        await client.connect();
        const { rows } = await client.query<{ leads: boolean }>(`select pg_try_advisory_lock(${LEADER_LOCK}) as leads`);
        if (rows[0]?.leads) {
          const held = () =>
            client.query('select 1').then(
              () => true,
              () => false,
            );
          return { lost, held, release };
        }
      } catch (error) {
        await release();
        throw error;
      }
      await release();
      return null;
    },

    async read(after, limit) {
      const rows = (await dataSource.query(
        // A row without a record is the end of something that stands on the topic only.
        `select o.entity_id as id, coalesce(r.revision, o.revision) as revision, epoch, incarnation, o.kind, r.status, r.survivor, r.number,
                r.state::text as state, o.cause, coalesce(r.updated_at, o.changed_at) as time
           from referential
                cross join (select * from outbox where $1::uuid is null or entity_id > $1 order by entity_id limit $2) as o
                -- Looked up one by one: to merge a few dirty rows with all records costs more the more records there are.
                left join lateral (select * from record where id = o.entity_id limit 1) as r on true
          order by o.entity_id`,
        [after, limit],
      )) as DirtyRow[];
      return rows.map((row) => event(row, letter));
    },

    async done(rows, { epoch, incarnation, ends }) {
      await dataSource.query(
        // Whoever raises the epoch or renews the incarnation waits for this row, or makes this statement do nothing.
        `with reached as (
           update referential
              set ends = (select array_agg(greatest(was, now) order by n)
                            from unnest(ends, $5::bigint[]) with ordinality as partitions (was, now, n))
            where epoch = $3 and incarnation = $4 returning 1)
         delete from outbox o using reached, unnest($1::uuid[], $2::integer[]) as sent (id, revision)
          where o.entity_id = sent.id and o.revision <= sent.revision`,
        [rows.map(({ id }) => id), rows.map(({ revision }) => revision), epoch, incarnation, ends.map(String)],
      );
    },

    async publication() {
      const [row] = (await dataSource.query('select epoch, incarnation, ends from referential')) as {
        epoch: number;
        incarnation: string | null;
        ends: string[];
      }[];
      if (!row) throw new Error('table referential is empty: the database is damaged');
      return { ...row, ends: row.ends.map(BigInt) };
    },

    async renew(previous, next) {
      await dataSource.query(
        `update referential set incarnation = $2, ends = '{}', topic_lost_at = case when $1::uuid is null then topic_lost_at else date_trunc('milliseconds', now()) end
          where incarnation is not distinct from $1`,
        [previous, next],
      );
    },

    async findUnknown(states) {
      const [unknown] = (await dataSource.query(
        // The time tells two histories apart that have counted equally far.
        `select s.id, s.epoch, s.revision, s.time from jsonb_to_recordset($1::jsonb) as s (id uuid, epoch integer, revision integer, time text)
          where not exists (select from revision r where r.record_id = s.id and r.revision = s.revision and r.at = s.time::timestamptz)
          limit 1`,
        [JSON.stringify(states.filter(({ id }) => isMasterId(id)))],
      )) as PublishedState[];
      return unknown ?? null;
    },

    async depth() {
      const [row] = (await dataSource.query(
        `select count(*)::integer as rows, coalesce(extract(epoch from now() - min(changed_at)), 0)::float8 as "oldestSeconds"
           from (select changed_at from outbox limit 10000) as dirty`,
      )) as { rows: number; oldestSeconds: number }[];
      return row ?? { rows: 0, oldestSeconds: 0 };
    },
  };
}

function event(row: DirtyRow, letter: string): OutboxRow {
  const { id, revision, epoch, incarnation, kind, cause, time } = row;
  return {
    ...{ id, revision, epoch, incarnation, kind },
    value: document(row, letter),
    time: time.toISOString(),
    ...(cause.correlationId ? { correlationId: cause.correlationId } : {}),
    ...(cause.causationId ? { causationId: cause.causationId } : {}),
    ...(cause.origin ? { origin: cause.origin } : {}),
    ...(cause.traceparent ? { traceparent: cause.traceparent } : {}),
  };
}

/** The golden state is spliced in as PostgreSQL prints it: it is never parsed on its way to the topic. */
function document({ id, status, survivor, number, state }: DirtyRow, letter: string): string | null {
  if (state === null) return null;
  const taken = survivor ? `,"survivor":"${survivor}"` : '';
  const master = `{"id":"${id}","status":"${status}"${taken},"number":"${shortName(letter, Number(number))}"`;
  return `${master}${state === '{}' ? '' : ','}${state.slice(1)}`;
}
