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
import { deliveriesTopic, referentialTopic, type Entity } from '@myelin/contracts';
import { BatchConsumer, createKafka, Publisher, type Batch } from '@myelin/messaging';
import { Health, LOGGER, openDatabase, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import type { ConnectorSettings } from './connector-runtime.settings.js';
import { Hooks } from './custom/hooks.js';
import { Control, startAs } from './operators/control.js';
import { ControlController } from './operators/control.controller.js';
import { GuardsController } from './guards/guards.controller.js';
import { JobRunner, UNDO_DAYS } from './jobs/job.runner.js';
import { ParkedController } from './operators/parked.controller.js';
import { ConflictsController } from './jobs/conflicts.controller.js';
import { ResyncController } from './jobs/resync.controller.js';
import type { ThreadStart } from './jobs/scan.threads.js';
import { Scans } from './jobs/scans.js';
import { ScriptController } from './jobs/script.controller.js';
import { EXPLAIN_VALUES, ExplainController } from './operators/explain.controller.js';
import { Guards } from './guards/guards.js';
import { Intake } from './intake/intake.js';
import { LedgerController } from './work/ledger.controller.js';
import { MIGRATIONS } from './migrations.js';
import { Gate } from './work/gate.js';
import { Traffic } from './work/lanes.js';
import { Mapper } from './work/mapper.js';
import { CONNECTOR, ConnectorRunner, parisToday, SESSION } from './work/runner.js';
import { Pulse } from './reports/pulse.js';
import { ReportPublisher } from './reports/report.publisher.js';
import { overlayInForce } from './custom/overlay.js';
import { OverlayController } from './custom/overlay.controller.js';
import { Incarnations } from './intake/incarnations.js';
import { TopicsController } from './intake/topics.controller.js';
import { VerificationController } from './verification/verification.controller.js';
import { Verifier, VERIFY_PER_HOUR } from './verification/verifier.js';
import { Wakeup } from './work/wakeup.js';

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
  /** `threads`: how threads that map are started, where they can be. */
  static of(
    { connector: kind, entities }: ConnectorDefinition,
    settings: ConnectorSettings,
    threads?: ThreadStart,
  ): DynamicModule {
    // Two connectors under one name would be one consumer group, and each would get a part of the topics.
    const connector: Connector = { name: settings.CONNECTOR_NAME || kind.name, open: () => kind.open() };
    const name = `connector-${connector.name}`;
    const session: FactoryProvider<Promise<Session>> = { provide: SESSION, useFactory: () => connector.open() };
    const kafka = (logger: Logger) =>
      createKafka({
        brokers: settings.KAFKA_BROKERS,
        clientId: `myelin-${name}`,
        topicPrefix: settings.TOPIC_PREFIX,
        logger,
      });
    return {
      module: ConnectorRuntimeModule,
      controllers: [
        LedgerController,
        TopicsController,
        ControlController,
        ResyncController,
        ScriptController,
        ConflictsController,
        ParkedController,
        GuardsController,
        ExplainController,
        OverlayController,
        VerificationController,
        ...entities.map(eventsOf),
      ],
      providers: [
        { provide: CONNECTOR, useValue: connector },
        { provide: EXPLAIN_VALUES, useValue: settings.EXPLAIN_VALUES === 'yes' },
        { provide: UNDO_DAYS, useValue: settings.UNDO_DAYS },
        { provide: VERIFY_PER_HOUR, useValue: settings.VERIFY_PER_HOUR },
        session,
        {
          provide: DataSource,
          inject: [LOGGER],
          useFactory: async (logger: Logger) => {
            const applicationName = `myelin-${name}`;
            const database = {
              url: settings.DATABASE_URL,
              applicationName,
              entities: [],
              migrations: MIGRATIONS,
              logger,
            };
            const dataSource = await openDatabase(database);
            await startAs(dataSource, settings.START_AS);
            return dataSource;
          },
        },
        {
          provide: BatchConsumer,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            new BatchConsumer({
              client: kafka(logger),
              provision: entities.map(referentialTopic),
              service: name,
              logger,
            }),
        },
        {
          provide: Publisher,
          inject: [LOGGER],
          useFactory: (logger: Logger) => new Publisher({ client: kafka(logger), contract: deliveriesTopic, logger }),
        },
        {
          provide: Hooks,
          inject: [DataSource, LOGGER, Health],
          useFactory: (dataSource: DataSource, logger: Logger, health: Health) =>
            new Hooks(settings, dataSource, logger, health),
        },
        {
          provide: Mapper,
          inject: [SESSION, DataSource, Hooks],
          useFactory: (opened: Session, dataSource: DataSource, records: Hooks) =>
            new Mapper(opened, dataSource, parisToday, { records, ...overlayInForce(opened, settings) }),
        },
        {
          provide: Scans,
          inject: [DataSource, Mapper],
          useFactory: (dataSource: DataSource, mapper: Mapper) => new Scans(dataSource, mapper, threads),
        },
        { provide: Traffic, useFactory: () => new Traffic() },
        {
          provide: Gate,
          inject: [SESSION, LOGGER],
          useFactory: (opened: Session, logger: Logger) => new Gate(opened, logger),
        },
        Wakeup,
        Control,
        Guards,
        Incarnations,
        Intake,
        ConnectorRunner,
        JobRunner,
        Verifier,
        ConsumerHealth,
        ReportPublisher,
        Pulse,
      ],
    };
  }
}
