import { ApiProperty } from '@nestjs/swagger';
import { DELIVERY_CAUSES, ENTITIES, type DeliveryCause, type Entity } from '@myelin/contracts';
import { ACTIONS, type Action } from '../work/decision.js';

const nullable = { nullable: true } as const;
const time = { type: String, format: 'date-time' } as const;

/** What holds where nobody has set a budget. */
export class OrdinaryBudget {
  @ApiProperty({ type: [String], enum: ACTIONS })
  actions: string[];

  @ApiProperty({ ...nullable, type: Number, description: 'Of what the target holds, within an hour' })
  percent: number | null;

  @ApiProperty({ description: 'So many are always allowed' })
  always: number;
}

export class BudgetView {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ enum: ACTIONS })
  action: Action;

  @ApiProperty({ enum: [...DELIVERY_CAUSES, '*'], description: '`*`: all that have no budget of their own' })
  cause: DeliveryCause | '*';

  @ApiProperty({ ...nullable, type: Number })
  absolute: number | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Of what the target holds' })
  percent: number | null;
}

export class CampaignView extends BudgetView {
  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty()
  name: string;

  @ApiProperty({ description: 'Who answers for it' })
  owner: string;

  @ApiProperty(time)
  starts: Date;

  @ApiProperty(time)
  ends: Date;

  @ApiProperty({ ...nullable, type: String, description: 'Who ended it before its day' })
  endedBy: string | null;

  @ApiProperty()
  running: boolean;
}

export class GuardCount {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ enum: ACTIONS })
  action: Action;

  @ApiProperty({
    enum: [...DELIVERY_CAUSES, '*'],
    description: '`*`: all causes that have no budget of their own, of what was used',
  })
  cause: DeliveryCause | '*';

  @ApiProperty()
  count: number;
}

export class GuardsView {
  @ApiProperty({ type: OrdinaryBudget })
  ordinary: OrdinaryBudget;

  @ApiProperty({ type: [BudgetView] })
  budgets: BudgetView[];

  @ApiProperty({ type: [CampaignView], description: 'The hundred that begin last' })
  campaigns: CampaignView[];

  @ApiProperty({ type: [GuardCount], description: 'In the last hour' })
  used: GuardCount[];

  @ApiProperty({ type: [GuardCount], description: 'What is held back' })
  held: GuardCount[];
}

export class CampaignCreated {
  @ApiProperty({ format: 'uuid' })
  id: string;
}

/** An entity that a guard holds back. */
export class HeldEntity {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ enum: ACTIONS })
  action: Action;

  @ApiProperty({ type: [String], description: 'Attributes that it would change' })
  changed: string[];

  @ApiProperty({ enum: DELIVERY_CAUSES })
  cause: DeliveryCause;
}

export class HeldPage {
  @ApiProperty({ type: [HeldEntity] })
  items: HeldEntity[];

  @ApiProperty({ ...nullable, type: String, description: '`after` of the next page' })
  next: string | null;
}

export class Released {
  @ApiProperty({ description: 'How many entities may pass' })
  released: number;
}
