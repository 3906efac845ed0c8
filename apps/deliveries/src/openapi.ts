import { createApp, createLogger, describeApi } from '@myelin/platform';
import { DeliveriesModule, TITLE } from './deliveries.module.js';

/** The OpenAPI document of this service, as it is committed beside it; no server is started or asked. */
export async function openApi(): Promise<string> {
  const settings = {
    DATABASE_URL: 'postgres://nowhere/none',
    KAFKA_BROKERS: [],
    TOPIC_PREFIX: '',
    DELIVERIES_DAYS: 90,
  };
  const app = await createApp(TITLE, DeliveriesModule.of(settings), createLogger('deliveries', 'silent'), {
    preview: true,
  });
  return `${JSON.stringify(describeApi(app, TITLE), null, 2)}\n`;
}
