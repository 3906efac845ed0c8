import { Body, Controller, Inject, Param, Put, Query, Req, Res, type Type } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ProblemError, wholeNumber } from '@myelin/platform';
import type { Request, Response } from 'express';
import { pivotName, type ReferentialDefinition } from '../definition.js';
import { RecordService } from './record.service.js';
import { causeOf } from '../request.js';

/** The controller by which a source asserts its records, one at a time. */
export function sourceController(definition: ReferentialDefinition): Type {
  @ApiTags('sources')
  @Controller('sources/:source/records')
  class SourceController {
    constructor(@Inject(RecordService) private readonly records: RecordService) {}

    @Put(':sourceId')
    @ApiOperation({ summary: 'Assert a whole record of a source; the same document again changes nothing' })
    @ApiQuery({
      name: 'version',
      required: false,
      description: "The source's own version: a lower one than the last is not taken",
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
    async put(
      @Param('source') source: string,
      @Param('sourceId') sourceId: string,
      @Query('version') version: string | undefined,
      @Body() body: unknown,
      @Req() request: Request,
      @Res({ passthrough: true }) response: Response,
    ) {
      if (sourceId.length > 200 || sourceId.includes('\0'))
        throw new ProblemError(
          'malformed-request',
          'the key of a source record has at most 200 characters, none of them NUL',
        );
      const asserted = version === undefined ? null : wholeNumber('version', version, 0, Number.MAX_SAFE_INTEGER, 0);
      const result = await this.records.assert(source, sourceId, asserted, body, causeOf(request));
      if (result.outcome === 'created') response.status(201);
      response.setHeader('Location', `/${definition.path}/${result.recordId}`);
      return result;
    }
  }
  return SourceController;
}
