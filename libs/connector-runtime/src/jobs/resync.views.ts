import { ApiProperty } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';
import { Hours, Ordered, ScopeOrder } from '../operators/orders.js';
import { FINDINGS, JOB_STATUSES, KINDS, MODES, type Finding, type Job, type JobStatus, type Mode } from './job.js';

const nullable = { nullable: true } as const;
const time = { type: String, format: 'date-time' } as const;

/** An entity for which a job has something to do. */
export class PlannedEntity {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({
    description: '`create`, `change`, `suspend`, `delete`, `retry`, or, of the ledger only, `refresh` and `adopt`',
  })
  action: string;

  @ApiProperty({ type: [String], description: 'Attributes of the target that differ' })
  changed: readonly string[];

  @ApiProperty({
    ...{ ...nullable, enum: FINDINGS, required: false },
    description: 'How the target differs; null where it was not looked at',
  })
  finding?: Finding | null;

  @ApiProperty({ ...nullable, type: String, required: false, description: 'Of what is adopted: its id in the target' })
  targetId?: string | null;
}

export class JobItem extends PlannedEntity {
  @ApiProperty({ ...nullable, type: String, description: 'Null: not done yet' })
  outcome: string | null;

  @ApiProperty({ ...nullable, ...time })
  endedAt: Date | null;
}

export class JobItems {
  @ApiProperty({ type: [JobItem] })
  items: JobItem[];

  @ApiProperty({ ...nullable, type: String, description: '`after` of the next page' })
  next: string | null;
}

/** What the target has and nobody here answers for. */
export class StrangerView {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ description: 'Id in the target' })
  targetId: string;

  @ApiProperty({ ...nullable, type: String, description: 'The master id that it carries' })
  id: string | null;

  @ApiProperty({
    enum: FINDINGS,
    description:
      '`foreign`, `conflict`, `orphan` where nothing is removed, `duplicate` of the entity with that master id, or `changed` since what is to be undone',
  })
  finding: Finding;

  @ApiProperty({
    ...{ ...nullable, type: [String], required: false },
    description: 'Of a conflict: the records that it may be',
  })
  candidates?: readonly string[] | null;
}

export class Strangers {
  @ApiProperty({ type: [StrangerView] })
  items: StrangerView[];

  @ApiProperty({ ...nullable, type: String, description: '`after` of the next page' })
  next: string | null;
}

export class FindingCountView {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ enum: FINDINGS })
  finding: string;

  @ApiProperty()
  count: number;
}

export class PlannedAction {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty()
  action: string;

  @ApiProperty()
  count: number;
}

/** What there is to do; the counts of what is left alone are null until the plan is ready. */
export class PlanView {
  @ApiProperty({ ...nullable, type: String, description: 'The approved plan that is carried out' })
  approved: string | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Entities in the scope; null until they are counted' })
  total: number | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Those that the target has as it must' })
  unchanged: number | null;

  @ApiProperty({
    ...nullable,
    type: Number,
    description: 'Those that wait for another, which the target does not have',
  })
  waiting: number | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Those that are none of this target' })
  skipped: number | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Those that were parked and put away' })
  dismissed: number | null;

  @ApiProperty({ type: [PlannedAction] })
  actions: PlannedAction[];

  @ApiProperty({ type: [PlannedEntity], description: 'Some of each action' })
  samples: readonly PlannedEntity[];

  @ApiProperty({ type: [FindingCountView], description: 'How the target differs, where it was looked at' })
  findings: readonly FindingCountView[];
}

export class JobProgress {
  @ApiProperty()
  done: number;

  @ApiProperty({
    ...{ type: 'object', additionalProperties: { type: 'integer' } },
    description: 'How many entities ended how; `open`: not done yet',
  })
  outcomes: Record<string, number>;

  @ApiProperty({ ...nullable, type: Number, description: 'Entities done per second lately; null unless it runs' })
  perSecond: number | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Null: not known' })
  remainingSeconds: number | null;
}

/** A job in a list. */
export class JobSummary {
  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ enum: KINDS })
  kind: Job['kind'];

  @ApiProperty({ enum: MODES })
  mode: Mode;

  @ApiProperty({ enum: JOB_STATUSES })
  status: JobStatus;

  @ApiProperty()
  author: string;

  @ApiProperty(time)
  requestedAt: Date;

  @ApiProperty({ ...nullable, ...time })
  endedAt: Date | null;
}

export class Jobs {
  @ApiProperty({ type: [JobSummary] })
  items: JobSummary[];
}

/** A job: what was asked for, the plan, and how far it is. */
export class JobView extends JobSummary {
  @ApiProperty({ type: ScopeOrder })
  scope: Job['scope'];

  @ApiProperty({ ...nullable, type: String, description: 'The job whose writes it puts back' })
  undoes: string | null;

  @ApiProperty({ description: 'True: carried out as soon as it is planned, unless a guard refuses it' })
  automatic: boolean;

  @ApiProperty({ ...nullable, type: String })
  reason: string | null;

  @ApiProperty({ ...nullable, type: Number, description: 'Entities per second at most' })
  rate: number | null;

  @ApiProperty({ ...nullable, type: Hours })
  hours: Job['hours'];

  @ApiProperty()
  driftPercent: number;

  @ApiProperty({ ...nullable, type: Ordered, description: 'Who has let it pass the guards' })
  override: Job['override'];

  @ApiProperty({ description: 'Entities looked at so far' })
  scanned: number;

  @ApiProperty({ ...nullable, type: String, description: 'To be named when the plan is executed' })
  planHash: string | null;

  @ApiProperty({ ...nullable, type: String, description: 'Why it was refused or failed' })
  failure: string | null;

  @ApiProperty({ ...nullable, ...time })
  plannedAt: Date | null;

  @ApiProperty({ ...nullable, ...time })
  startedAt: Date | null;

  @ApiProperty({ ...nullable, type: String, enum: ENTITIES, description: 'What is being planned' })
  plannedEntity: Entity | null;

  @ApiProperty({ type: PlanView })
  plan: PlanView;

  @ApiProperty({ type: JobProgress })
  progress: JobProgress;
}
