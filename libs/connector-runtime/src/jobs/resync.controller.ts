import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiProduces, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ProblemError } from '@myelin/platform';
import type { Response } from 'express';
import { DataSource } from 'typeorm';
import type { Order } from '../operators/control.js';
import { FINDINGS, isWhole, type Job, type JobRequest, type Scope } from './job.js';
import { JobRunner } from './job.runner.js';
import {
  createJob,
  findJob,
  JobConflict,
  listJobs,
  moveJob,
  outcomes,
  planned,
  readItems,
  recentRate,
} from './job.sql.js';
import { endCancelled, unfeed, withdraw } from './feed.sql.js';
import { lockLedger } from '../work/lock.sql.js';
import { Wakeup } from '../work/wakeup.js';
import { JobItems, Jobs, JobView, Strangers } from './resync.views.js';
import { readStrangers, findingsOf } from './sweep.sql.js';
import { countOverwritten } from './undo.sql.js';
import { operate } from '../operators/operation.sql.js';
import {
  ExecuteOrder,
  OrderBody,
  Ordered,
  orderFault,
  ResyncOrder,
  UndoOrder,
  UUID,
  Valid,
} from '../operators/orders.js';

const CANCEL_MS = 2000;
const FIRST = { entity: '', id: '00000000-0000-0000-0000-000000000000' };
const PAGE = 200;

/** Bulk diffusion on demand: plan what there is to do, carry it out beside live changes, stop and go on at will. */
@ApiTags('resynchronisation')
@Controller('resyncs')
export class ResyncController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(JobRunner) private readonly runner: JobRunner,
    @Inject(Wakeup) private readonly wakeup: Wakeup,
  ) {}

  @Post()
  @HttpCode(202)
  @OrderBody(ResyncOrder)
  @ApiHeader({ name: 'Idempotency-Key', required: false })
  @ApiOperation({
    summary:
      'Resynchronise the target: `trust` what is known of it, `verify` by reading it, `reconcile` with all that it holds, or `adopt` what was there before',
    description:
      'The plan is always made first. With `planOnly`, which an adoption needs, it waits for `POST /resyncs/{id}/execute`; otherwise it is carried out unless a guard refuses it.',
  })
  @ApiResponse({ status: 202, type: JobView })
  @ApiResponse({ status: 200, type: JobView, description: 'The job that was created when this was asked for before' })
  async request(
    @Body(Valid(ResyncOrder)) order: ResyncOrder,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { scope, planOnly, ...rest } = order;
    if (key !== undefined && (key.length < 1 || key.length > 200))
      throw new ProblemError('malformed-request', 'Idempotency-Key must have 1 to 200 characters');
    const foreign = scope?.entities?.find((entity) => !this.runner.entities.includes(entity));
    if (foreign) {
      throw orderFault('scope.entities', `this connector has no ${foreign} records`);
    }
    if (order.mode === 'reconcile' || order.mode === 'adopt') this.judgeReconciliation({ ...scope }, order.mode);
    if (order.mode === 'adopt' && planOnly !== true)
      throw orderFault('planOnly', 'must be true: what is adopted is looked at first');
    const wanted = { ...rest, kind: 'resync', scope: { ...scope }, automatic: planOnly !== true } as const;
    return this.create({ ...wanted, ...(key !== undefined && { idempotencyKey: key }) }, response);
  }

  @Get()
  @ApiOperation({ summary: 'The newest hundred jobs' })
  @ApiResponse({ status: 200, type: Jobs })
  async list(): Promise<Jobs> {
    const jobs = await listJobs(this.dataSource, 100);
    return {
      items: jobs.map(({ id, kind, mode, status, author, requestedAt, endedAt }) => ({
        id,
        kind,
        mode,
        status,
        author,
        requestedAt,
        endedAt,
      })),
    };
  }

  @Get(':id')
  @ApiOperation({ summary: 'A job: plan, progress, rate, what is left, what became of its entities' })
  @ApiResponse({ status: 200, type: JobView })
  async read(@Param('id') id: string): Promise<JobView> {
    return this.view(await this.find(id));
  }

  @Get(':id/items')
  @ApiOperation({ summary: 'The entities that a job has something to do for: field names, no values' })
  @ApiQuery({ name: 'action', required: false })
  @ApiQuery({ name: 'outcome', required: false, description: '`open` for those that are not done' })
  @ApiQuery({ name: 'finding', required: false, enum: [...FINDINGS] })
  @ApiQuery({ name: 'after', required: false, description: '`next` of the page before' })
  @ApiResponse({ status: 200, type: JobItems })
  async items(
    @Param('id') id: string,
    @Query('action') action?: string,
    @Query('outcome') outcome?: string,
    @Query('after') after?: string,
    @Query('finding') finding?: string,
  ): Promise<JobItems> {
    const job = await this.find(id);
    const [entity = '', last = ''] = after?.split('|') ?? [];
    if (after !== undefined && !UUID.test(last))
      throw new ProblemError('malformed-request', 'after must be `next` of the page before');
    const filter = {
      ...(action !== undefined && { action }),
      ...(outcome !== undefined && { outcome }),
      ...(finding !== undefined && { finding }),
    };
    const items = await readItems(this.dataSource, job.id, after ? { entity, id: last } : FIRST, PAGE, filter);
    const end = items.at(-1);
    return { items, next: items.length === PAGE && end ? `${end.entity}|${end.id}` : null };
  }

  @Get(':id/strangers')
  @ApiOperation({
    summary: 'What a reconciliation has found in the target that nobody here answers for; no job touches it',
  })
  @ApiQuery({ name: 'after', required: false, description: '`next` of the page before' })
  @ApiResponse({ status: 200, type: Strangers })
  async strangers(@Param('id') id: string, @Query('after') after?: string): Promise<Strangers> {
    const job = await this.find(id);
    const [, entity = '', targetId = ''] = /^([a-z]*)\|(.*)$/s.exec(after ?? '|') ?? [];
    const items = await readStrangers(this.dataSource, job.id, { entity, targetId }, PAGE);
    const end = items.at(-1);
    return { items, next: items.length === PAGE && end ? `${end.entity}|${end.targetId}` : null };
  }

  @Get(':id/report')
  @Header('Content-Type', 'application/x-ndjson')
  @ApiProduces('application/x-ndjson')
  @ApiOperation({ summary: 'How the target differs, as a file: one line per entity, field names and no values' })
  @ApiResponse({ status: 200, schema: { type: 'string' } })
  async report(@Param('id') id: string): Promise<StreamableFile> {
    const job = await this.find(id);
    const disposition = `attachment; filename="reconciliation-${job.id}.ndjson"`;
    return new StreamableFile(Readable.from(lines(findingsOf(this.dataSource, job.id))), { disposition });
  }

  @Post(':id/execute')
  @HttpCode(202)
  @OrderBody(ExecuteOrder)
  @ApiOperation({
    summary: 'Carry out a plan that was looked at',
    description:
      'What there is to do is found out again; when it differs from the approved plan by more than `driftPercent`, nothing is written.',
  })
  @ApiResponse({ status: 202, type: JobView })
  @ApiResponse({ status: 200, type: JobView, description: 'The job that was created when this was asked for before' })
  async execute(
    @Param('id') id: string,
    @Body(Valid(ExecuteOrder)) order: ExecuteOrder,
    @Res({ passthrough: true }) response: Response,
  ) {
    const plan = await this.find(id);
    if (plan.status !== 'planned' && plan.status !== 'refused')
      throw new ProblemError('conflict', `the job is ${plan.status}: only a planned or a refused one can be executed`);
    if (plan.planHash !== order.hash)
      throw new ProblemError('conflict', 'the hash is not that of the plan: look at the plan again');
    if (order.override && order.reason == null) {
      throw orderFault('reason', 'is required to pass over the guards');
    }
    const { author, reason } = order;
    const by: Order = { author, reason };
    return this.create(
      {
        ...by,
        kind: plan.kind,
        mode: plan.mode,
        scope: plan.scope,
        automatic: true,
        plan: plan.id,
        ...(plan.undoes !== null && { undoes: plan.undoes }),
        // A plan is executed once, however often that is asked for; with and without its guards are two things.
        idempotencyKey: `execute ${plan.id}${order.override ? ' with override' : ''}`,
        ...(plan.rate !== null && { rate: plan.rate }),
        ...(plan.hours !== null && { hours: plan.hours }),
        ...(order.driftPercent !== undefined && { driftPercent: order.driftPercent }),
        ...(order.override && { override: by }),
      },
      response,
    );
  }

  @Post(':id/undo')
  @HttpCode(202)
  @OrderBody(UndoOrder)
  @ApiOperation({
    summary: 'Put back what a job has overwritten: the plan first, past the same guards',
    description:
      'What has changed since is listed (`finding` changed) and left as it is. What is put back stays until the record changes or is mapped again.',
  })
  @ApiResponse({ status: 202, type: JobView })
  async undo(
    @Param('id') id: string,
    @Body(Valid(UndoOrder)) order: UndoOrder,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { id: undoes, endedAt, status } = await this.find(id);
    if (endedAt === null) throw new ProblemError('conflict', `the job is ${status}: cancel it, or let it end`);
    if ((await countOverwritten(this.dataSource, undoes, this.runner.entities)) === 0)
      throw new ProblemError('conflict', 'nothing is kept of what this job has overwritten');
    const { author, reason, planOnly } = order;
    return this.create(
      { author, reason, kind: 'undo', mode: 'verify', scope: {}, automatic: planOnly !== true, undoes },
      response,
    );
  }

  @Post(':id/pause')
  @HttpCode(200)
  @OrderBody(Ordered)
  @ApiOperation({ summary: 'Stop for a while: what has begun is finished, the rest waits for `resume`' })
  @ApiResponse({ status: 200, type: JobView })
  async pause(@Param('id') id: string, @Body(Valid(Ordered)) order: Ordered) {
    const job = await this.find(id);
    await this.dataSource.transaction(async (manager) => {
      const from = job.status;
      if (from !== 'planning' && from !== 'running') throw new ProblemError('conflict', `the job is ${from}`);
      const moved = await moveJob(manager, job.id, [from], { status: 'paused', pausedFrom: from });
      if (!moved) throw new ProblemError('conflict', 'the job has moved on meanwhile');
      await withdraw(manager, job.id);
      await operate(manager, 'job paused', order, { job: job.id });
    });
    return this.read(id);
  }

  @Post(':id/resume')
  @HttpCode(200)
  @OrderBody(Ordered)
  @ApiOperation({ summary: 'Go on with a paused job: the rest is done, nothing twice' })
  @ApiResponse({ status: 200, type: JobView })
  async resume(@Param('id') id: string, @Body(Valid(Ordered)) order: Ordered) {
    const job = await this.find(id);
    await this.dataSource.transaction(async (manager) => {
      const moved = await moveJob(manager, job.id, ['paused'], { status: job.pausedFrom ?? 'running' });
      if (!moved) throw new ProblemError('conflict', `the job is ${job.status}`);
      await lockLedger(manager);
      await unfeed(manager, job.id);
      await operate(manager, 'job resumed', order, { job: job.id });
    });
    this.wakeup.jobs.wake();
    return this.read(id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @OrderBody(Ordered)
  @ApiOperation({ summary: 'End a job: answers within two seconds what was done; the rest is left as it was' })
  @ApiResponse({ status: 200, type: JobView })
  async cancel(@Param('id') id: string, @Body(Valid(Ordered)) order: Ordered) {
    const job = await this.find(id);
    await this.dataSource.transaction(async (manager) => {
      const moved = await moveJob(manager, job.id, ['planning', 'running', 'paused'], { status: 'cancelled' });
      if (!moved) throw new ProblemError('conflict', `the job is ${job.status}`);
      await operate(manager, 'job cancelled', order, { job: job.id });
    });
    const deadline = Date.now() + CANCEL_MS;
    while (!(await endCancelled(this.dataSource, job.id)) && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return this.read(id);
  }

  /** What is beyond a part of the records can only be told when all of them are looked at. */
  private judgeReconciliation(scope: Scope, mode: 'reconcile' | 'adopt'): void {
    if (!isWhole(scope)) throw orderFault('scope', `to ${mode} is to look at all: it can be narrowed to entities only`);
    const blind = (scope.entities ?? this.runner.entities).find((entity) => !this.runner.listed.includes(entity));
    if (blind) throw orderFault('mode', `the target cannot tell all ${blind} records that it has`);
  }

  private async create(request: JobRequest, response: Response): Promise<JobView> {
    try {
      const { job, isNew } = await createJob(this.dataSource, request, this.runner.entities);
      // It is looked at now instead of within a second.
      if (isNew) this.wakeup.jobs.wake();
      else response.status(200);
      response.setHeader('Location', `/resyncs/${job.id}`);
      return this.view(job);
    } catch (error) {
      if (error instanceof JobConflict) throw new ProblemError('conflict', error.message, { cause: error });
      throw error;
    }
  }

  private async find(id: string): Promise<Job> {
    const job = UUID.test(id) ? await findJob(this.dataSource, id) : undefined;
    if (!job) throw new ProblemError('not-found', 'there is no such job');
    return job;
  }

  private async view({
    cursorEntity,
    cursorId: _,
    pausedFrom: __,
    apart,
    samples,
    findings,
    ...job
  }: Job): Promise<JobView> {
    const actions = await planned(this.dataSource, job.id);
    const done = await outcomes(this.dataSource, job.id);
    const differing = actions.reduce((sum, { count }) => sum + count, 0);
    const open = done.open ?? 0;
    const rate = job.status === 'running' ? await recentRate(this.dataSource, job.id) : null;
    const { total, plan: approved, ...rest } = job;
    const { waiting, skipped, dismissed } = apart ?? NOT_COUNTED;
    const alone = apart && apart.waiting + apart.skipped + apart.dismissed;
    return {
      ...rest,
      plannedEntity: job.status === 'planning' ? cursorEntity : null,
      plan: {
        ...{ approved, total, waiting, skipped, dismissed, actions },
        // The scope was counted when planning began, and may have changed since.
        unchanged: alone !== null && total !== null ? Math.max(0, total - differing - alone) : null,
        samples: samples ?? [],
        findings: findings ?? [],
      },
      progress: {
        done: differing - open,
        outcomes: done,
        perSecond: rate,
        remainingSeconds: rate !== null && rate > 0 ? Math.ceil(open / rate) : null,
      },
    };
  }
}

async function* lines(items: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`;
}

const NOT_COUNTED = { waiting: null, skipped: null, dismissed: null };
