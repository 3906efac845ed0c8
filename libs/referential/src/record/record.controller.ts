import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Req,
  Res,
  type Type,
} from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { STATUSES, type Status } from '@myelin/contracts';
import { ProblemError, wholeNumber } from '@myelin/platform';
import type { Request, Response } from 'express';
import { pivotName, type ReferentialDefinition } from '../definition.js';
import { Inject } from '@nestjs/common';
import { RecordService, type RecordView } from './record.service.js';
import { causeOf, masterId, pageStart, revisionSeen } from '../request.js';

const tag = (response: Response, record: RecordView) => response.setHeader('ETag', `"${record.revision}"`);

/** The controller of the master records of one referential. */
export function recordController(definition: ReferentialDefinition): Type {
  const pivot = pivotName(definition);
  const document = { $ref: `#/components/schemas/${pivot}` };
  const master = {
    allOf: [
      document,
      {
        type: 'object',
        required: ['id', 'revision', 'status'],
        properties: {
          id: { type: 'string', format: 'uuid' },
          revision: { type: 'integer' },
          status: { type: 'string', enum: [...STATUSES] },
        },
      },
    ],
  };
  const reason = { schema: { type: 'object', properties: { reason: { type: 'string', maxLength: 500 } } } };

  @ApiTags(definition.path)
  @Controller(definition.path)
  class RecordController {
    constructor(@Inject(RecordService) private readonly records: RecordService) {}

    @Get()
    @ApiOperation({ summary: 'List records by id, or find the one that holds an identifier' })
    @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
    @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
    @ApiQuery({ name: 'status', required: false, enum: [...STATUSES] })
    @ApiQuery({ name: 'identifier', required: false, description: '`scheme:value`' })
    @ApiResponse({
      status: 200,
      schema: {
        type: 'object',
        properties: { items: { type: 'array', items: master }, next: { type: 'string', nullable: true } },
      },
    })
    list(
      @Query('limit') limit?: string,
      @Query('cursor') cursor?: string,
      @Query('status') status?: string,
      @Query('identifier') identifier?: string,
    ) {
      if (status !== undefined && !(STATUSES as readonly string[]).includes(status)) {
        throw new ProblemError('malformed-request', `status must be one of ${STATUSES.join(', ')}`);
      }
      return this.records.list({
        limit: wholeNumber('limit', limit, 1, 200, 50),
        ...(cursor === undefined ? {} : { after: pageStart(cursor) }),
        ...(status === undefined ? {} : { status: status as Status }),
        ...(identifier === undefined ? {} : { identifier: identifierKey(identifier) }),
      });
    }

    @Get(':id')
    @ApiOperation({ summary: 'Read one record' })
    @ApiResponse({
      status: 200,
      schema: master,
      headers: { ETag: { description: 'The revision, for If-Match', schema: { type: 'string' } } },
    })
    async get(@Param('id') id: string, @Res({ passthrough: true }) response: Response) {
      const record = await this.records.get(masterId(id));
      tag(response, record);
      return record;
    }

    @Post()
    @ApiOperation({ summary: 'Create a record' })
    @ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'The same key and document again answer the same record',
    })
    @ApiBody({ schema: document })
    @ApiResponse({ status: 201, schema: master })
    async create(
      @Body() body: unknown,
      @Headers('idempotency-key') key: string | undefined,
      @Req() request: Request,
      @Res({ passthrough: true }) response: Response,
    ) {
      if (key !== undefined && !/^[\x21-\x7e]{1,128}$/.test(key)) {
        throw new ProblemError('malformed-request', 'Idempotency-Key must be 1 to 128 printable ASCII characters');
      }
      const { record, created } = await this.records.create(body, key, causeOf(request));
      tag(response, record);
      response.status(created ? 201 : 200).setHeader('Location', `/${definition.path}/${record.id}`);
      return record;
    }

    @Patch(':id')
    @ApiOperation({ summary: 'Change a record (JSON merge patch)' })
    @ApiConsumes('application/merge-patch+json', 'application/json')
    @ApiHeader({ name: 'If-Match', required: true, description: 'ETag of the revision that was read' })
    @ApiBody({ schema: { type: 'object' } })
    @ApiResponse({ status: 200, schema: master })
    @ApiResponse({ status: 412, description: 'The record has changed since' })
    async patch(
      @Param('id') id: string,
      @Body() body: unknown,
      @Req() request: Request,
      @Res({ passthrough: true }) response: Response,
    ) {
      const record = await this.records.patch(masterId(id), revisionSeen(request), body, causeOf(request));
      tag(response, record);
      return record;
    }

    @Post(':id/deactivation')
    @HttpCode(200)
    @ApiOperation({ summary: 'End a record: it stays, inactive' })
    @ApiBody({ ...reason, required: false })
    deactivate(@Param('id') id: string, @Body() body: unknown, @Req() request: Request) {
      return this.records.setActive(masterId(id), false, causeOf(request, reasonIn(body)));
    }

    @Post(':id/reactivation')
    @HttpCode(200)
    @ApiOperation({ summary: 'Open an inactive record again' })
    @ApiBody({ ...reason, required: false })
    reactivate(@Param('id') id: string, @Body() body: unknown, @Req() request: Request) {
      return this.records.setActive(masterId(id), true, causeOf(request, reasonIn(body)));
    }
  }
  return RecordController;
}

function identifierKey(text: string): { scheme: string; value: string } {
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\0')) throw new ProblemError('malformed-request', 'identifier must be scheme:value');
  return { scheme: text.slice(0, colon), value: text.slice(colon + 1) };
}

function reasonIn(body: unknown): string | undefined {
  const reason = (body as { reason?: unknown } | undefined)?.reason;
  if (reason === undefined) return undefined;
  if (typeof reason === 'string' && reason.length <= 500 && !reason.includes('\0')) return reason;
  throw new ProblemError('invalid-document', 'the reason must be text', {
    errors: [{ field: 'reason', message: 'must be text of at most 500 characters' }],
  });
}
