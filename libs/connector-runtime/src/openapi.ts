import type { Connector } from '@myelin/connector';
import { createApp, createLogger, describeApi } from '@myelin/platform';
import { ConnectorRuntimeModule } from './connector-runtime.module.js';

/** The OpenAPI document that every connector serves; no server is started or asked. */
export async function connectorApi(): Promise<string> {
  const settings = {
    DATABASE_URL: 'postgres://nowhere/none',
    KAFKA_BROKERS: [],
    TOPIC_PREFIX: '',
    CONNECTOR_NAME: '',
    EXPLAIN_VALUES: 'no',
    UNDO_DAYS: 14,
    OVERLAY: undefined,
    HOOK: [],
    HOOK_SECRET: undefined,
    VERIFY_PER_HOUR: 600,
    START_AS: 'write',
  } as const;
  const connector: Connector = { name: 'any', open: () => Promise.reject(new Error('only described')) };
  const module = ConnectorRuntimeModule.of({ connector, entities: [] }, settings);
  const app = await createApp('Connector', module, createLogger('connector', 'silent'), { preview: true });
  return `${JSON.stringify(describeApi(app, 'Connector'), null, 2)}\n`;
}
