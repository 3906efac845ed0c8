import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { createKafka, Relay } from '@myelin/messaging';
import { Health, LOGGER, openDatabase, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import type { ReferentialDefinition } from './definition.js';
import { ImportController } from './import.controller.js';
import { ImportService } from './import.service.js';
import { FirstFloor1764000000000 } from './migrations/1-first-floor.js';
import { createOutbox } from './outbox.js';
import { recordController } from './record.controller.js';
import { RecordService } from './record.service.js';
import type { ReferentialSettings } from './referential.settings.js';
import { sourceController } from './source.controller.js';
import { TABLES } from './tables.js';
import { DEFINITION, RELAY_SIGNAL } from './tokens.js';

/** Starts the relay once the process is up, tells its health, and stops it at the end. */
@Injectable()
class RelayRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(RELAY_SIGNAL) private readonly relay: Relay,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Health) private readonly health: Health,
  ) {}

  onApplicationBootstrap(): void {
    this.health.register('database', async () => {
      await this.dataSource.query('select 1');
      return { status: 'ok' };
    });
    this.health.register('relay', () => this.relay.health());
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
      controllers: [recordController(definition), sourceController(definition), ImportController],
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
              migrations: [FirstFloor1764000000000],
              logger,
            }),
        },
        {
          provide: RELAY_SIGNAL,
          inject: [DataSource, LOGGER],
          useFactory: (dataSource: DataSource, logger: Logger) =>
            new Relay({
              client: createKafka({
                brokers: settings.KAFKA_BROKERS,
                clientId: name,
                topicPrefix: settings.TOPIC_PREFIX,
                logger,
              }),
              entity: definition.entity,
              outbox: createOutbox(dataSource, settings.DATABASE_URL),
              logger,
            }),
        },
        RecordService,
        ImportService,
        RelayRunner,
      ],
    };
  }
}
