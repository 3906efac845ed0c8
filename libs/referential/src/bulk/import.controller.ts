import { Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { wholeNumber } from '@myelin/platform';
import type { Request } from 'express';
import { FileBody, withFile } from './import-file.js';
import { ImportService } from './import.service.js';
import { causeOf, masterId } from '../request.js';

/** Loads of files. The body is the file itself, of any size: it is read as it comes. */
@ApiTags('imports')
@Controller('imports')
export class ImportController {
  constructor(@Inject(ImportService) private readonly imports: ImportService) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Load a file of source records; answers when it is loaded' })
  @FileBody()
  async load(
    @Query('source') source: string | undefined,
    @Query('format') format: string | undefined,
    @Req() request: Request,
  ) {
    const run = await withFile(request, format, (as, bytes) =>
      this.imports.run(source ?? '', as, bytes, causeOf(request)),
    );
    return { ...run, rejections: (await this.imports.read(run.id, 0, 100)).rejections };
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
