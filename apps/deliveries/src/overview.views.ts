import { ApiProperty } from '@nestjs/swagger';
import { CONNECTOR_WORK, ENTITIES, type ConnectorWork, type Entity } from '@myelin/contracts';

const nullable = { nullable: true } as const;

export class Lag {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({
    description: 'Age of the oldest change that the target has not seen, or that may be unread; 0 when it has them all',
  })
  seconds: number;

  @ApiProperty({ ...nullable, type: String, description: 'What is behind; null: nothing' })
  why: string | null;

  @ApiProperty()
  due: number;

  @ApiProperty()
  parked: number;

  @ApiProperty()
  waiting: number;

  @ApiProperty()
  held: number;
}

export class Throughput {
  @ApiProperty()
  outcome: string;

  @ApiProperty({ description: 'Deliveries per minute, on average of the last 15 minutes' })
  perMinute: number;
}

export class ErrorCause {
  @ApiProperty()
  name: string;

  @ApiProperty({ description: 'The same for all errors of one kind' })
  fingerprint: string;

  @ApiProperty({ description: 'Entities whose last delivery ended so' })
  count: number;

  @ApiProperty({ ...nullable, type: String, description: 'Reference of the one that was parked last' })
  lastTicket: string | null;
}

export class ConnectorView {
  @ApiProperty()
  connector: string;

  @ApiProperty({
    ...nullable,
    type: String,
    format: 'date-time',
    description: 'Last sign of life; null: none is known',
  })
  lastPulse: string | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Seconds since then' })
  pulseAge: number | null;

  @ApiProperty({ description: 'True: no sign of life for 60 s' })
  silent: boolean;

  @ApiProperty({ description: 'Instances that gave a sign of life in the last 60 s' })
  instances: number;

  @ApiProperty({ ...nullable, type: String, enum: CONNECTOR_WORK })
  work: ConnectorWork | null;

  @ApiProperty({ required: false, description: 'Why work does not flow' })
  detail?: string;

  @ApiProperty({ description: 'True: differences are reported, nothing is written' })
  observe: boolean;

  @ApiProperty({ type: [Lag], description: 'As of the last pulse' })
  lag: Lag[];

  @ApiProperty({ type: [Throughput] })
  throughput: Throughput[];

  @ApiProperty({ type: [ErrorCause], description: 'The most frequent first' })
  errors: ErrorCause[];
}

export class Connectors {
  @ApiProperty({ type: [ConnectorView] })
  items: ConnectorView[];
}

export class InFlow {
  @ApiProperty({ description: '`hub` is the hub itself, `unknown` a change whose publication is not known here' })
  source: string;

  @ApiProperty({ enum: ENTITIES })
  object: Entity;

  @ApiProperty({ description: 'Revisions that were published' })
  published: number;
}

export class OutFlow {
  @ApiProperty()
  source: string;

  @ApiProperty({ enum: ENTITIES })
  object: Entity;

  @ApiProperty({ description: 'Connector' })
  consumer: string;

  @ApiProperty({ description: 'Deliveries that the target took or had already' })
  acknowledged: number;

  @ApiProperty({ description: 'Those among them that wrote' })
  written: number;

  @ApiProperty({ description: 'Attempts that ended otherwise' })
  other: number;
}

export class Flows {
  @ApiProperty()
  hours: number;

  @ApiProperty({ type: [InFlow] })
  published: InFlow[];

  @ApiProperty({ type: [OutFlow] })
  delivered: OutFlow[];
}
