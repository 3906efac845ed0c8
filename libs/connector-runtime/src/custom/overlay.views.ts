import { ApiProperty } from '@nestjs/swagger';
import { ENTITIES, type Entity } from '@myelin/contracts';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Max,
  Min,
} from 'class-validator';
import { AttributeView, FieldFaultView, value, WOULD } from '../operators/explain.views.js';

/** Records that are shown at most. */
export const MOST = 100;

/** An overlay to be tried on some records. */
export class PreviewOrder {
  /** The text of the document. */
  @IsString()
  @Length(1, 500_000)
  overlay: string;

  @IsIn(ENTITIES)
  entity: Entity;

  /** Master ids; the first records unless given. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST)
  @IsUUID('all', { each: true })
  ids?: string[];

  /** How many records; 10 unless given. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MOST)
  count?: number;
}

export const DIFFERENCES = ['added', 'changed', 'removed'] as const;

/** What becomes of one attribute of the row. */
export class RowDifference {
  @ApiProperty()
  attribute: string;

  @ApiProperty({ enum: DIFFERENCES })
  difference: (typeof DIFFERENCES)[number];

  @ApiProperty({ ...value, required: false, description: 'Under the mapping in force; absent where values are masked' })
  now?: unknown;

  @ApiProperty({ ...value, required: false, description: 'With the overlay; absent where values are masked' })
  then?: unknown;
}

export class PreviewError {
  @ApiProperty()
  message: string;

  @ApiProperty({ type: [String] })
  attributes: readonly string[];
}

/** What an overlay would make of one record. */
export class RecordPreview {
  @ApiProperty({ format: 'uuid' })
  id: string;

  @ApiProperty({ enum: WOULD, description: 'What would be done with it' })
  would: string;

  @ApiProperty({ type: [RowDifference], description: 'Against the mapping in force' })
  row: RowDifference[];

  @ApiProperty({
    type: [AttributeView],
    description: 'What would change in the target, against what it acknowledged last',
  })
  target: AttributeView[];

  @ApiProperty({ type: [FieldFaultView], description: 'Values that the target cannot hold' })
  unrepresentable: FieldFaultView[];

  @ApiProperty({ type: PreviewError, nullable: true, description: 'Why it would be parked' })
  error: PreviewError | null;
}

export class OverlayPreview {
  @ApiProperty({ enum: ENTITIES })
  entity: Entity;

  @ApiProperty({ type: [RecordPreview] })
  items: RecordPreview[];

  @ApiProperty({ type: [String], description: 'Fields that are not told here' })
  masked: string[];
}
