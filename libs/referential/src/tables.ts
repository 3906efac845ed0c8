import type { EventKind, Status } from '@myelin/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Attributes of a pivot document, as stored. */
export type Attributes = Record<string, unknown>;

/** A master record: its golden state and its place in the order of changes. */
@Entity('record')
export class MasterRecord {
  /** UUIDv7. */
  @PrimaryColumn('uuid')
  id: string;

  /** Raised by one with every change of state or status, under the row's lock. */
  @Column('integer')
  revision: number;

  @Column('text')
  status: Status;

  @Column('jsonb')
  state: Attributes;

  @Column('uuid', { nullable: true })
  survivor: string | null;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;

  /** Short name, as a number (64 bits: text in JavaScript). */
  @Column({ type: 'bigint', insert: false, update: false })
  number: string;

  /** Day in Europe/Paris on which it is to be looked at again. */
  @Column('date', { nullable: true })
  due: string | null;
}

/** What one source says of one thing: the newest version only counts. */
@Entity('source_record')
export class SourceRecord {
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  source: string;

  /** Key of the record in the source. */
  @Column('text', { name: 'source_id' })
  sourceId: string;

  /** The source's own version, when it has one (64 bits: text in JavaScript). */
  @Column('bigint', { nullable: true })
  version: string | null;

  /** First 16 bytes of the SHA-256 of the canonical payload. */
  @Column('bytea')
  hash: Buffer;

  @Column('jsonb')
  payload: Attributes;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt: Date;

  /** Place in the sequence of all that the source has said of it, from 1; what stood before is in `source_version`. */
  @Column('integer')
  n: number;

  /** Since when it is so, as far as the source tells. */
  @Column('text', { name: 'business_date', nullable: true })
  businessDate: string | null;

  /** Attributes in the payload that it said before and is silent about now. */
  @Column({ type: 'text', array: true, nullable: true })
  silent: string[] | null;
}

/** Which master record a source record speaks of. */
@Entity('link')
export class Link {
  @PrimaryColumn('uuid', { name: 'source_record_id' })
  sourceRecordId: string;

  @Column('uuid', { name: 'record_id' })
  recordId: string;

  /** Why they are linked: `new`, `hub`, `decision`, or the strong identifier they share (`siham:100201`). */
  @Column('text')
  evidence: string;

  @Column('timestamptz', { name: 'linked_at' })
  linkedAt: Date;
}

/** An identifier held by a master record; `(scheme, value)` names one record only. */
@Entity('identifier')
export class RecordIdentifier {
  @PrimaryColumn('text')
  scheme: string;

  @PrimaryColumn('text')
  value: string;

  @Column('uuid', { name: 'record_id' })
  recordId: string;

  /** The source record that brought it. */
  @Column('uuid', { name: 'source_record_id' })
  sourceRecordId: string;
}

/** One past or present state of a record; appended, never changed. */
@Entity('revision')
export class Revision {
  @PrimaryColumn('uuid', { name: 'record_id' })
  recordId: string;

  @PrimaryColumn('integer')
  revision: number;

  @Column('text')
  kind: EventKind;

  @Column('text')
  status: Status;

  /** Null: the record's present state. */
  @Column('jsonb', { nullable: true })
  state: Attributes | null;

  @Column('text', { nullable: true })
  source: string | null;

  @Column('text', { nullable: true })
  actor: string | null;

  @Column('text', { nullable: true })
  reason: string | null;

  @Column('text', { name: 'correlation_id', nullable: true })
  correlationId: string | null;

  @Column('timestamptz')
  at: Date;
}

/** One load of a file. */
@Entity('import_run')
export class ImportRun {
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  source: string;

  @Column('text')
  format: string;

  /** `running`, `done`, or `failed` with its reason. */
  @Column('text')
  status: string;

  @Column('text', { nullable: true })
  failure: string | null;

  @Column('integer')
  created: number;

  @Column('integer')
  updated: number;

  @Column('integer')
  unchanged: number;

  @Column('integer')
  stale: number;

  @Column('integer')
  rejected: number;

  /** Kept, and waiting for a steward. */
  @Column('integer', { default: 0 })
  suspected: number;

  @Column('timestamptz', { name: 'started_at' })
  startedAt: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt: Date | null;
}

/** One line of a file that was not loaded, and why. */
@Entity('import_rejection')
export class ImportRejection {
  @PrimaryColumn('uuid', { name: 'run_id' })
  runId: string;

  /** Line in the file, from 1. */
  @PrimaryColumn('integer')
  line: number;

  @Column('text', { name: 'source_id', nullable: true })
  sourceId: string | null;

  /** Path of the field at fault (`identifiers[0].value`), empty when the line as a whole is. */
  @Column('text')
  field: string;

  @Column('text')
  reason: string;
}

export const TABLES = [MasterRecord, SourceRecord, Link, RecordIdentifier, Revision, ImportRun, ImportRejection];
