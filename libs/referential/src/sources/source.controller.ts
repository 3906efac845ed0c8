import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CHECKS } from '@myelin/contracts';
import { ProblemError, wholeNumber } from '@myelin/platform';
import type { Request, Response } from 'express';
import { DataSource } from 'typeorm';
import { pivotName, type ReferentialDefinition } from '../definition.js';
import { RecordService } from '../record/record.service.js';
import { actorOf, causeOf, REASON_BODY, reasonOf } from '../request.js';
import { listSources, setRetired, type Source } from './source.sql.js';

const source = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    heardAt: { type: 'string', format: 'date-time' },
    retiredAt: { type: 'string', format: 'date-time', nullable: true },
    retiredBy: { type: 'string', nullable: true },
    reason: { type: 'string', nullable: true },
  },
};

/** The controller of the sources of one referential: what each asserts, and whether it is heard. */
export function sourceController(definition: ReferentialDefinition): Type {
  @ApiTags('sources')
  @Controller('sources')
  class SourceController {
    constructor(
      @Inject(RecordService) private readonly records: RecordService,
      @Inject(DataSource) private readonly dataSource: DataSource,
    ) {}

    @Get()
    @ApiOperation({
      summary:
        'Every source that was heard, with how many records it speaks of and how many of its own wait for a steward',
    })
    @ApiResponse({ status: 200, schema: { type: 'object', properties: { items: { type: 'array', items: source } } } })
    async list() {
      return { items: await listSources(this.dataSource) };
    }

    @Post(':source/retirement')
    @HttpCode(200)
    @ApiOperation({ summary: 'Retire a source: what it holds is read, nothing is taken from it any more' })
    @ApiBody(REASON_BODY)
    @ApiResponse({ status: 200, schema: source })
    retire(@Param('source') name: string, @Body() body: unknown, @Req() request: Request) {
      return this.retired(name, true, body, request);
    }

    @Post(':source/return')
    @HttpCode(200)
    @ApiOperation({ summary: 'Hear a retired source again' })
    @ApiBody(REASON_BODY)
    @ApiResponse({ status: 200, schema: source })
    hearAgain(@Param('source') name: string, @Body() body: unknown, @Req() request: Request) {
      return this.retired(name, false, body, request);
    }

    @Put(':source/records/:sourceId')
    @ApiOperation({ summary: 'Assert a whole record of a source; the same document again changes nothing' })
    @ApiQuery({
      name: 'version',
      required: false,
      description: "The source's own version: a lower one than the last is not taken",
    })
    @ApiQuery({
      name: 'businessDate',
      required: false,
      schema: { type: 'string', format: 'date' },
      description:
        'Since when it is so, as far as the source tells: among sources of the same rank the newer one is believed',
    })
    @ApiBody({ schema: { $ref: `#/components/schemas/${pivotName(definition)}` } })
    @ApiResponse({
      status: 200,
      schema: {
        type: 'object',
        properties: {
          outcome: { type: 'string', enum: ['created', 'updated', 'unchanged', 'stale'] },
          recordId: { type: 'string', format: 'uuid' },
          revision: { type: 'integer' },
        },
      },
    })
    @ApiResponse({
      status: 202,
      description: 'It is kept, and waits for a steward: what it is called speaks for several records',
      schema: { type: 'object', properties: { outcome: { type: 'string', enum: ['suspected'] } } },
    })
    @ApiResponse({ status: 409, description: 'The source is retired, or an identifier belongs to another record' })
    async put(
      @Param('source') name: string,
      @Param('sourceId') sourceId: string,
      @Query('version') version: string | undefined,
      @Query('businessDate') businessDate: string | undefined,
      @Body() body: unknown,
      @Req() request: Request,
      @Res({ passthrough: true }) response: Response,
    ) {
      if (sourceId.length > 200 || sourceId.includes('\0'))
        throw new ProblemError(
          'malformed-request',
          'the key of a source record has at most 200 characters, none of them NUL',
        );
      if (businessDate !== undefined && CHECKS.day(businessDate, undefined) !== undefined)
        throw new ProblemError('malformed-request', 'businessDate must be a day, YYYY-MM-DD');
      const asserted = version === undefined ? null : wholeNumber('version', version, 0, Number.MAX_SAFE_INTEGER, 0);
      const key = { sourceId, version: asserted, businessDate: businessDate ?? null };
      const result = await this.records.assert(name, key, body, causeOf(request));
      if (result.outcome === 'suspected') {
        response.status(202);
        return result;
      }
      if (result.outcome === 'created') response.status(201);
      response.setHeader('Location', `/${definition.path}/${result.recordId}`);
      return result;
    }

    private async retired(name: string, retired: boolean, body: unknown, request: Request): Promise<Source> {
      const order = { author: actorOf(request), reason: reasonOf(body) };
      const changed = await setRetired(this.dataSource, name, retired, order);
      if (!changed) throw new ProblemError('not-found', `there is no source ${JSON.stringify(name.slice(0, 41))}`);
      return changed;
    }
  }
  return SourceController;
}
