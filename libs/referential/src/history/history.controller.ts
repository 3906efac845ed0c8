import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
  Req,
  type Type,
} from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CHECKS } from '@myelin/contracts';
import { wholeNumber } from '@myelin/platform';
import type { Request } from 'express';
import type { ReferentialDefinition } from '../definition.js';
import {
  actorOf,
  causeOf,
  fieldProblem,
  instantOf,
  LONGEST_REASON,
  masterId,
  REASON_BODY,
  reasonOf,
} from '../request.js';
import { TaskService } from '../tasks/task.service.js';
import { HistoryService } from './history.service.js';

const list = (description: string) => ({
  status: 200,
  description,
  schema: { type: 'object', properties: { items: { type: 'array', items: { type: 'object' } } } },
});
const instant = { type: 'string', format: 'date-time' };

/** The controller of where the records of one referential come from: their past, their sources, what stewards decided. */
export function historyController(definition: ReferentialDefinition): Type {
  @ApiTags('history and provenance')
  @Controller(`${definition.path}/:id`)
  class HistoryController {
    constructor(
      @Inject(HistoryService) private readonly past: HistoryService,
      @Inject(TaskService) private readonly tasks: TaskService,
    ) {}

    @Get('history')
    @ApiOperation({
      summary:
        'Every revision of a record, newest first: who, when, from which source and why, and which parts it changed',
    })
    @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
    @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
    @ApiResponse(list('Revisions, and the `next` cursor'))
    history(@Param('id') id: string, @Query('limit') limit?: string, @Query('cursor') cursor?: string) {
      const below = cursor === undefined ? null : wholeNumber('cursor', cursor, 1, 2_147_483_647, 1);
      return this.past.history(masterId(id), below, wholeNumber('limit', limit, 1, 200, 50));
    }

    @Get('difference')
    @ApiOperation({ summary: 'What became different in a record between two instants' })
    @ApiQuery({ name: 'from', schema: instant })
    @ApiQuery({ name: 'to', required: false, schema: instant, description: 'now unless told otherwise' })
    @ApiResponse({
      status: 200,
      schema: {
        type: 'object',
        properties: {
          from: { type: 'integer', nullable: true, description: 'Revision; null: there was no such record' },
          to: { type: 'integer' },
          changes: {
            type: 'array',
            items: { type: 'object', properties: { part: { type: 'string' }, before: {}, after: {} } },
          },
        },
      },
    })
    difference(@Param('id') id: string, @Query('from') from?: string, @Query('to') to?: string) {
      return this.past.difference(
        masterId(id),
        instantOf('from', from),
        to === undefined ? new Date() : instantOf('to', to),
      );
    }

    @Get('sources')
    @ApiOperation({ summary: 'What each source says of a record' })
    @ApiResponse(list('What each source says'))
    async sources(@Param('id') id: string) {
      return { items: await this.past.sources(masterId(id)) };
    }

    @Get('provenance')
    @ApiOperation({ summary: 'Which source gave each part of a record, by which rule, and since when' })
    @ApiResponse(list('One per part'))
    async provenance(@Param('id') id: string) {
      return { items: await this.past.provenance(masterId(id)) };
    }

    @Get('decisions')
    @ApiOperation({ summary: 'What stewards decided about a record, newest first' })
    @ApiResponse(list('Decisions, those that were revoked too'))
    async decisions(@Param('id') id: string) {
      return { items: await this.tasks.decisions(masterId(id)) };
    }

    @Put('decisions/:part')
    @HttpCode(204)
    @ApiOperation({
      summary: 'Decide what stands in a part of a record, whatever its sources say',
      description:
        'A part is an attribute (`birthName`), one kind of it (`contacts.workMail`, `roles.learner`), a role that has ended (`roleStates.learner`, value inactive), or an identifier that the record must not hold (`identifiers.siham:100201`, value false).',
    })
    @ApiBody({
      schema: {
        type: 'object',
        required: ['value', 'reason'],
        properties: {
          value: {},
          reason: { type: 'string', minLength: 1, maxLength: LONGEST_REASON },
          until: { type: 'string', format: 'date', description: 'Last day on which it holds' },
        },
      },
    })
    @ApiResponse({ status: 204 })
    decide(@Param('id') id: string, @Param('part') part: string, @Body() body: unknown, @Req() request: Request) {
      const { value, until } = (body ?? {}) as { value?: unknown; until?: unknown };
      if (value === undefined) throw fieldProblem('value', 'is required');
      if (until !== undefined && CHECKS.day(until, undefined) !== undefined)
        throw fieldProblem('until', 'must be a day, YYYY-MM-DD');
      const by = { author: actorOf(request), reason: reasonOf(body) };
      return this.tasks.override(
        masterId(id),
        { part, value, until: (until as string | undefined) ?? null },
        by,
        causeOf(request),
      );
    }

    @Delete('decisions/:part')
    @HttpCode(204)
    @ApiOperation({ summary: 'Take a decision back: the sources speak again' })
    @ApiBody(REASON_BODY)
    @ApiResponse({ status: 204 })
    revoke(@Param('id') id: string, @Param('part') part: string, @Body() body: unknown, @Req() request: Request) {
      const by = { author: actorOf(request), reason: reasonOf(body) };
      return this.tasks.revoke(masterId(id), part, by, causeOf(request));
    }

    @Post('roles/:role/deactivation')
    @HttpCode(204)
    @ApiOperation({ summary: 'End one role of a record today, whatever its sources say; the others stay as they are' })
    @ApiBody(REASON_BODY)
    @ApiResponse({ status: 204 })
    endRole(@Param('id') id: string, @Param('role') role: string, @Body() body: unknown, @Req() request: Request) {
      return this.decide(id, `roleStates.${role}`, { ...(body as object), value: 'inactive' }, request);
    }

    @Post('roles/:role/reactivation')
    @HttpCode(204)
    @ApiOperation({ summary: 'Let the sources say again whether a record holds a role' })
    @ApiBody(REASON_BODY)
    @ApiResponse({ status: 204 })
    reopenRole(@Param('id') id: string, @Param('role') role: string, @Body() body: unknown, @Req() request: Request) {
      return this.revoke(id, `roleStates.${role}`, body, request);
    }
  }
  return HistoryController;
}
