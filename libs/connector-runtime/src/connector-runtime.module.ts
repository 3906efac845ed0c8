import {
  type DynamicModule,
  type FactoryProvider,
  Controller,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type Type,
} from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import type { Connector, Session } from '@myelin/connector';
import { referentialTopic, type Entity } from '@myelin/contracts';
import { BatchConsumer, createKafka, type Batch } from '@myelin/messaging';
import { Health, LOGGER, openDatabase, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import type { ConnectorSettings } from './connector-runtime.settings.js';
import { Incarnations } from './incarnations.js';
import { Intake } from './intake.js';
import { LedgerController } from './ledger.controller.js';
import { MIGRATIONS } from './migrations.js';
import { CONNECTOR, ConnectorRunner, SESSION } from './runner.js';
import { TopicsController } from './topics.controller.js';
import { Wakeup } from './wakeup.js';

/** Hands the states of one entity's topic to the intake; `priority` is the place of the entity in the order of arrival. */
function eventsOf(entity: Entity, priority: number): Type {
  @Controller()
  class EntityEvents {
    constructor(
      @Inject(Incarnations) private readonly incarnations: Incarnations,
      @Inject(Intake) private readonly intake: Intake,
    ) {}

    @EventPattern<string>(referentialTopic(entity).name)
    async take(@Payload() batch: Batch): Promise<void> {
      await this.incarnations.check(batch.topic, batch.events);
      await this.intake.take(entity, priority, batch);
    }
  }
  return EntityEvents;
}

@Injectable()
class ConsumerHealth implements OnApplicationBootstrap {
  constructor(
    @Inject(BatchConsumer) private readonly consumer: BatchConsumer,
    @Inject(Health) private readonly health: Health,
  ) {}

  onApplicationBootstrap(): void {
    this.health.register('kafka', () => this.consumer.health());
  }
}

/** What a connector app declares. */
export interface ConnectorDefinition {
  readonly connector: Connector;
  /** Entities in the order in which they should arrive in the target. */
  readonly entities: readonly Entity[];
}

/** The runtime around one connector: state, ledger, intake, workers, status. */
@Module({})
export class ConnectorRuntimeModule {
  static of({ connector, entities }: ConnectorDefinition, settings: ConnectorSettings): DynamicModule {
    const name = `connector-${connector.name}`;
    const session: FactoryProvider<Promise<Session>> = { provide: SESSION, useFactory: () => connector.open() };
    return {
      module: ConnectorRuntimeModule,
      controllers: [LedgerController, TopicsController, ...entities.map(eventsOf)],
      providers: [
        { provide: CONNECTOR, useValue: connector },
        session,
        {
          provide: DataSource,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            openDatabase({
              url: settings.DATABASE_URL,
              applicationName: `myelin-${name}`,
              entities: [],
              migrations: MIGRATIONS,
              logger,
            }),
        },
        {
          provide: BatchConsumer,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            new BatchConsumer({
              client: createKafka({
                brokers: settings.KAFKA_BROKERS,
                clientId: `myelin-${name}`,
                topicPrefix: settings.TOPIC_PREFIX,
                logger,
              }),
              service: name,
              logger,
            }),
        },
        Wakeup,
        Incarnations,
        Intake,
        ConnectorRunner,
        ConsumerHealth,
      ],
    };
  }
}
