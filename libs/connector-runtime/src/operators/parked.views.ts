import { ApiProperty } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';
import type { LedgerError } from '../work/result.js';

const nullable = { nullable: true } as const;
const time = { type: String, format: 'date-time' } as const;

/** Why an entity is parked or comes back later: no value of the record in it. */
export class LedgerErrorView implements LedgerError {
  @ApiProperty({ description: 'Class of the error' })
  name: string;

  @ApiProperty()
  message: string;

  @ApiProperty({ required: false, type: [String], description: 'Attributes that the target names' })
  attributes?: readonly string[];
}

export class Dismissal {
  @ApiProperty()
  author: string;

  @ApiProperty()
  reason: string;

  @ApiProperty(time)
  at: string;
}

/** A parked entity: ids, field names and the reason, no values. */
export class ParkedView {
  @ApiProperty()
  ticket: string;

  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ enum: ['parked', 'dismissed'] })
  status: 'parked' | 'dismissed';

  @ApiProperty({ description: 'The newest one that is known' })
  revision: number;

  @ApiProperty()
  attempts: number;

  @ApiProperty({ description: 'The same for all errors of one kind' })
  fingerprint: string;

  @ApiProperty({ type: LedgerErrorView })
  error: LedgerErrorView;

  @ApiProperty({ ...nullable, ...time, description: 'Null: dismissed' })
  parkedAt: Date | null;

  @ApiProperty({ ...nullable, type: Dismissal })
  dismissal: Dismissal | null;

  @ApiProperty({ ...nullable, type: String })
  correlationId: string | null;
}

export class ParkedPage {
  @ApiProperty({ type: [ParkedView] })
  items: ParkedView[];

  @ApiProperty({ ...nullable, type: String, description: '`after` of the next page' })
  next: string | null;
}

/** The parked entities of one kind and one cause. */
export class ParkedGroup {
  @ApiProperty()
  fingerprint: string;

  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty()
  count: number;

  @ApiProperty({ ...nullable, ...time })
  oldest: Date | null;

  @ApiProperty({ ...nullable, ...time })
  newest: Date | null;

  @ApiProperty({ type: LedgerErrorView })
  error: LedgerErrorView;

  @ApiProperty({ description: 'Of the one that was parked last' })
  ticket: string;
}

export class ParkedGroups {
  @ApiProperty({ type: [ParkedGroup] })
  items: ParkedGroup[];
}

export class Retried {
  @ApiProperty({ description: 'How many entities are tried again' })
  retried: number;
}

export class Dismissed {
  @ApiProperty({ description: 'How many entities were put away' })
  dismissed: number;
}
