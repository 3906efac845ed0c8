import { ApiProperty } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';

export class VerificationCursor {
  @ApiProperty({ enum: ENTITIES })
  entity: string;

  @ApiProperty({ format: 'uuid' })
  id: string;
}

export class VerifiedEntity {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ description: 'Entities looked at in the target in the last 24 hours' })
  verified: number;

  @ApiProperty({ description: 'Those of them that were not as they were left' })
  differing: number;
}

/** How the target is verified, and what was found: no ids but that of the cursor, no values. */
export class VerificationView {
  @ApiProperty({ description: 'Entities looked at in an hour at most; 0: none' })
  perHour: number;

  @ApiProperty({ type: String, format: 'date-time', description: 'When entities were taken last' })
  takenAt: Date;

  @ApiProperty({
    nullable: true,
    type: VerificationCursor,
    description: 'The last one of the walk; null at its beginning',
  })
  cursor: VerificationCursor | null;

  @ApiProperty({ type: [VerifiedEntity] })
  entities: VerifiedEntity[];
}
