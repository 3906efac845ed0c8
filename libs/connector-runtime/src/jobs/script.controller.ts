import { Readable } from 'node:stream';
import { Controller, Get, Inject, Param, StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ProblemError } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { EXPLAIN_VALUES } from '../operators/explain.controller.js';
import { UUID } from '../operators/orders.js';
import { Mapper } from '../work/mapper.js';
import { findJob, planned } from './job.sql.js';
import { scriptOf, type Scripted } from './script.js';

/** A planned undo in the language of the target: holds values of records, so only where these may be shown. */
@ApiTags('resynchronisation')
@Controller('resyncs')
export class ScriptController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Mapper) private readonly mapper: Mapper,
    @Inject(EXPLAIN_VALUES) private readonly values: boolean,
  ) {}

  @Get(':id/script')
  @ApiProduces('text/plain')
  @ApiOperation({
    summary: 'What a planned undo would do, as a file that the tools of the target understand (LDIF)',
    description:
      'Only where the connector is started with EXPLAIN_VALUES=yes: it holds values of records. What has changed since the plan is left out.',
  })
  @ApiResponse({ status: 200, schema: { type: 'string' } })
  async script(@Param('id') id: string): Promise<StreamableFile> {
    if (!this.values)
      throw new ProblemError(
        'forbidden',
        'it holds values of records: only a connector that is started with EXPLAIN_VALUES=yes tells them',
      );
    const job = UUID.test(id) ? await findJob(this.dataSource, id) : undefined;
    if (!job) throw new ProblemError('not-found', 'there is no such job');
    if (job.undoes === null)
      throw new ProblemError('conflict', `the job is a ${job.kind}: only an undo can be told so`);
    if (job.status !== 'planned' && job.status !== 'refused')
      throw new ProblemError(
        'conflict',
        `the job is ${job.status}: only a plan that was not carried out can be told so`,
      );
    const syncs = await this.syncsOf(job.id);
    const { contentType: type, extension } = syncs[0]!.script;
    const disposition = `attachment; filename="undo-${job.id}.${extension}"`;
    return new StreamableFile(Readable.from(scriptOf(this.dataSource, syncs, job.id)), { type, disposition });
  }

  /** The syncs of the connector, in their order; all for which the plan has something to do must have a form for it. */
  private async syncsOf(job: string): Promise<[Scripted, ...Scripted[]]> {
    const scripted = [...this.mapper.syncs.values()].filter((sync): sync is Scripted => sync.script !== undefined);
    const actions = await planned(this.dataSource, job);
    const [first, ...others] = scripted;
    const mute = actions.find(({ entity }) => !scripted.some((sync) => sync.entity === entity));
    if (!first || mute)
      throw new ProblemError('not-found', `this connector has no such form for ${mute?.entity ?? 'any'} records`);
    return [first, ...others];
  }
}
