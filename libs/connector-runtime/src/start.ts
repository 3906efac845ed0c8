import { BatchConsumer, connectBatchConsumer } from '@myelin/messaging';
import { startService, type SettingsOf, type SettingsSpec } from '@myelin/platform';
import { ConnectorRuntimeModule, type ConnectorDefinition } from './connector-runtime.module.js';
import { connectorSettings, type ConnectorSettings } from './connector-runtime.settings.js';

/** Starts the service of one connector; `settings` are those of its target, `define` makes the connector of them. */
export function startConnector<S extends SettingsSpec>(options: {
  name: string;
  title: string;
  settings: S;
  define: (settings: SettingsOf<S>) => ConnectorDefinition;
}): Promise<void> {
  return startService({
    name: options.name,
    title: options.title,
    settings: { ...connectorSettings, ...options.settings },
    module: (settings) =>
      ConnectorRuntimeModule.of(
        options.define(settings as unknown as SettingsOf<S>),
        settings as unknown as ConnectorSettings,
      ),
    prepare: async (app) => {
      connectBatchConsumer(app, app.get(BatchConsumer));
      await app.startAllMicroservices();
    },
  });
}
