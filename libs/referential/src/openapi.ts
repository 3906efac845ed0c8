import { createApp, createLogger, describeApi } from '@myelin/platform';
import type { ReferentialDefinition } from './definition.js';
import { ReferentialModule } from './referential.module.js';

/** The OpenAPI document of a referential, as it is committed beside its app; no server is started or asked. */
export async function openApi(definition: ReferentialDefinition): Promise<string> {
  const settings = {
    DATABASE_URL: 'postgres://nowhere/none',
    KAFKA_BROKERS: [],
    TOPIC_PREFIX: '',
    SURVIVORSHIP: undefined,
  };
  const module = ReferentialModule.of(definition, settings);
  const app = await createApp(definition.title, module, createLogger(definition.entity, 'silent'), { preview: true });
  return `${JSON.stringify(describeApi(app, definition.title), null, 2)}\n`;
}
