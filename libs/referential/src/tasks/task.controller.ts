import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { wholeNumber } from '@myelin/platform';
import type { Request } from 'express';
import {
  actorOf,
  causeOf,
  fieldProblem,
  LONGEST_REASON,
  masterId,
  oneOf,
  pageStart,
  reasonOf,
  textIn,
} from '../request.js';
import { TASK_KINDS } from './draft.js';
import { TaskService } from './task.service.js';
import { TASK_STATUSES } from './task.sql.js';

const uuid = { type: 'string', format: 'uuid' };
const text = { type: 'string', minLength: 1, maxLength: LONGEST_REASON };
const time = { type: 'string', format: 'date-time', nullable: true };
const taskSchema = {
  type: 'object',
  properties: {
    id: uuid,
    kind: { type: 'string', enum: [...TASK_KINDS] },
    subject: { ...uuid, description: 'The record, or the source record that waits' },
    key: {
      type: 'string',
      description: 'A part (`birthName`), an identifier (`siham:100201`) or the key of a source record',
    },
    others: { type: 'array', items: uuid, description: 'The records that are concerned beside' },
    detail: { type: 'object' },
    status: { type: 'string', enum: [...TASK_STATUSES] },
    assignee: { type: 'string', nullable: true },
    openedAt: time,
    closedAt: time,
    closedBy: { type: 'string', nullable: true },
    reason: { type: 'string', nullable: true },
  },
};
const task = { status: 200, schema: taskSchema };

/** What persons must decide: ties between sources, identifiers that two records claim, source records that speak of several records. */
@ApiTags('tasks')
@Controller('tasks')
export class TaskController {
  constructor(@Inject(TaskService) private readonly tasks: TaskService) {}

  @Get()
  @ApiOperation({ summary: 'List tasks, oldest first, and how many of each kind are open' })
  @ApiQuery({ name: 'status', required: false, enum: [...TASK_STATUSES], description: 'open unless told otherwise' })
  @ApiQuery({ name: 'kind', required: false, enum: [...TASK_KINDS] })
  @ApiQuery({ name: 'record', required: false, description: 'Id of a record that is concerned' })
  @ApiQuery({ name: 'assignee', required: false, description: 'A name, or `none`' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
  @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
  @ApiResponse({
    status: 200,
    schema: {
      type: 'object',
      properties: {
        items: { type: 'array', items: taskSchema },
        next: { type: 'string', nullable: true },
        open: { type: 'object', additionalProperties: { type: 'integer' } },
      },
    },
  })
  list(
    @Query('status') status?: string,
    @Query('kind') kind?: string,
    @Query('record') record?: string,
    @Query('assignee') assignee?: string,
    @Query('limit') limit?: string,
    @Query('cursor') cursor?: string,
  ) {
    const filter = {
      status: oneOf('status', status ?? 'open', TASK_STATUSES),
      ...(kind === undefined ? {} : { kind: oneOf('kind', kind, TASK_KINDS) }),
      ...(record === undefined ? {} : { record: masterId(record) }),
      ...(assignee === undefined ? {} : { assignee: assignee === 'none' ? null : assignee }),
    };
    return this.tasks.list(
      filter,
      cursor === undefined ? null : pageStart(cursor),
      wholeNumber('limit', limit, 1, 200, 50),
    );
  }

  @Get(':id')
  @ApiOperation({ summary: 'A task and its comments' })
  @ApiResponse(task)
  get(@Param('id') id: string) {
    return this.tasks.get(masterId(id));
  }

  @Post(':id/assignment')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Take a task, give it to somebody, or give it back (`assignee` null); refused while somebody else has it',
  })
  @ApiBody({ required: false, schema: { type: 'object', properties: { assignee: { ...text, nullable: true } } } })
  @ApiResponse(task)
  @ApiResponse({ status: 409, description: 'Somebody else has it, or it is closed' })
  assign(@Param('id') id: string, @Body() body: unknown, @Req() request: Request) {
    const { assignee } = (body ?? {}) as { assignee?: unknown };
    const to = assignee === null ? null : assignee === undefined ? actorOf(request) : textIn(body, 'assignee');
    return this.tasks.assign(masterId(id), actorOf(request), to);
  }

  @Post(':id/comments')
  @HttpCode(200)
  @ApiOperation({ summary: 'Say something about a task' })
  @ApiBody({ schema: { type: 'object', required: ['text'], properties: { text } } })
  @ApiResponse(task)
  comment(@Param('id') id: string, @Body() body: unknown, @Req() request: Request) {
    return this.tasks.comment(masterId(id), actorOf(request), textIn(body, 'text'));
  }

  @Post(':id/decision')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Decide a task; the decision is carried out at once, and outlives every reload',
    description:
      'A tie: `source`, which is right. An identifier: `record`, to which it belongs. A contradiction: `record`, of which the source record speaks, or null for a record of its own.',
  })
  @ApiBody({
    schema: {
      type: 'object',
      required: ['reason'],
      properties: { reason: text, source: { type: 'string' }, record: { ...uuid, nullable: true } },
    },
  })
  @ApiResponse(task)
  @ApiResponse({ status: 409, description: 'Somebody else has it, or it is closed' })
  decide(@Param('id') id: string, @Body() body: unknown, @Req() request: Request) {
    const { source, record } = (body ?? {}) as { source?: unknown; record?: unknown };
    if (source !== undefined && typeof source !== 'string') throw fieldProblem('source', 'must be text');
    if (record !== undefined && record !== null && typeof record !== 'string')
      throw fieldProblem('record', 'must be a master id or null');
    const verdict = { ...(source === undefined ? {} : { source }), ...(record === undefined ? {} : { record }) };
    const by = { author: actorOf(request), reason: reasonOf(body) };
    return this.tasks.decide(masterId(id), verdict, by, causeOf(request));
  }
}
