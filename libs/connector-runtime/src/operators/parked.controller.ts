import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ENTITIES } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { DataSource, type EntityManager } from 'typeorm';
import { operate } from './operation.sql.js';
import { OrderBody, orderFault, Selection, Valid } from './orders.js';
import { dismissParked, findParked, groupParked, listParked, retryParked, type Chosen } from './parked.sql.js';
import { lockLedger } from '../work/lock.sql.js';
import { Wakeup } from '../work/wakeup.js';
import { Dismissed, ParkedGroups, ParkedPage, ParkedView, Retried } from './parked.views.js';

const PAGE = 100;

/** The entities that the target refused: what is wrong with them, and what to do about it. Field names and reasons, no values. */
@ApiTags('parked')
@Controller('parked')
export class ParkedController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Parked entities, in the order of their tickets' })
  @ApiQuery({ name: 'status', required: false, enum: ['parked', 'dismissed'] })
  @ApiQuery({ name: 'entity', required: false, enum: [...ENTITIES] })
  @ApiQuery({ name: 'fingerprint', required: false })
  @ApiQuery({ name: 'after', required: false, description: '`next` of the page before' })
  @ApiResponse({ status: 200, type: ParkedPage })
  async list(
    @Query('status') status = 'parked',
    @Query('entity') entity?: string,
    @Query('fingerprint') fingerprint?: string,
    @Query('after') after?: string,
  ): Promise<ParkedPage> {
    if (status !== 'parked' && status !== 'dismissed')
      throw new ProblemError('malformed-request', 'status must be parked or dismissed');
    const filter = {
      ...({ status } as const),
      ...(entity !== undefined && { entity }),
      ...(fingerprint !== undefined && { fingerprint }),
      ...(after !== undefined && { after }),
    };
    const items = await listParked(this.dataSource, filter, PAGE);
    return { items, next: items.length === PAGE ? (items.at(-1)?.ticket ?? null) : null };
  }

  @Get('groups')
  @ApiOperation({ summary: 'Parked entities by cause, the most frequent first' })
  @ApiResponse({ status: 200, type: ParkedGroups })
  async groups(): Promise<ParkedGroups> {
    return { items: await groupParked(this.dataSource) };
  }

  @Get(':ticket')
  @ApiOperation({ summary: 'One parked entity, by the reference in a support ticket' })
  @ApiResponse({ status: 200, type: ParkedView })
  async read(@Param('ticket') ticket: string): Promise<ParkedView> {
    const parked = await findParked(this.dataSource, ticket.toUpperCase());
    if (!parked)
      throw new ProblemError('not-found', 'no entity is parked under this reference: it may have been delivered since');
    return parked;
  }

  @Post('retry')
  @HttpCode(200)
  @OrderBody(Selection)
  @ApiOperation({ summary: 'Try parked entities again: some by their tickets, those of a group, or all' })
  @ApiResponse({ status: 200, type: Retried })
  async retry(@Body(Valid(Selection)) order: Selection): Promise<Retried> {
    const retried = await this.act('parked retried', order, (manager, chosen) => retryParked(manager, chosen));
    this.wakeup.workers();
    return { retried };
  }

  @Post('dismiss')
  @HttpCode(200)
  @OrderBody(Selection)
  @ApiOperation({ summary: 'Put parked entities away until they change; a reason must be given' })
  @ApiResponse({ status: 200, type: Dismissed })
  async dismiss(@Body(Valid(Selection)) order: Selection): Promise<Dismissed> {
    const { author, reason } = order;
    if (reason == null) throw orderFault('reason', 'is required to dismiss');
    const by = { author, reason };
    return {
      dismissed: await this.act('parked dismissed', order, (manager, chosen) => dismissParked(manager, chosen, by)),
    };
  }

  private async act(
    what: string,
    order: Selection,
    how: (manager: EntityManager, chosen: Chosen) => Promise<number>,
  ): Promise<number> {
    const { tickets, fingerprint, entity, all } = order;
    if ([tickets, fingerprint, all || undefined].filter((one) => one != null).length !== 1)
      throw orderFault('tickets', 'name tickets, a fingerprint, or all: exactly one of them');
    return this.dataSource.transaction(async (manager) => {
      await lockLedger(manager);
      const chosen = {
        ...(tickets && { tickets }),
        ...(fingerprint != null && { fingerprint }),
        ...(entity != null && { entity }),
      };
      const count = await how(manager, chosen);
      await operate(manager, what, order, { tickets, fingerprint, entity, all, count });
      return count;
    });
  }
}
