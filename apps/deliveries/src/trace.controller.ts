import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';
import { ProblemError, wholeNumber } from '@myelin/platform';
import { DataSource } from 'typeorm';
import {
  carriers,
  deliveriesOf,
  overtakingOf,
  revisionsFor,
  revisionsOf,
  standingsOf,
  type Key,
  type Revision,
} from './trace.sql.js';
import { standingOf, traceOf, unheard } from './trace.js';
import { ChangeTrace, EntityTrace, type RevisionTrace } from './trace.views.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MOST = 100;

/** Where a change is: of one record, or of one request. */
@ApiTags('trace')
@Controller()
export class TraceController {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  @Get('entities/:entity/:id/trace')
  @ApiOperation({
    summary: 'The way of each revision of a record to each target, newest first, and where they stand now',
  })
  @ApiParam({ name: 'entity', enum: ENTITIES })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: MOST, default: 20 } })
  @ApiQuery({ name: 'before', required: false, description: '`next` of the page before' })
  @ApiResponse({ status: 200, type: EntityTrace })
  async entity(
    @Param('entity') name: string,
    @Param('id') text: string,
    @Query('limit') limit?: string,
    @Query('before') before?: string,
  ): Promise<EntityTrace> {
    const entity = entityOf(name);
    const id = text.toLowerCase();
    if (!UUID.test(id)) throw new ProblemError('not-found', 'that is no master id');
    const size = wholeNumber('limit', limit, 1, MOST, 20);
    const start = before === undefined ? undefined : versionOf(before);
    const [known, rows, carrying] = await Promise.all([
      revisionsOf(this.dataSource, entity, id, start, size + 1),
      standingsOf(this.dataSource, entity, id),
      carriers(this.dataSource),
    ]);
    if (known.length === 0 && rows.length === 0) {
      throw new ProblemError('not-found', 'nothing is known here of that record');
    }
    const page = known.slice(0, size);
    const last = page.at(-1);
    const [newest] = start ? await revisionsOf(this.dataSource, entity, id, undefined, 1) : known;
    const silent = (carrying.get(entity) ?? []).filter((one) => !rows.some(({ connector }) => connector === one));
    return {
      entity,
      id,
      connectors: [...rows, ...silent.map(unheard)].map((row) => standingOf(row, newest)),
      revisions: await this.trace(page, carrying),
      next: known.length > size && last ? `${last.epoch}.${last.revision}` : null,
    };
  }

  @Get('changes/:correlationId')
  @ApiOperation({ summary: 'The way of everything that one request changed, from its acceptance to each target' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: MOST, default: 20 } })
  @ApiQuery({ name: 'after', required: false, description: '`next` of the page before' })
  @ApiResponse({ status: 200, type: ChangeTrace })
  async change(
    @Param('correlationId') correlationId: string,
    @Query('limit') limit?: string,
    @Query('after') after?: string,
  ): Promise<ChangeTrace> {
    if (correlationId.includes('\0')) throw new ProblemError('not-found', 'that is no correlation id');
    const size = wholeNumber('limit', limit, 1, MOST, 20);
    const start = after === undefined ? undefined : keyOf(after);
    const found = await revisionsFor(this.dataSource, correlationId, start, size + 1);
    if (found.length === 0 && !start) {
      throw new ProblemError(
        'not-found',
        'no published change has this correlation id; one that was superseded before being published shows in the trace of its record',
      );
    }
    const page = found.slice(0, size);
    const last = page.at(-1);
    return {
      correlationId,
      revisions: await this.trace(page, await carriers(this.dataSource)),
      next: found.length > size && last ? [last.entity, last.id, last.epoch, last.revision].join('.') : null,
    };
  }

  private async trace(
    revisions: readonly Revision[],
    carrying: ReadonlyMap<Entity, readonly string[]>,
  ): Promise<RevisionTrace[]> {
    const keys = revisions.map(({ entity, id, epoch, revision }): Key => ({ entity, id, epoch, revision }));
    const deliveries = Map.groupBy(await deliveriesOf(this.dataSource, keys), nameOf);
    const overtakings = Map.groupBy(await overtakingOf(this.dataSource, keys), nameOf);
    return revisions.map((revision) =>
      traceOf(revision, {
        deliveries: deliveries.get(nameOf(revision)) ?? [],
        overtakings: overtakings.get(nameOf(revision)) ?? [],
        carriers: carrying.get(revision.entity) ?? [],
      }),
    );
  }
}

const nameOf = ({ entity, id, epoch, revision }: Key) => [entity, id, epoch, revision].join('.');

function entityOf(text: string): Entity {
  if ((ENTITIES as readonly string[]).includes(text)) return text as Entity;
  throw new ProblemError('not-found', `the entity must be one of ${ENTITIES.join(', ')}`);
}

function versionOf(text: string): { epoch: number; revision: number } {
  const [, epoch, revision] = /^(\d{1,9})\.(\d{1,9})$/.exec(text) ?? [];
  if (revision === undefined) throw new ProblemError('malformed-request', 'before must be `next` of the page before');
  return { epoch: Number(epoch), revision: Number(revision) };
}

function keyOf(text: string): Key {
  const [entity = '', id = '', ...version] = text.split('.');
  const known = (ENTITIES as readonly string[]).includes(entity) && UUID.test(id);
  if (!known || version.length !== 2 || !version.every((part) => /^\d{1,9}$/.test(part))) {
    throw new ProblemError('malformed-request', 'after must be `next` of the page before');
  }
  const [epoch, revision] = version.map(Number) as [number, number];
  return { entity: entity as Entity, id, epoch, revision };
}
