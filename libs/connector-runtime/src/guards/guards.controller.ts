import { randomUUID } from 'node:crypto';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { ALWAYS_ALLOWED, ORDINARY } from './guards.js';
import { operate } from '../operators/operation.sql.js';
import {
  BudgetOrder,
  CampaignOrder,
  OrderBody,
  Ordered,
  orderFault,
  ReleaseOrder,
  UUID,
  Valid,
} from '../operators/orders.js';
import { BESIDE_LIVE, LIVE } from '../work/claim.sql.js';
import { lockLedger } from '../work/lock.sql.js';
import { Wakeup } from '../work/wakeup.js';
import { CampaignCreated, GuardsView, HeldPage, Released, type HeldEntity } from './guards.views.js';

/** Budgets of mass changes, announced campaigns, and what is held back because it exceeds them. */
@ApiTags('guards')
@Controller('guards')
export class GuardsController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Budgets, campaigns, and what was used of them in the last hour' })
  @ApiResponse({ status: 200, type: GuardsView })
  async read(): Promise<GuardsView> {
    const [budgets, campaigns, used, held] = (await Promise.all([
      this.dataSource.query(`select entity, action, cause, absolute, percent from budget order by 1, 2, 3`),
      this.dataSource.query(
        `select id, name, owner, entity, action, cause, absolute, percent, starts_at as starts, ends_at as ends, ended_by as "endedBy",
                ended_by is null and now() between starts_at and ends_at as running
           from campaign order by starts_at desc limit 100`,
      ),
      this.dataSource.query(
        `select entity, action, cause, sum(count)::integer as count from guard_use
          where minute > now() - interval '1 hour' group by 1, 2, 3 order by 1, 2, 3`,
      ),
      this.dataSource.query(
        `select entity, held as action, cause, count(*)::integer as count from ledger where status = 'held' group by 1, 2, 3 order by 1, 2, 3`,
      ),
    ])) as [GuardsView['budgets'], GuardsView['campaigns'], GuardsView['used'], GuardsView['held']];
    const ordinary = { actions: ['suspend', 'delete'], percent: ORDINARY.percent, always: ALWAYS_ALLOWED };
    return { ordinary, budgets, campaigns, used, held };
  }

  @Put('budgets')
  @OrderBody(BudgetOrder)
  @ApiOperation({ summary: 'Set the budget of an entity, an action and a cause; without a limit it is unlimited' })
  @ApiResponse({ status: 200, type: GuardsView })
  async setBudget(@Body(Valid(BudgetOrder)) order: BudgetOrder): Promise<GuardsView> {
    const { entity, action, cause, absolute, percent } = order;
    await this.dataSource.transaction(async (manager) => {
      await manager.query(
        `insert into budget (entity, action, cause, absolute, percent) values ($1, $2, $3, $4, $5)
         on conflict (entity, action, cause) do update set absolute = excluded.absolute, percent = excluded.percent`,
        [entity, action, cause, absolute ?? null, percent ?? null],
      );
      await operate(manager, 'budget set', order, { entity, action, cause, absolute, percent });
    });
    return this.read();
  }

  @Post('campaigns')
  @HttpCode(201)
  @OrderBody(CampaignOrder)
  @ApiOperation({
    summary: 'Announce a campaign (start of the academic year, reorganisation) with its own budget, owner and end',
  })
  @ApiResponse({ status: 201, type: CampaignCreated })
  async announce(@Body(Valid(CampaignOrder)) order: CampaignOrder): Promise<CampaignCreated> {
    const { name, owner, entity, action, cause, absolute, percent, starts, ends } = order;
    if (new Date(ends) <= new Date(starts)) throw orderFault('ends', 'must be later than starts');
    const id = randomUUID();
    await this.dataSource.transaction(async (manager) => {
      await manager.query(
        `insert into campaign (id, name, owner, entity, action, cause, absolute, percent, starts_at, ends_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [id, name, owner, entity, action, cause, absolute ?? null, percent ?? null, starts, ends],
      );
      await operate(manager, 'campaign announced', order, { id, name });
    });
    return { id };
  }

  @Delete('campaigns/:id')
  @OrderBody(Ordered)
  @ApiOperation({ summary: 'End a campaign before its day' })
  @ApiResponse({ status: 200, type: GuardsView })
  async end(@Param('id') id: string, @Body(Valid(Ordered)) order: Ordered): Promise<GuardsView> {
    const ended = UUID.test(id) && (await this.endCampaign(id, order));
    if (!ended) throw new ProblemError('not-found', 'no campaign with this id is running or to come');
    return this.read();
  }

  @Get('held')
  @ApiOperation({ summary: 'Entities that a guard holds back: the action and field names, no values' })
  @ApiQuery({ name: 'after', required: false, description: 'Id after which the page begins' })
  @ApiResponse({ status: 200, type: HeldPage })
  async held(@Query('after') after?: string): Promise<HeldPage> {
    if (after !== undefined && !UUID.test(after))
      throw new ProblemError('malformed-request', 'after must be a master id');
    const items = (await this.dataSource.query(
      `select entity, id, held as action, held_changes as changed, cause from ledger
        where status = 'held' and ($1::uuid is null or id > $1) order by id limit 100`,
      [after ?? null],
    )) as HeldEntity[];
    return { items, next: items.length === 100 ? (items.at(-1)?.id ?? null) : null };
  }

  @Post('release')
  @HttpCode(200)
  @OrderBody(ReleaseOrder)
  @ApiOperation({ summary: 'Let what is held back pass, once: all of an action, or the entities named' })
  @ApiResponse({ status: 200, type: Released })
  async release(@Body(Valid(ReleaseOrder)) order: ReleaseOrder): Promise<Released> {
    const { entity, action, ids } = order;
    const released = await this.dataSource.transaction(async (manager) => {
      await lockLedger(manager);
      const [, count] = (await manager.query(
        `update ledger l
            set due_at = now(), mark = mark + 1, permit = held, priority = ${ids?.length === 1 ? LIVE : BESIDE_LIVE}
          where status = 'held' and entity = $1 and held = $2 and ($3::uuid[] is null or id = any($3))`,
        [entity, action, ids ?? null],
      )) as [unknown, number];
      await operate(manager, 'held released', order, { entity, action, count });
      return count;
    });
    this.wakeup.workers();
    return { released };
  }

  private endCampaign(id: string, order: Ordered): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      const [, ended] = (await manager.query(
        `update campaign set ended_by = $2 where id = $1 and ended_by is null and ends_at > now()`,
        [id, order.author],
      )) as [unknown, number];
      if (ended > 0) await operate(manager, 'campaign ended', order, { id });
      return ended > 0;
    });
  }
}
