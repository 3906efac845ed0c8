import {
  Controller,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type Type,
} from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { deliveriesTopic, ENTITIES, referentialTopic, type Entity, type MessageAttributes } from '@myelin/contracts';
import { BatchConsumer, ensureTopics, readEvent, readMessage, type Batch, type KafkaClient } from '@myelin/messaging';
import { briefly, Health, type HealthReport, type Logger } from '@myelin/platform';
import { Intake } from './intake.js';

/** Hands the envelopes of one referential's topic to the intake. */
export function publishedOf(entity: Entity): Type {
  @Controller()
  class Published {
    constructor(@Inject(Intake) private readonly intake: Intake) {}

    @EventPattern<string>(referentialTopic(entity).name)
    take(@Payload() batch: Batch): Promise<void> {
      return this.intake.takePublished(entity, batch);
    }
  }
  return Published;
}

/** Hands what connectors tell to the intake. */
@Controller()
export class Reports {
  constructor(@Inject(Intake) private readonly intake: Intake) {}

  @EventPattern<string>(deliveriesTopic.name)
  take(@Payload() batch: Batch<MessageAttributes>): Promise<void> {
    return this.intake.takeReports(batch);
  }
}

/**
 * The consumers of this service, each with one topic and a group of its own: a referential that publishes everything anew
 * holds no report up.
 */
@Injectable()
export class Consumption implements OnApplicationBootstrap, OnModuleDestroy {
  readonly consumers: readonly BatchConsumer[];
  private readonly ending = new AbortController();
  private mismatch: string | undefined;

  constructor(
    private readonly client: KafkaClient,
    private readonly health: Health,
    private readonly logger: Logger,
  ) {
    const consumer = (topic: string, read: typeof readMessage) =>
      new BatchConsumer({ client, service: 'deliveries', logger, topics: [topic], read });
    this.consumers = [
      consumer(deliveriesTopic.name, readMessage),
      ...ENTITIES.map((entity) => consumer(referentialTopic(entity).name, readEvent)),
    ];
  }

  /** Topics of referentials that the establishment does not run, or not yet, are created: nobody waits for them. */
  onApplicationBootstrap(): void {
    this.health.register('kafka', () => this.state());
    const contracts = [deliveriesTopic, ...ENTITIES.map(referentialTopic)];
    ensureTopics(this.client, contracts, { signal: this.ending.signal }).catch((error: Error) => {
      this.mismatch = error.message;
      this.logger.error({ err: briefly(error) }, 'a topic is not as its contract says');
    });
  }

  onModuleDestroy(): void {
    this.ending.abort();
  }

  /** The worst of all consumers. */
  private state(): HealthReport {
    const reports = this.consumers.map((consumer) => consumer.health());
    const worst =
      reports.find(({ status }) => status === 'down') ?? reports.find(({ status }) => status === 'degraded');
    if (this.mismatch !== undefined && worst?.status !== 'down') return { status: 'degraded', detail: this.mismatch };
    return worst ?? { status: 'ok', detail: 'consuming' };
  }
}
