import { ApiProperty } from '@nestjs/swagger';
import type { KnownTopic } from './incarnations.js';

/** A topic that this connector reads. */
export class TopicView implements KnownTopic {
  @ApiProperty()
  topic: string;

  @ApiProperty({ description: 'The incarnation whose messages are taken' })
  stored: string;

  @ApiProperty({ nullable: true, type: String, description: 'Another one that was found, and waits to be accepted' })
  found: string | null;

  @ApiProperty({ enum: ['read', 'stopped'] })
  state: KnownTopic['state'];
}

export class Topics {
  @ApiProperty({ type: [TopicView] })
  items: TopicView[];
}
