import { ApiProperty } from '@nestjs/swagger';
import { DELIVERY_CAUSES, ENTITIES, EVENT_KINDS, type Entity } from '@myelin/contracts';

const nullable = { nullable: true } as const;

/** A state of one record: higher pairs are newer. */
export class Version {
  @ApiProperty()
  epoch: number;

  @ApiProperty()
  revision: number;
}

export class ErrorView {
  @ApiProperty({ description: 'Class of the error' })
  name: string;

  @ApiProperty({ description: 'The same for all errors of one kind' })
  fingerprint: string;

  @ApiProperty({ ...nullable, type: String, description: 'Reference of a parked entity' })
  ticket: string | null;
}

export const STEPS = ['accepted', 'published', 'delivered', 'superseded', 'pending'] as const;

/** One thing that happened to a revision, or that is awaited. */
export class Step {
  @ApiProperty({ enum: STEPS })
  step: (typeof STEPS)[number];

  @ApiProperty({ ...nullable, type: String, format: 'date-time', description: 'Null: not yet' })
  at: string | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Milliseconds since the change was accepted' })
  afterMs: number | null;

  @ApiProperty({ required: false, description: 'Who delivers; absent for steps of the referential' })
  connector?: string;

  @ApiProperty({ required: false, description: 'Outcome of the delivery' })
  outcome?: string;

  @ApiProperty({ required: false, description: 'True: the target has what it must have of this revision' })
  acknowledged?: boolean;

  @ApiProperty({ required: false, enum: DELIVERY_CAUSES })
  cause?: string;

  @ApiProperty({ required: false, description: 'Attempts so far' })
  attempts?: number;

  @ApiProperty({ required: false, type: [String], description: 'Attributes of the target that were written' })
  changed?: string[];

  @ApiProperty({ required: false, description: 'Milliseconds that the attempt took' })
  durationMs?: number;

  @ApiProperty({ required: false })
  job?: string;

  @ApiProperty({ required: false, type: ErrorView })
  error?: ErrorView;

  @ApiProperty({ required: false, type: Version, description: 'The newer state that the connector took instead' })
  by?: Version;

  @ApiProperty({ required: false, description: 'The step in words, where they are needed' })
  note?: string;
}

/** One revision and its way, in the order of time; what is awaited comes last. */
export class RevisionTrace {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty()
  epoch: number;

  @ApiProperty()
  revision: number;

  @ApiProperty({ ...nullable, type: String, enum: EVENT_KINDS, description: 'Null: its publication is not known here' })
  kind: string | null;

  @ApiProperty({ ...nullable, type: String, description: 'Source that caused the change' })
  origin: string | null;

  @ApiProperty({ ...nullable, type: String })
  correlationId: string | null;

  @ApiProperty({ description: 'True: every connector has it, or something newer' })
  settled: boolean;

  @ApiProperty({ type: [Step] })
  steps: Step[];

  @ApiProperty({ required: false, description: 'Revisions before this one that were never published, in words' })
  note?: string;
}

/** Where a connector stands with one entity now. */
export class Standing {
  @ApiProperty()
  connector: string;

  @ApiProperty({ description: '`applied`, `pending` (it has not come to the newest revision), or the last outcome' })
  state: string;

  @ApiProperty({ ...nullable, type: Version, description: 'The newest state that the target has' })
  appliedThrough: Version | null;

  @ApiProperty({ ...nullable, type: String, format: 'date-time' })
  appliedAt: string | null;

  @ApiProperty({ ...nullable, type: String, format: 'date-time', description: 'Time of the last report' })
  at: string | null;

  @ApiProperty({ required: false, type: ErrorView })
  error?: ErrorView;
}

export class EntityTrace {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ type: [Standing] })
  connectors: Standing[];

  @ApiProperty({ type: [RevisionTrace], description: 'Newest first' })
  revisions: RevisionTrace[];

  @ApiProperty({ ...nullable, type: String, description: '`before` of the next page' })
  next: string | null;
}

export class ChangeTrace {
  @ApiProperty()
  correlationId: string;

  @ApiProperty({ type: [RevisionTrace] })
  revisions: RevisionTrace[];

  @ApiProperty({ ...nullable, type: String, description: '`after` of the next page' })
  next: string | null;
}
