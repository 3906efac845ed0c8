import { ApiProperty } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';
import { STANDINGS, type ExplainedAttribute } from './explain.js';
import { LEDGER_STATUSES, type LedgerStatus } from '../work/result.js';

/** What would be done with an entity now. */
export const WOULD = ['create', 'change', 'suspend', 'delete', 'none', 'waiting', 'skipped', 'failed'];

const nullable = { nullable: true } as const;
const time = { type: String, format: 'date-time' } as const;
/** Any value of a record or of an attribute. */
export const value = { anyOf: ['string', 'number', 'boolean', 'array', 'object', 'null'].map((type) => ({ type })) };

export class NewestState {
  @ApiProperty()
  epoch: number;

  @ApiProperty()
  revision: number;

  @ApiProperty({ ...nullable, ...time })
  changedAt: Date | null;

  @ApiProperty({ ...nullable, type: String })
  correlationId: string | null;
}

export class AcknowledgedState {
  @ApiProperty({ ...nullable, type: Number })
  epoch: number | null;

  @ApiProperty({ ...nullable, type: Number })
  revision: number | null;

  @ApiProperty(time)
  at: Date;
}

/** A value that was left out, or a field at fault. */
export class FieldFaultView {
  @ApiProperty()
  field: string;

  @ApiProperty()
  message: string;
}

export class UsedReference {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty()
  inTarget: boolean;
}

export class GoldenValue {
  @ApiProperty()
  path: string;

  @ApiProperty({ ...value, required: false, description: 'What stands there; absent where values are masked' })
  value?: unknown;
}

export class AttributeView implements ExplainedAttribute {
  @ApiProperty()
  attribute: string;

  @ApiProperty({ ...nullable, type: String, description: 'The rule of the mapping; null: the connector states none' })
  rule: string | null;

  @ApiProperty({ type: [GoldenValue], description: 'Golden values that the rule reads' })
  from: readonly GoldenValue[];

  @ApiProperty({ ...value, required: false, description: 'What the target must have; absent where values are masked' })
  wanted?: ExplainedAttribute['wanted'];

  @ApiProperty({ ...value, required: false, description: 'What it last acknowledged; absent where values are masked' })
  acknowledged?: ExplainedAttribute['acknowledged'];

  @ApiProperty({ enum: STANDINGS })
  standing: ExplainedAttribute['standing'];
}

/** What a target receives for a record, and why. */
export class Explanation {
  @ApiProperty()
  connector: string;

  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ type: NewestState })
  newest: NewestState;

  @ApiProperty({ ...nullable, type: AcknowledgedState, description: 'Null: the target has never had it' })
  acknowledged: AcknowledgedState | null;

  @ApiProperty({ enum: LEDGER_STATUSES })
  status: LedgerStatus;

  @ApiProperty()
  inTarget: boolean;

  @ApiProperty({
    enum: WOULD,
    description: 'What would be done with it now',
  })
  would: string;

  @ApiProperty({ type: [String], description: 'In words, why it has not been done, or that nothing is left to do' })
  why: string[];

  @ApiProperty({ ...nullable, type: String, description: 'The job that made it due' })
  job: string | null;

  @ApiProperty({ type: [FieldFaultView], description: 'Values that the target cannot hold' })
  unrepresentable: FieldFaultView[];

  @ApiProperty({ type: [UsedReference] })
  usedReferences: UsedReference[];

  @ApiProperty({ type: [AttributeView] })
  attributes: AttributeView[];

  @ApiProperty({ type: [String], description: 'Fields that are not told here' })
  masked: string[];
}
