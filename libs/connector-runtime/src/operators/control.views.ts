import { ApiProperty } from '@nestjs/swagger';
import type { ControlState } from './control.js';
import { MaintenanceWindow } from './orders.js';
import { POPULATIONS } from './populations.js';

const nullable = { nullable: true } as const;
const time = { type: String, format: 'date-time' } as const;

export class PauseView {
  @ApiProperty()
  author: string;

  @ApiProperty({ required: false })
  reason?: string;

  @ApiProperty(time)
  at: string;

  @ApiProperty({ ...time, required: false, description: 'Absent: until somebody resumes' })
  until?: string;
}

/** What is switched how, and whether anything is written at this moment. */
export class ControlView {
  @ApiProperty({ enum: ['open', 'observing', 'paused', 'stopped', 'disabled', 'maintenance'] })
  work: string;

  @ApiProperty({ description: 'Why nothing is written, where the target is the reason; else empty' })
  detail: string;

  @ApiProperty()
  enabled: boolean;

  @ApiProperty({ description: 'True: differences are noted, nothing is written' })
  observe: boolean;

  @ApiProperty({ enum: POPULATIONS, isArray: true, description: 'Persons who are written while the rest is observed' })
  populations: ControlState['populations'];

  @ApiProperty({ ...nullable, type: PauseView })
  pause: ControlState['pause'];

  @ApiProperty({ type: [MaintenanceWindow] })
  maintenance: ControlState['maintenance'];
}

export class SettingsCheck {
  @ApiProperty()
  ok: boolean;

  @ApiProperty({ required: false, description: 'What must be changed in them' })
  detail?: string;
}

export class TargetCheck {
  @ApiProperty()
  ok: boolean;

  @ApiProperty({ required: false, enum: ['settings or credentials', 'reachability'] })
  problem?: string;

  @ApiProperty({ required: false })
  detail?: string;
}

export class Check {
  @ApiProperty({ type: SettingsCheck })
  settings: SettingsCheck;

  @ApiProperty({ type: TargetCheck })
  target: TargetCheck;
}

/** What an operator did. */
export class Operation {
  @ApiProperty()
  n: number;

  @ApiProperty(time)
  at: Date;

  @ApiProperty()
  author: string;

  @ApiProperty()
  action: string;

  @ApiProperty({ ...nullable, type: String })
  reason: string | null;

  @ApiProperty({ ...nullable, type: 'object', additionalProperties: true })
  detail: Record<string, unknown> | null;
}

export class Operations {
  @ApiProperty({ type: [Operation] })
  items: Operation[];
}
