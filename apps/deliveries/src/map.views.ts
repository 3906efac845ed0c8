import { ApiProperty } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';

/** Records that come from a source. */
export class SourceEdge {
  @ApiProperty({ description: '`hub`: entered in the hub itself' })
  source: string;

  @ApiProperty({ enum: ENTITIES })
  object: Entity;

  @ApiProperty({ description: 'Revisions that were published within the hours asked for' })
  published: number;
}

/** Records that go to an application. */
export class ConsumerEdge {
  @ApiProperty({ enum: ENTITIES })
  object: Entity;

  @ApiProperty({ description: 'Connector' })
  consumer: string;

  @ApiProperty({ enum: ['flows', 'observes', 'stands', 'silent'], description: 'Whether anything passes now' })
  state: 'flows' | 'observes' | 'stands' | 'silent';
}

/** Who gives and who receives which records. */
export class ApplicationMap {
  @ApiProperty({ type: [String] })
  objects: readonly Entity[];

  @ApiProperty({ type: [SourceEdge] })
  from: readonly SourceEdge[];

  @ApiProperty({ type: [ConsumerEdge] })
  to: readonly ConsumerEdge[];
}
