import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Found } from '@myelin/connector';
import { ENTITIES, type Entity } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { operate } from '../operators/operation.sql.js';
import { ConflictOrder, OrderBody, orderFault, UUID, Valid } from '../operators/orders.js';
import { lockLedger } from '../work/lock.sql.js';
import { Mapper } from '../work/mapper.js';
import { consequenceOf } from '../work/outcome.js';
import { Wakeup } from '../work/wakeup.js';
import { seed } from './adoption.sql.js';
import { conflictNameOf, endConflicts, keepApart, listConflicts, type Conflict } from './conflicts.sql.js';

const PAGE = 100;

/** A record that the target may have already. */
class ConflictView {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ type: [String], description: 'Ids in the target of the entries that it may be' })
  targetIds: readonly string[];

  @ApiProperty({ type: [String], description: 'Schemes of the identifiers that they have in common' })
  schemes: readonly string[];

  @ApiProperty({ type: String, format: 'date-time' })
  foundAt: Date;

  @ApiProperty({ nullable: true, type: String, description: 'Under which the record is parked' })
  ticket: string | null;
}

class Conflicts {
  @ApiProperty({ type: [ConflictView] })
  items: readonly Conflict[];

  @ApiProperty({ nullable: true, type: String, description: '`after` of the next page' })
  next: string | null;
}

class Decided {
  @ApiProperty({ type: [String], description: 'Ids in the target of the entries that the conflict was with' })
  decided: readonly string[];
}

/** The records that an adoption could not tell from what the target has: parked until a person has decided. */
@ApiTags('conflicts')
@Controller('conflicts')
export class ConflictsController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Mapper) private readonly mapper: Mapper,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Records that the target may have already, and as which of its entries: ids and schemes, no values',
  })
  @ApiQuery({ name: 'after', required: false, description: '`next` of the page before' })
  @ApiResponse({ status: 200, type: Conflicts })
  async list(@Query('after') after?: string): Promise<Conflicts> {
    const [entity = '', id = ''] = after?.split('|') ?? [];
    if (after !== undefined && !UUID.test(id))
      throw new ProblemError('malformed-request', 'after must be `next` of the page before');
    const items = await listConflicts(this.dataSource, after === undefined ? {} : { after: { entity, id } }, PAGE);
    const end = items.at(-1);
    return { items, next: items.length === PAGE && end ? `${end.entity}|${end.id}` : null };
  }

  @Post(':entity/:id')
  @HttpCode(200)
  @OrderBody(ConflictOrder)
  @ApiOperation({
    summary: 'Decide that the record is one of the entries, or that it is none of them',
    description: 'Nothing is written by the decision itself: the record is due at once.',
  })
  @ApiResponse({ status: 200, type: Decided })
  async decide(
    @Param('entity') entity: string,
    @Param('id') id: string,
    @Body(Valid(ConflictOrder)) order: ConflictOrder,
  ): Promise<Decided> {
    const { decision, targetId } = order;
    if ((decision === 'adopt') !== (targetId !== undefined))
      throw orderFault('targetId', 'names the entry that is adopted, and nothing where none is');
    const [open] = UUID.test(id) ? await listConflicts(this.dataSource, { only: { entity, id } }, 1) : [];
    if (!open) throw new ProblemError('not-found', 'this record is in no open conflict');
    if (targetId === undefined) await this.separate(open, order);
    else await this.adopt(open, targetId, order);
    this.wakeup.workers();
    return { decided: open.targetIds };
  }

  private async separate({ entity, id, targetIds }: Conflict, order: ConflictOrder): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await lockLedger(manager);
      if (!(await keepApart(manager, entity, id, order))) throw movedOn();
      await operate(manager, 'conflict decided', order, { entity, id, decision: 'create', targetIds });
    });
  }

  private async adopt({ entity, id, targetIds }: Conflict, targetId: string, order: ConflictOrder): Promise<void> {
    if (!targetIds.includes(targetId)) throw orderFault('targetId', 'is none of the entries of this conflict');
    const found = await this.read(entity, id, targetId);
    if (found?.targetId !== targetId)
      throw new ProblemError('conflict', 'the entry is not there any more: adopt again');
    await this.dataSource.transaction(async (manager) => {
      await lockLedger(manager);
      const name = await conflictNameOf(manager, entity, id, targetId);
      if (name === undefined) throw movedOn();
      const { row, etag = null } = found;
      const seeded = await seed(manager, entity, [{ id, targetId, carries: false, row, etag, name }]);
      if (seeded.length === 0)
        throw new ProblemError('conflict', 'the record is being worked on, or one of the two is taken: look again');
      await endConflicts(manager, entity, id, targetId);
      await operate(manager, 'conflict decided', order, { entity, id, decision: 'adopt', targetId });
    });
  }

  /** The entry as it stands; what cannot be read now is told by the name of the error alone. */
  private async read(entity: Entity, id: string, targetId: string): Promise<Found | null> {
    try {
      return (await this.mapper.syncs.get(entity)?.read({ id, targetId, adopted: true })) ?? null;
    } catch (error) {
      const isRefused = consequenceOf(error, 0).then === 'park';
      const text = isRefused ? 'the target does not tell this entry from another' : 'the target does not answer';
      throw new ProblemError(isRefused ? 'conflict' : 'unavailable', text, { cause: error });
    }
  }
}

const movedOn = () => new ProblemError('conflict', 'the conflict has been decided meanwhile');
