import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { ENTITIES } from '@myelin/contracts';
import { createKafka } from '@myelin/messaging';
import { Health, LOGGER, openDatabase, type Logger } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { Consumption, publishedOf, Reports } from './consumption.js';
import type { DeliveriesSettings } from './deliveries.settings.js';
import { FirstSchema1764200000000 } from './first-schema.migration.js';
import { Gauges } from './gauges.js';
import { Intake } from './intake.js';
import { MapController } from './map.controller.js';
import { OverviewController } from './overview.controller.js';
import { Retention } from './retention.js';
import { DAYS } from './tokens.js';
import { TraceController } from './trace.controller.js';

export const TITLE = 'Deliveries';

@Injectable()
class Database implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Health) private readonly health: Health,
  ) {}

  onApplicationBootstrap(): void {
    this.health.register('database', async () => {
      await this.dataSource.query('select 1');
      return { status: 'ok' };
    });
  }

  onApplicationShutdown(): Promise<void> {
    return this.dataSource.destroy();
  }
}

/** The service that answers where a change is: its consumers, its database and its API. */
@Module({})
export class DeliveriesModule {
  static of(settings: DeliveriesSettings): DynamicModule {
    const name = 'myelin-deliveries';
    return {
      module: DeliveriesModule,
      controllers: [TraceController, OverviewController, MapController, Reports, ...ENTITIES.map(publishedOf)],
      providers: [
        { provide: DAYS, useValue: settings.DELIVERIES_DAYS },
        {
          provide: DataSource,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            openDatabase({
              url: settings.DATABASE_URL,
              applicationName: name,
              entities: [],
              migrations: [FirstSchema1764200000000],
              logger,
            }),
        },
        {
          provide: Consumption,
          inject: [Health, LOGGER],
          useFactory: (health: Health, logger: Logger) =>
            new Consumption(
              createKafka({
                brokers: settings.KAFKA_BROKERS,
                clientId: name,
                topicPrefix: settings.TOPIC_PREFIX,
                logger,
              }),
              health,
              logger,
            ),
        },
        Intake,
        Gauges,
        Retention,
        Database,
      ],
    };
  }
}
