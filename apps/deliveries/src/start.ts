import { connectBatchConsumer } from '@myelin/messaging';
import { startService } from '@myelin/platform';
import { Consumption } from './consumption.js';
import { DeliveriesModule, TITLE } from './deliveries.module.js';
import { deliveriesSettings } from './deliveries.settings.js';

/** Starts the service that answers where a change is. */
export function startDeliveries(): Promise<void> {
  return startService({
    name: 'deliveries',
    title: TITLE,
    settings: deliveriesSettings,
    module: (settings) => DeliveriesModule.of(settings),
    prepare: async (app) => {
      for (const consumer of app.get(Consumption).consumers) connectBatchConsumer(app, consumer);
      await app.startAllMicroservices();
    },
  });
}
