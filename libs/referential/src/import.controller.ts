import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ProblemError, wholeNumber } from '@myelin/platform';
import type { Request } from 'express';
import { IMPORT_FORMATS, ImportService, type ImportFormat } from './import.service.js';
import { causeOf, masterId } from './request.js';

/** Loads of files. The body is the file itself, of any size: it is read as it comes. */
@ApiTags('imports')
@Controller('imports')
export class ImportController {
  constructor(@Inject(ImportService) private readonly imports: ImportService) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Load a file of source records; answers when it is loaded' })
  @ApiQuery({ name: 'source', description: 'Name of the source: lower-case letters, digits and -' })
  @ApiQuery({ name: 'format', enum: [...IMPORT_FORMATS] })
  @ApiConsumes('application/x-ndjson', 'text/csv')
  @ApiBody({
    schema: {
      type: 'string',
      format: 'binary',
      description:
        'NDJSON: `{"sourceId": "…", …}` per line. CSV: header of paths (`sourceId;birthName;givenNames.0;…`).',
    },
  })
  async load(
    @Query('source') source: string | undefined,
    @Query('format') format: string | undefined,
    @Req() request: Request,
  ) {
    if (!(IMPORT_FORMATS as readonly (string | undefined)[]).includes(format)) {
      throw new ProblemError('malformed-request', `format must be one of ${IMPORT_FORMATS.join(', ')}`);
    }
    if (request.is('application/json')) {
      throw new ProblemError('unsupported-media-type', 'send the file as application/x-ndjson or text/csv');
    }
    const bytes = request.iterator({ destroyOnReturn: false });
    try {
      const run = await this.imports.run(source ?? '', format as ImportFormat, bytes, causeOf(request));
      return { ...run, rejections: (await this.imports.read(run.id, 0, 100)).rejections };
    } finally {
      // The rest of a file that was given up is passed over: the answer and the next request come by the same connection.
      void bytes.return?.().then(() => request.resume());
    }
  }

  @Get(':id')
  @ApiOperation({ summary: 'A load and the lines it refused' })
  @ApiQuery({ name: 'after', required: false, description: 'Line after which the rejections begin' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } })
  async read(@Param('id') id: string, @Query('after') after?: string, @Query('limit') limit?: string) {
    const { run, rejections } = await this.imports.read(
      masterId(id),
      wholeNumber('after', after, 0, 2_147_483_647, 0),
      wholeNumber('limit', limit, 1, 1000, 100),
    );
    return { ...run, rejections };
  }
}
