import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import { readVerification } from './verification.sql.js';
import { VerificationView } from './verification.views.js';
import { Verifier } from './verifier.js';

/** What verification, which goes on all the time, has looked at and found. */
@ApiTags('verification')
@Controller('verification')
export class VerificationController {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Verifier) private readonly verifier: Verifier,
  ) {}

  @Get()
  @ApiOperation({ summary: 'How the target is verified all the time, and what was found in the last 24 hours' })
  @ApiResponse({ status: 200, type: VerificationView })
  async read(): Promise<VerificationView> {
    const { takenAt, entity, id, entities } = await readVerification(this.dataSource);
    return { perHour: this.verifier.perHour, takenAt, cursor: entity === '' ? null : { entity, id }, entities };
  }
}
