import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { createKafka, Relay, type KafkaClient } from '@myelin/messaging';
import { Health, LOGGER, openDatabase, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import type { ReferentialDefinition } from './definition.js';
import { ImportController } from './bulk/import.controller.js';
import { ImportService } from './bulk/import.service.js';
import { MIGRATIONS } from './migrations.js';
import { CalendarService } from './calendar/calendar.service.js';
import { readSurvivorship } from './golden/survivorship.settings.js';
import { Ingestion } from './ingest/ingestion.js';
import { createOutbox } from './outbox.js';
import { historyController } from './history/history.controller.js';
import { HistoryService } from './history/history.service.js';
import { TaskController } from './tasks/task.controller.js';
import { TaskService } from './tasks/task.service.js';
import { ReconcileController } from './reconciliation/reconcile.controller.js';
import { ReconcileService } from './reconciliation/reconcile.service.js';
import { recordController } from './record/record.controller.js';
import { RecordService } from './record/record.service.js';
import { RecoveryController } from './recovery/recovery.controller.js';
import { RecoveryService } from './recovery/recovery.service.js';
import type { ReferentialSettings } from './referential.settings.js';
import { sourceController } from './sources/source.controller.js';
import { TABLES } from './tables.js';
import { DEFINITION, KAFKA, RELAY_SIGNAL, SURVIVORSHIP } from './tokens.js';

/** Starts the relay once the process is up, tells its health, and stops it at the end. */
@Injectable()
class RelayRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(RELAY_SIGNAL) private readonly relay: Relay,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(RecoveryService) private readonly recovery: RecoveryService,
    @Inject(Health) private readonly health: Health,
  ) {}

  onApplicationBootstrap(): void {
    this.health.register('database', async () => {
      await this.dataSource.query('select 1');
      return { status: 'ok' };
    });
    this.health.register('relay', () => this.relay.health());
    this.health.register('topic', async () => {
      const lostAt = await this.recovery.topicLostAt();
      if (!lostAt) return { status: 'ok' };
      const detail = `the topic was lost, found at ${lostAt.toISOString()}: publish everything again with POST /republish (docs/runbook.md)`;
      return { status: 'degraded', detail };
    });
    this.relay.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.relay.stop();
    await this.dataSource.destroy();
  }
}

/** One referential: its database, its API and its relay. */
@Module({})
export class ReferentialModule {
  static of(definition: ReferentialDefinition, settings: ReferentialSettings): DynamicModule {
    const name = `myelin-${definition.entity}`;
    return {
      module: ReferentialModule,
      controllers: [
        recordController(definition),
        sourceController(definition),
        historyController(definition),
        TaskController,
        ImportController,
        ReconcileController,
        RecoveryController,
      ],
      providers: [
        { provide: DEFINITION, useValue: definition },
        {
          provide: DataSource,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            openDatabase({
              url: settings.DATABASE_URL,
              applicationName: name,
              entities: TABLES,
              migrations: MIGRATIONS,
              logger,
            }),
        },
        {
          provide: KAFKA,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            createKafka({
              brokers: settings.KAFKA_BROKERS,
              clientId: name,
              topicPrefix: settings.TOPIC_PREFIX,
              logger,
            }),
        },
        {
          provide: RELAY_SIGNAL,
          inject: [DataSource, KAFKA, LOGGER],
          useFactory: (dataSource: DataSource, client: KafkaClient, logger: Logger) =>
            new Relay({
              client,
              entity: definition.entity,
              outbox: createOutbox(dataSource, settings.DATABASE_URL, definition.letter),
              logger,
            }),
        },
        {
          provide: SURVIVORSHIP,
          useFactory: () => readSurvivorship(definition, settings.SURVIVORSHIP),
        },
        Ingestion,
        CalendarService,
        TaskService,
        HistoryService,
        RecordService,
        ImportService,
        ReconcileService,
        RecoveryService,
        RelayRunner,
      ],
    };
  }
}
