import { Body, Controller, Get, HttpCode, Inject, Post, Query, Req } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FieldFault } from '@myelin/contracts';
import { correlationOf, ProblemError, wholeNumber } from '@myelin/platform';
import type { Request } from 'express';
import { RecoveryService, type Order } from './recovery.service.js';
import { masterId, pageStart } from '../request.js';

const LONGEST_SCOPE = 10_000;

const text = { type: 'string', minLength: 1, maxLength: 500 };
const integer = { type: 'integer' };
const body = (more: object = {}, required: string[] = []) => ({
  schema: {
    type: 'object',
    required: ['author', 'reason', ...required],
    properties: { author: text, reason: text, ...more },
  },
});
const answer = (...names: string[]) => ({
  schema: { type: 'object', properties: Object.fromEntries(names.map((name) => [name, integer])) },
});

/** What an operator does when the topic was lost or the database was restored (docs/runbook.md). */
@ApiTags('recovery')
@Controller()
export class RecoveryController {
  constructor(@Inject(RecoveryService) private readonly recovery: RecoveryService) {}

  @Post('republish')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish records again as they are: all, or those of a list; may be repeated' })
  @ApiBody(body({ scope: { type: 'array', maxItems: LONGEST_SCOPE, items: { type: 'string', format: 'uuid' } } }))
  @ApiResponse({ status: 200, ...answer('records', 'queued') })
  republish(@Body() given: unknown, @Req() request: Request) {
    const { scope } = (given ?? {}) as { scope?: unknown };
    return this.recovery.republish(orderOf(given, request), scope === undefined ? undefined : idsOf(scope));
  }

  @Post('restored')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'After the database was restored to an earlier point: raise the epoch, publish everything, list what only the topic knows',
  })
  @ApiBody(body())
  @ApiResponse({ status: 200, ...answer('epoch', 'messages', 'unknown', 'records', 'queued') })
  restored(@Body() given: unknown, @Req() request: Request) {
    return this.recovery.restored(orderOf(given, request));
  }

  @Get('restored/unknown')
  @ApiOperation({ summary: 'Records on the topic that the restored database does not know, as they stand there' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
  @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
  unknown(@Query('limit') limit?: string, @Query('cursor') cursor?: string) {
    return this.recovery.unknown(
      cursor === undefined ? null : pageStart(cursor),
      wholeNumber('limit', limit, 1, 200, 50),
    );
  }

  @Post('restored/end-unknown')
  @HttpCode(200)
  @ApiOperation({ summary: 'Publish the end of all unknown records; refused when there are not as many as expected' })
  @ApiBody(body({ expected: { type: 'integer', minimum: 0 } }, ['expected']))
  @ApiResponse({ status: 200, ...answer('ended') })
  @ApiResponse({ status: 409, description: 'There are not as many as expected' })
  endUnknown(@Body() given: unknown, @Req() request: Request) {
    const { expected } = (given ?? {}) as { expected?: unknown };
    const order = orderOf(given, request);
    if (!Number.isSafeInteger(expected) || (expected as number) < 0) {
      throw invalid([{ field: 'expected', message: 'must be the number of unknown records' }]);
    }
    return this.recovery.endUnknown(order, expected as number);
  }
}

function orderOf(given: unknown, request: Request): Order {
  const { author, reason } = (given ?? {}) as { author?: unknown; reason?: unknown };
  const faults = Object.entries({ author, reason }).flatMap(([field, value]) =>
    typeof value === 'string' && /\S/.test(value) && value.length <= text.maxLength && !value.includes('\0')
      ? []
      : [{ field, message: `must be text of 1 to ${text.maxLength} characters` }],
  );
  if (faults.length > 0) throw invalid(faults);
  return { author: author as string, reason: reason as string, correlationId: correlationOf(request) };
}

function idsOf(scope: unknown): string[] {
  if (Array.isArray(scope) && scope.length <= LONGEST_SCOPE && scope.every((id) => typeof id === 'string')) {
    return (scope as string[]).map(masterId);
  }
  throw invalid([{ field: 'scope', message: `must be a list of at most ${LONGEST_SCOPE} master ids` }]);
}

const invalid = (errors: readonly FieldFault[]) =>
  new ProblemError('invalid-document', 'the order must say who asks for it and why', { errors });
