import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ENTITIES } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { ConnectorRunner } from './runner.js';
import { AsideMessages, Status, Troubles, type AsideMessage, type Trouble } from './ledger.views.js';

const TROUBLES = ['parked', 'waiting', 'held', 'observed', 'suspended', 'unrepresentable'] as const;
const UUID = /^[0-9a-f-]{36}$/;

const isTrouble = (kind: string | undefined): kind is (typeof TROUBLES)[number] =>
  (TROUBLES as readonly (string | undefined)[]).includes(kind);

/** What an operator asks of a connector: where it stands, and what is in trouble. Field names and states only, no values. */
@ApiTags('connector')
@Controller()
export class LedgerController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ConnectorRunner) private readonly runner: ConnectorRunner,
  ) {}

  @Get('status')
  @ApiOperation({ summary: 'Counts of entities by ledger status, and whether work flows' })
  @ApiResponse({ status: 200, type: Status })
  async status(): Promise<Status> {
    const rows = (await this.dataSource.query(
      `select entity, status, count(*)::integer as count, count(*) filter (where due_at <= now())::integer as due,
              count(*) filter (where unrepresentable is not null)::integer as unrepresentable
         from ledger group by entity, status`,
    )) as { entity: string; status: string; count: number; due: number; unrepresentable: number }[];
    const [aside] = (await this.dataSource.query(`select count(*)::integer as count from aside`)) as {
      count: number;
    }[];
    const entities = Object.fromEntries(
      ENTITIES.map((entity) => {
        const own = rows.filter((row) => row.entity === entity);
        const sum = (field: 'count' | 'due' | 'unrepresentable') => own.reduce((total, row) => total + row[field], 0);
        const byStatus = Object.fromEntries(own.map(({ status, count }) => [status, count]));
        return [entity, { ...byStatus, total: sum('count'), due: sum('due'), unrepresentable: sum('unrepresentable') }];
      }),
    );
    return { connector: this.runner.name, work: this.runner.status(), entities, aside: aside?.count ?? 0 };
  }

  @Get('troubles')
  @ApiOperation({
    summary:
      'Entities that are parked, wait for another, are held by a guard, differ while the connector observes, are suspended, or lost a value that the target cannot hold',
  })
  @ApiQuery({ name: 'kind', enum: [...TROUBLES] })
  @ApiQuery({ name: 'after', required: false, description: 'Id after which the page begins' })
  @ApiResponse({ status: 200, type: Troubles })
  async troubles(@Query('kind') kind?: string, @Query('after') after?: string): Promise<Troubles> {
    if (!isTrouble(kind)) throw new ProblemError('malformed-request', `kind must be one of ${TROUBLES.join(', ')}`);
    if (after !== undefined && !UUID.test(after))
      throw new ProblemError('malformed-request', 'after must be a master id');
    const items = (await this.dataSource.query(
      // Each kind of entity for itself, since the indexes begin with it.
      `select l.entity, id, status, revision, attempts, error, ticket, waits_for as "waitsFor", unrepresentable, held as action, held_changes as changed,
              suspended_on::text as "suspendedOn"
         from unnest($1::text[]) as asked (entity) cross join lateral (
           select * from ledger where entity = asked.entity and ${kind === 'unrepresentable' ? 'unrepresentable is not null' : `status = '${kind}'`}
              and ($2::uuid is null or id > $2) order by id limit 100) as l
        order by id limit 100`,
      [ENTITIES, after ?? null],
    )) as Trouble[];
    return { items, next: items.length === 100 ? (items.at(-1)?.id ?? null) : null };
  }

  @Get('aside')
  @ApiOperation({ summary: 'Messages that could not be read, with the reason; newest first' })
  @ApiResponse({ status: 200, type: AsideMessages })
  async aside(): Promise<AsideMessages> {
    const items = (await this.dataSource.query(
      `select topic, partition, kafka_offset as "offset", key, reason, octet_length(bytes) as bytes, kept_at as "keptAt"
         from aside order by kept_at desc limit 100`,
    )) as AsideMessage[];
    return { items };
  }
}
