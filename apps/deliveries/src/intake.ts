import { Inject, Injectable } from '@nestjs/common';
import {
  CONNECTOR_PULSED,
  ConnectorPulse,
  DELIVERY_REPORTED,
  DeliveryReport,
  EVENT_KINDS,
  messageValidator,
  unstorable,
  type Entity,
  type MessageAttributes,
} from '@myelin/contracts';
import type { Batch, Received } from '@myelin/messaging';
import { Counter, LOGGER, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { savePublished, savePulses, saveReports, type Published } from './intake.sql.js';
import { DAYS } from './tokens.js';

const reported = new Counter({
  name: 'myelin_reported_deliveries_total',
  help: 'Delivery reports taken, by outcome; one that comes twice is counted once',
  labelNames: ['connector', 'entity', 'outcome'],
});
const refused = new Counter({
  name: 'myelin_refused_messages_total',
  help: 'Messages that break their contract and were skipped',
  labelNames: ['topic'],
});

const validReport = messageValidator(DELIVERY_REPORTED);
const validPulse = messageValidator(CONNECTOR_PULSED);

/** Takes batches off the topics into the database; it is safe to give the same batch again. A message that breaks its contract is skipped. */
@Injectable()
export class Intake {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DAYS) private readonly days: number,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Takes what a referential published: the envelopes only. */
  async takePublished(entity: Entity, batch: Batch): Promise<void> {
    const revisions = this.sift(batch, published);
    await savePublished(this.dataSource, entity, revisions, this.days);
    this.refuse(batch);
  }

  /** Takes what connectors tell: delivery reports and pulses. */
  async takeReports(batch: Batch<MessageAttributes>): Promise<void> {
    const said = this.sift(batch, reportOrPulse);
    const counted = await this.dataSource.transaction(async (manager) => {
      await savePulses(
        manager,
        said.flatMap(({ pulse }) => pulse ?? []),
      );
      return saveReports(
        manager,
        said.flatMap(({ report }) => report ?? []),
        this.days,
      );
    });
    this.refuse(batch);
    for (const { count, ...labels } of counted) reported.inc({ ...labels }, count);
  }

  /** What the events of a batch say; those that break the contract go to the unreadable ones. */
  private sift<A extends MessageAttributes, T extends object>(
    { events, unreadable }: Batch<A>,
    read: (event: Received<A>) => T | string,
  ): T[] {
    return events.flatMap((event) => {
      const said = read(event);
      if (typeof said !== 'string') return [said];
      const { topic, partition, offset } = event;
      unreadable.push({ topic, partition, offset, key: null, bytes: null, reason: said });
      return [];
    });
  }

  private refuse({ unreadable }: Batch<MessageAttributes>): void {
    for (const { topic, partition, offset, reason } of unreadable) {
      refused.inc({ topic });
      this.logger.error({ topic, partition, offset, reason }, 'a message breaks its contract: skipped');
    }
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const LARGEST = 2_147_483_647;
/** Longest text of an envelope that is kept. */
const LONGEST = 128;

/** The envelope of a revision, or what is wrong with it. */
function published({ attributes, sentAt }: Received): Published | string {
  const { subject, type, epoch, revision, time, correlationid, origin } = attributes;
  const kind = type.split('.').at(-2);
  if (!UUID.test(subject)) return 'ce_subject: no master id';
  if (!(EVENT_KINDS as readonly (string | undefined)[]).includes(kind)) return 'ce_type: unknown kind';
  if (epoch > LARGEST || revision > LARGEST) return 'ce_revision: too large';
  if (Number.isNaN(Date.parse(time))) return 'ce_time: no time that exists';
  if (unstorable({ correlationid, origin }) !== undefined) return 'ce_correlationid: holds a NUL character';
  return {
    ...{ id: subject, epoch, revision, kind: kind as string },
    acceptedAt: new Date(time),
    publishedAt: sentAt ?? null,
    origin: origin?.slice(0, LONGEST) ?? null,
    correlationId: correlationid?.slice(0, LONGEST) ?? null,
  };
}

interface Said {
  readonly report?: DeliveryReport;
  readonly pulse?: ConnectorPulse;
}

/** What a connector tells, or what is wrong with it. */
function reportOrPulse({ attributes, state }: Received<MessageAttributes>): Said | string {
  const { type, subject } = attributes;
  if (type === DELIVERY_REPORTED.type) {
    const [fault] = validReport(state);
    const report = state as unknown as DeliveryReport;
    if (fault) return `${fault.field} ${fault.message}`;
    return report.id === subject ? { report: { ...report, at: exactly(report.at) } } : 'id differs from ce_subject';
  }
  if (type === CONNECTOR_PULSED.type) {
    const [fault] = validPulse(state);
    const pulse = state as unknown as ConnectorPulse;
    return fault ? `${fault.field} ${fault.message}` : { pulse: { ...pulse, at: exactly(pulse.at) } };
  }
  return 'ce_type: unknown';
}

/** As PostgreSQL takes it: JavaScript reads the 30th of February as the 1st or 2nd of March. */
const exactly = (instant: string) => new Date(instant).toISOString();
