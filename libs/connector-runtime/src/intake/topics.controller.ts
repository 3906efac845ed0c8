import { Body, Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ProblemError } from '@myelin/platform';
import { Incarnations } from './incarnations.js';
import { Topics, TopicView } from './topics.views.js';

const LONGEST = 500;
const text = { type: 'string', minLength: 1, maxLength: LONGEST };

/** The topics that a connector reads, and whether it does. */
@ApiTags('connector')
@Controller('topics')
export class TopicsController {
  constructor(@Inject(Incarnations) private readonly incarnations: Incarnations) {}

  @Get()
  @ApiOperation({ summary: 'Topics that were read, with the incarnation that is known and another one that was found' })
  @ApiResponse({ status: 200, type: Topics })
  async list(): Promise<Topics> {
    return { items: await this.incarnations.list() };
  }

  @Post(':topic/accept')
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on with a topic that was lost and began anew' })
  @ApiBody({ schema: { type: 'object', required: ['author', 'reason'], properties: { author: text, reason: text } } })
  @ApiResponse({ status: 409, description: 'The topic is not stopped' })
  @ApiResponse({ status: 200, type: TopicView })
  accept(@Param('topic') topic: string, @Body() given: unknown): Promise<TopicView> {
    const { author, reason } = (given ?? {}) as { author?: unknown; reason?: unknown };
    const errors = Object.entries({ author, reason }).flatMap(([field, value]) =>
      typeof value === 'string' && /\S/.test(value) && value.length <= LONGEST && !value.includes('\0')
        ? []
        : [{ field, message: `must be text of 1 to ${LONGEST} characters` }],
    );
    if (errors.length > 0) throw new ProblemError('invalid-document', 'say who accepts the topic and why', { errors });
    return this.incarnations.accept(topic, author as string, reason as string);
  }
}
