import { Readable } from 'node:stream';
import { Controller, Get, Header, HttpCode, Inject, Param, Post, Query, Req, StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ProblemError } from '@myelin/platform';
import type { Request } from 'express';
import { FileBody, withFile } from '../bulk/import-file.js';
import { SOURCE_FINDINGS } from './reconcile.sql.js';
import { ReconcileService } from './reconcile.service.js';
import { causeOf, masterId } from '../request.js';

const run = {
  schema: {
    type: 'object',
    properties: {
      id: { type: 'string', format: 'uuid' },
      source: { type: 'string' },
      repair: { type: 'boolean' },
      status: { type: 'string', enum: ['running', 'done', 'failed'] },
      failure: { type: 'string', nullable: true },
      counts: {
        type: 'object',
        description: `\`read\`, \`repaired\`, and how many of each finding: ${SOURCE_FINDINGS.join(', ')}`,
        additionalProperties: { type: 'integer' },
      },
    },
  },
};

/** What a source has, held against what is known of it here. */
@ApiTags('reconciliation of a source')
@Controller('reconciliations')
export class ReconcileController {
  constructor(@Inject(ReconcileService) private readonly reconciliations: ReconcileService) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Compare a file of all that a source holds as active with what is known of it; answers when it is read',
    description:
      'Nothing is changed unless `repair` is `yes`. What the source no longer has is told and left as it is.',
  })
  @FileBody()
  @ApiQuery({ name: 'repair', required: false, enum: ['yes', 'no'] })
  @ApiResponse({ status: 200, ...run })
  async compare(
    @Query('source') source: string | undefined,
    @Query('format') format: string | undefined,
    @Query('repair') repair: string | undefined,
    @Req() request: Request,
  ) {
    if (repair !== undefined && repair !== 'yes' && repair !== 'no')
      throw new ProblemError('malformed-request', 'repair must be yes or no');
    const comparison = { source: source ?? '', repair: repair === 'yes', cause: causeOf(request) };
    return withFile(request, format, (as, bytes) => this.reconciliations.run(comparison, as, bytes));
  }

  @Get(':id')
  @ApiOperation({ summary: 'A comparison: what was found, counted' })
  @ApiResponse({ status: 200, ...run })
  read(@Param('id') id: string) {
    return this.reconciliations.find(masterId(id));
  }

  @Get(':id/report')
  @Header('Content-Type', 'application/x-ndjson')
  @ApiProduces('application/x-ndjson')
  @ApiOperation({ summary: 'What was found, as a file: one line per record of the source, keys and field names only' })
  @ApiResponse({ status: 200, schema: { type: 'string' } })
  async report(@Param('id') id: string): Promise<StreamableFile> {
    const { id: known } = await this.reconciliations.find(masterId(id));
    const disposition = `attachment; filename="reconciliation-${known}.ndjson"`;
    return new StreamableFile(Readable.from(lines(this.reconciliations.findings(known))), { disposition });
  }
}

async function* lines(items: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`;
}
