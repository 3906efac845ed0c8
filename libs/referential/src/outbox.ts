import type { Cause, EventKind, Status } from '@myelin/contracts';
import type { Outbox, OutboxRow } from '@myelin/messaging';
import pg from 'pg';
import type { DataSource } from 'typeorm';

interface DirtyRow {
  id: string;
  revision: number;
  epoch: number;
  kind: EventKind;
  status: Status;
  survivor: string | null;
  state: string;
  cause: Partial<Cause>;
  changed_at: Date;
}

/** Advisory lock that the relaying process holds for as long as its session lives. */
const LEADER_LOCK = `hashtext('myelin relay')`;

/** The set of dirty entities of a referential, as the relay sees it. */
export function createOutbox(dataSource: DataSource, url: string): Outbox {
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
        `select o.entity_id as id, r.revision, epoch, o.kind, r.status, r.survivor, r.state::text as state, o.cause, o.changed_at
           from referential, outbox o join record r on r.id = o.entity_id
          where $1::uuid is null or o.entity_id > $1
          order by o.entity_id limit $2`,
        [after, limit],
      )) as DirtyRow[];
      return rows.map(event);
    },

    async done(rows) {
      await dataSource.query(
        `delete from outbox o using unnest($1::uuid[], $2::integer[]) as sent (id, revision)
          where o.entity_id = sent.id and o.revision = sent.revision`,
        [rows.map(({ id }) => id), rows.map(({ revision }) => revision)],
      );
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

function event(row: DirtyRow): OutboxRow {
  const { cause } = row;
  const survivor = row.survivor ? `,"survivor":"${row.survivor}"` : '';
  return {
    id: row.id,
    revision: row.revision,
    epoch: row.epoch,
    kind: row.kind,
    // The golden state is spliced in as PostgreSQL prints it: it is never parsed on its way to the topic.
    value: `{"id":"${row.id}","status":"${row.status}"${survivor}${row.state === '{}' ? '' : ','}${row.state.slice(1)}`,
    time: row.changed_at.toISOString(),
    ...(cause.correlationId ? { correlationId: cause.correlationId } : {}),
    ...(cause.causationId ? { causationId: cause.causationId } : {}),
    ...(cause.origin ? { origin: cause.origin } : {}),
    ...(cause.traceparent ? { traceparent: cause.traceparent } : {}),
  };
}
