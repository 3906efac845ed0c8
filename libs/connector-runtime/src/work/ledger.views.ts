import { ApiProperty } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';
import { FieldFaultView } from '../operators/explain.views.js';
import { LedgerErrorView } from '../operators/parked.views.js';
import { LEDGER_STATUSES, type LedgerStatus } from './result.js';

const nullable = { nullable: true } as const;
const time = { type: String, format: 'date-time' } as const;

export class Work {
  @ApiProperty({ enum: ['open', 'paused', 'stopped'] })
  state: string;

  @ApiProperty({ description: 'Why nothing is written; empty while work flows' })
  detail: string;
}

const count = { type: 'integer' } as const;

/** Where a connector stands. */
export class Status {
  @ApiProperty()
  connector: string;

  @ApiProperty({ type: Work })
  work: Work;

  @ApiProperty({
    type: 'object',
    description: 'For each kind of entity, how many there are, are due now, and have which status',
    additionalProperties: {
      type: 'object',
      required: ['total', 'due', 'unrepresentable'],
      properties: {
        ...{ total: count, due: count },
        unrepresentable: { ...count, description: 'Entities of which a value was left out' },
      },
      additionalProperties: count,
    },
  })
  entities: Record<string, Record<string, number>>;

  @ApiProperty({ description: 'Messages that could not be read' })
  aside: number;
}

/** An entity in trouble: field names and states, no values. */
export class Trouble {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ enum: LEDGER_STATUSES })
  status: LedgerStatus;

  @ApiProperty({ ...nullable, type: Number, description: 'The newest one that the target acknowledged' })
  revision: number | null;

  @ApiProperty()
  attempts: number;

  @ApiProperty({ ...nullable, type: LedgerErrorView })
  error: LedgerErrorView | null;

  @ApiProperty({ ...nullable, type: String })
  ticket: string | null;

  @ApiProperty({ ...nullable, type: [String] })
  waitsFor: string[] | null;

  @ApiProperty({ ...nullable, type: [FieldFaultView], description: 'Values that the target cannot hold' })
  unrepresentable: FieldFaultView[] | null;

  @ApiProperty({ ...nullable, type: String, description: 'What is held back, or would be done' })
  action: string | null;

  @ApiProperty({ ...nullable, type: [String], description: 'Attributes that it would change' })
  changed: string[] | null;

  @ApiProperty({ ...nullable, type: String, format: 'date' })
  suspendedOn: string | null;
}

export class Troubles {
  @ApiProperty({ type: [Trouble] })
  items: Trouble[];

  @ApiProperty({ ...nullable, type: String, description: '`after` of the next page' })
  next: string | null;
}

/** A message that could not be read. */
export class AsideMessage {
  @ApiProperty()
  topic: string;

  @ApiProperty()
  partition: number;

  @ApiProperty()
  offset: string;

  @ApiProperty({ ...nullable, type: String })
  key: string | null;

  @ApiProperty()
  reason: string;

  @ApiProperty({ ...nullable, type: Number, description: 'Length of the message' })
  bytes: number | null;

  @ApiProperty(time)
  keptAt: Date;
}

export class AsideMessages {
  @ApiProperty({ type: [AsideMessage] })
  items: AsideMessage[];
}
