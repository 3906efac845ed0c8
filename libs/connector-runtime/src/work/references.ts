import type { Entity, Master } from '@myelin/contracts';
import { kept } from '@myelin/platform';
import type { DataSource } from 'typeorm';

/** A referenced entity as a mapping sees it. */
export interface Resolved {
  readonly entity: Entity;
  readonly id: string;
  /** Null after a tombstone. */
  readonly master: Master | null;
  /** Its id in the target; null when it is not there. */
  readonly targetId: string | null;
  /** `epoch.revision` that the target has; a user mapped before it moved is mapped again. */
  readonly acknowledged: string | null;
  /** It is gone, or the connector has decided that it does not belong in the target. */
  readonly willNotArrive: boolean;
}

interface ReferenceRow {
  named: Entity;
  key: string;
  entity: Entity;
  id: string;
  version: string;
  targetId: string | null;
  acknowledged: string | null;
  willNotArrive: boolean;
}

/** `hub:` and a master id: what looks like it and is none, is the name of nobody. */
export const HUB_KEY = `'^hub:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'`;

/** A few thousand structures are named by hundreds of thousands of persons: their states are parsed once. */
const KEPT = 5000;

/** Finds the entities that others name, with their newest states. */
export class References {
  private readonly masters = new Map<string, Master>();

  constructor(private readonly dataSource: DataSource) {}

  /**
   * What these references stand for, by `entity|scheme:value`; unknown ones are left out. What the job `adoption` will adopt counts as
   * there.
   */
  async resolve(wanted: readonly { entity: Entity; key: string }[], adoption?: string): Promise<Map<string, Resolved>> {
    const distinct = new Map(wanted.map((one) => [`${one.entity}|${one.key}`, one]));
    if (distinct.size === 0) return new Map();
    const rows = await this.find([...distinct.values()], adoption);
    const masters = await this.load(rows);
    return new Map(
      rows.map(({ named, key, entity, id, targetId, acknowledged, willNotArrive }) => {
        const master = masters.get(`${entity}|${id}`) ?? null;
        return [`${named}|${key}`, { entity, id, master, targetId, acknowledged, willNotArrive }];
      }),
    );
  }

  private async find(
    wanted: readonly { entity: Entity; key: string }[],
    adoption: string | undefined,
  ): Promise<ReferenceRow[]> {
    const targetId =
      adoption === undefined
        ? 'l.target_id'
        : `coalesce(l.target_id, (select target_id from job_match m where m.job = $3 and m.entity = s.entity and m.id = s.id and m.fits))`;
    return (await this.dataSource.query(
      kept(
        `select w.entity as named, w.key, s.entity, s.id, s.epoch || '.' || s.revision as version, ${targetId} as "targetId",
              l.epoch || '.' || l.revision as acknowledged, s.state is null or l.status in ('absent', 'skipped') and l.due_at is null as "willNotArrive"
         from unnest($1::text[], $2::text[]) as w (entity, key)
         left join state_key k on k.entity = w.entity and k.key = w.key
         join state s on s.entity = w.entity and s.id = coalesce(k.id, case when w.key ~ ${HUB_KEY} then substring(w.key from 5)::uuid end)
         left join ledger l on l.entity = s.entity and l.id = s.id`,
        // What was claimed grows while it is looked into: no plan is kept for that.
        adoption === undefined ? wanted.length : Infinity,
      ),
      [wanted.map(({ entity }) => entity), wanted.map(({ key }) => key), ...(adoption === undefined ? [] : [adoption])],
    )) as ReferenceRow[];
  }

  /** The states of these entities by `entity|id`; those kept from earlier batches are not read again. */
  private async load(rows: readonly ReferenceRow[]): Promise<Map<string, Master>> {
    const loaded = new Map<string, Master>();
    const unknown: ReferenceRow[] = [];
    for (const row of rows) {
      const master = this.masters.get(`${row.entity}|${row.id}|${row.version}`);
      if (master) loaded.set(`${row.entity}|${row.id}`, master);
      else unknown.push(row);
    }
    if (unknown.length === 0) return loaded;
    const states = (await this.dataSource.query(
      `select s.entity, s.id, s.epoch || '.' || s.revision as version, s.state
         from (select distinct entity, id from unnest($1::text[], $2::uuid[]) as u (entity, id)) as u join state s using (entity, id)
        where s.state is not null`,
      [unknown.map(({ entity }) => entity), unknown.map(({ id }) => id)],
    )) as { entity: Entity; id: string; version: string; state: Master }[];
    for (const { entity, id, version, state } of states) {
      loaded.set(`${entity}|${id}`, state);
      this.keep(`${entity}|${id}|${version}`, state);
    }
    return loaded;
  }

  private keep(name: string, master: Master): void {
    this.masters.set(name, master);
    if (this.masters.size > KEPT) this.masters.delete(this.masters.keys().next().value as string);
  }
}
