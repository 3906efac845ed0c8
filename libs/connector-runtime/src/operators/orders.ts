import { ValidationPipe, type Type as Class } from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import { DELIVERY_CAUSES, ENTITIES, type DeliveryCause, type Entity, type FieldFault } from '@myelin/contracts';
import { ProblemError } from '@myelin/platform';
import { Type } from 'class-transformer';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
  type ValidationError,
} from 'class-validator';
import { targetConstructorToSchema } from 'class-validator-jsonschema';
import { ACTIONS, type Action } from '../work/decision.js';
import { MODES, type Mode, type Scope } from '../jobs/job.js';
import { POPULATIONS, type Population } from './populations.js';

/** Who asks, and why: kept with what was done. */
export class Ordered {
  @IsString()
  @Length(1, 200)
  author: string;

  @IsOptional()
  @IsString()
  @Length(1, 500)
  reason?: string;
}

/** As `Ordered`, where a reason must be given. */
export class Justified {
  @IsString()
  @Length(1, 200)
  author: string;

  @IsString()
  @Length(1, 500)
  reason: string;
}

const TIME = /^([01]\d|2[0-3]):[0-5]\d$/;

export class Hours {
  @Matches(TIME)
  from: string;

  @Matches(TIME)
  to: string;
}

export class ScopeOrder implements Scope {
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @IsIn(ENTITIES, { each: true })
  entities?: Entity[];

  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(10_000)
  @IsUUID('all', { each: true })
  ids?: string[];

  @IsOptional()
  @IsIn(POPULATIONS)
  population?: Population;

  @IsOptional()
  @Matches(/^[a-z0-9-]+:.{1,200}$/)
  structure?: string;

  @IsOptional()
  @IsISO8601({ strict: true })
  changedSince?: string;

  @IsOptional()
  @IsBoolean()
  failedOnly?: boolean;
}

export class ResyncOrder extends Ordered {
  @IsIn(MODES)
  mode: Mode;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ScopeOrder)
  scope?: ScopeOrder;

  /** Only plan: what would be done is found out, and somebody executes it or does not. */
  @IsOptional()
  @IsBoolean()
  planOnly?: boolean;

  /** Entities per second at most; after an interruption those of a few seconds may come at once. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10_000)
  rate?: number;

  /** Hours of the day in Europe/Paris in which it may write: what has begun at their end is finished, the rest waits for the next ones. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => Hours)
  hours?: Hours;
}

export class UndoOrder extends Justified {
  /** Only plan: what would be put back is found out, and somebody executes it or does not. */
  @IsOptional()
  @IsBoolean()
  planOnly?: boolean;
}

export class ExecuteOrder extends Ordered {
  /** `planHash` of the plan that was looked at. */
  @IsString()
  @Length(32, 32)
  hash: string;

  /** How much of the plan may have changed since, in percent of its entities; 5 unless given. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  driftPercent?: number;

  /** For this one run the guards are not asked; a reason must be given. */
  @IsOptional()
  @IsBoolean()
  override?: boolean;
}

/** Which parked entities are meant: exactly one of tickets, fingerprint and all; `entity` narrows it to one kind, as groups are. */
export class Selection extends Ordered {
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1000)
  @Length(1, 60, { each: true })
  tickets?: string[];

  @IsOptional()
  @Matches(/^[0-9a-f]{12}$/)
  fingerprint?: string;

  @IsOptional()
  @IsIn(ENTITIES)
  entity?: Entity;

  @IsOptional()
  @IsBoolean()
  all?: boolean;
}

export class PauseOrder extends Ordered {
  @IsOptional()
  @IsISO8601({ strict: true })
  until?: string;
}

export class ObserveOrder extends Ordered {
  /** Persons who have a role in one of these; all entities unless given. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @IsIn(POPULATIONS, { each: true })
  populations?: Population[];
}

export const CONFLICT_DECISIONS = ['adopt', 'create'] as const;

export class ConflictOrder extends Justified {
  /** `adopt`: the entry is that record. `create`: it is another, and the record gets an entry of its own. */
  @IsIn(CONFLICT_DECISIONS)
  decision: (typeof CONFLICT_DECISIONS)[number];

  /** The entry that is adopted. */
  @IsOptional()
  @IsString()
  @Length(1, 2000)
  targetId?: string;
}

export class MaintenanceWindow {
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @IsInt({ each: true })
  @Min(1, { each: true })
  @Max(7, { each: true })
  days?: number[];

  @IsOptional()
  @Matches(TIME)
  from?: string;

  @IsOptional()
  @Matches(TIME)
  to?: string;

  @IsOptional()
  @IsISO8601({ strict: true })
  starts?: string;

  @IsOptional()
  @IsISO8601({ strict: true })
  ends?: string;
}

export class MaintenanceOrder extends Ordered {
  @IsArray()
  @ArrayMaxSize(20)
  @ValidateNested({ each: true })
  @Type(() => MaintenanceWindow)
  windows: MaintenanceWindow[];
}

export class BudgetOrder extends Ordered {
  @IsIn(ENTITIES)
  entity: Entity;

  @IsIn(ACTIONS)
  action: Action;

  /** A cause, or `*` for all that have no budget of their own. */
  @IsIn([...DELIVERY_CAUSES, '*'])
  cause: DeliveryCause | '*';

  @IsOptional()
  @IsInt()
  @Min(0)
  absolute?: number;

  /** Of what the target holds of this entity. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  percent?: number;
}

export class CampaignOrder extends BudgetOrder {
  @IsString()
  @Length(1, 100)
  name: string;

  /** Who answers for it. */
  @IsString()
  @Length(1, 200)
  owner: string;

  @IsISO8601({ strict: true })
  starts: string;

  @IsISO8601({ strict: true })
  ends: string;
}

export class ReleaseOrder extends Justified {
  @IsIn(ENTITIES)
  entity: Entity;

  @IsIn(ACTIONS)
  action: Action;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(10_000)
  @IsUUID('all', { each: true })
  ids?: string[];
}

/** Holds a body to its class; answers 422 with the fields at fault. */
export const Valid = (type: Class) =>
  new ValidationPipe({
    expectedType: type,
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    exceptionFactory: (errors) => {
      const faults = errors.flatMap((error) => faultsOf(error, ''));
      return new ProblemError('invalid-document', 'the order breaks its contract', { errors: faults });
    },
  });

/** The body of an order in the API description. */
export const OrderBody = (type: Class) =>
  ApiBody({
    schema: targetConstructorToSchema(type, {
      refPointerPrefix: '#/components/schemas/',
      classTransformerMetadataStorage: defaultMetadataStorage,
    }) as object,
  });

function faultsOf({ property, constraints, children }: ValidationError, path: string): FieldFault[] {
  const field = path === '' ? property : /^\d+$/.test(property) ? `${path}[${property}]` : `${path}.${property}`;
  const own = Object.values(constraints ?? {}).map((message) => ({ field, message }));
  return [...own, ...(children ?? []).flatMap((child) => faultsOf(child, field))];
}

/** One field of an order that its class cannot judge. */
export const orderFault = (field: string, message: string) =>
  new ProblemError('invalid-document', 'the order breaks its contract', { errors: [{ field, message }] });

/** An id of a record, a job or a campaign. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
